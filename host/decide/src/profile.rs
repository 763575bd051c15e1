//! Which profile a Dataset gets, and why: named, by selector, the default, or the built-in one.

use millrace_crds::runtime_profile::{ProfileSelector, RuntimeProfile, RuntimeProfileSpec, TieredStore};
use millrace_crds::{Dataset, Reason};

use crate::catalog::Catalog;
use crate::mounts::scheme;
use crate::name::Name;
use crate::refusal::Refusal;
use crate::text;

/// What serves a Dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// For `status.profile`: which, and why.
    pub why: String,
    /// The engine that the profile names: `local`, `alluxio`, `juicefs`, `s3`.
    pub engine: &'static str,
    /// The engine runs as `local` here, in words; empty where it is what it says.
    pub stand_in: String,
    /// On how many nodes the data is kept.
    pub replicas: usize,
    /// Bytes that all nodes together may use, where the profile says so.
    pub capacity: Option<i64>,
}

/// Chooses the profile of `dataset`.
///
/// # Errors
/// `NotFound` where a named profile is not there, with the nearest name.
pub fn choose(dataset: &Dataset, name: &Name, catalog: &Catalog) -> Result<Choice, Refusal> {
    if let Some(wanted) = dataset.profile() {
        let profile = catalog.profiles.get(wanted).ok_or_else(|| not_found(wanted, catalog))?;
        return Ok(choice(&profile.spec, format!("{wanted} (named by the Dataset)"), catalog.laptop));
    }
    let fits = |profile: &RuntimeProfile| {
        profile.spec.selector.as_ref().is_some_and(|selector| selects(selector, dataset, name))
    };
    if let Some((found, profile)) = best(catalog, fits) {
        let why = format!("{found} (its selector fits; priority {})", profile.spec.priority);
        return Ok(choice(&profile.spec, why, catalog.laptop));
    }
    if let Some((found, profile)) = best(catalog, |profile| profile.spec.default) {
        return Ok(choice(&profile.spec, format!("{found} (marked as default)"), catalog.laptop));
    }
    let built_in = RuntimeProfileSpec { local: Some(Default::default()), ..RuntimeProfileSpec::default() };
    Ok(choice(&built_in, "local (built in; no profile fits)".to_owned(), catalog.laptop))
}

/// The fitting profile of the highest priority; of several the first by name.
fn best(catalog: &Catalog, fits: impl Fn(&RuntimeProfile) -> bool) -> Option<(&String, &RuntimeProfile)> {
    let fitting = catalog.profiles.iter().filter(|(_, profile)| fits(profile));
    // `max_by_key` keeps the last of equals, so the names run backwards.
    fitting.rev().max_by_key(|(_, profile)| profile.spec.priority).map(|(name, profile)| (name, &**profile))
}

/// Whether every part of the selector that is given fits; one that gives none fits nothing.
fn selects(selector: &ProfileSelector, dataset: &Dataset, name: &Name) -> bool {
    let ProfileSelector { schemes, namespaces, match_labels } = selector;
    if schemes.is_empty() && namespaces.is_empty() && match_labels.is_empty() {
        return false;
    }
    let labels = dataset.metadata.labels.as_ref();
    let mounts = &dataset.spec.mounts;
    (schemes.is_empty()
        || !mounts.is_empty()
            && mounts.iter().all(|mount| schemes.iter().any(|one| one == scheme(&mount.mount_point))))
        && (namespaces.is_empty() || namespaces.contains(&name.namespace))
        && match_labels.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

fn choice(spec: &RuntimeProfileSpec, why: String, laptop: bool) -> Choice {
    let (engine, replicas, store) = if let Some(engine) = &spec.alluxio {
        ("alluxio", engine.replicas, &engine.tieredstore)
    } else if let Some(engine) = &spec.juicefs {
        ("juicefs", engine.replicas, &engine.tieredstore)
    } else if spec.s3.is_some() {
        ("s3", None, &None)
    } else {
        let engine = spec.local.as_ref();
        ("local", engine.and_then(|engine| engine.replicas), engine.map_or(&None, |e| &e.tieredstore))
    };
    let stand_in = if engine == "local" {
        String::new()
    } else if laptop {
        format!("there is no {engine} on this machine, so the data is kept by Millrace's own cache (local)")
    } else {
        format!("this version does not deploy {engine}, so the data is kept by Millrace's own cache (local)")
    };
    let replicas = usize::try_from(replicas.unwrap_or(1)).unwrap_or(1).max(1);
    let capacity = store.as_ref().and_then(quota).map(|each| each.saturating_mul(replicas as i64));
    Choice { why, engine, stand_in, replicas, capacity }
}

/// Bytes of all levels together; none where a level has no bound.
fn quota(store: &TieredStore) -> Option<i64> {
    if store.levels.is_empty() {
        return None;
    }
    store
        .levels
        .iter()
        .map(|level| level.quota.as_ref().and_then(|quota| crate::quantity::bytes(&quota.0)))
        .sum()
}

fn not_found(wanted: &str, catalog: &Catalog) -> Refusal {
    let meant = text::did_you_mean(text::nearest(wanted, catalog.profiles.keys().map(String::as_str)));
    let message = format!(
        "RuntimeProfile {wanted} is not there.{meant} Create it, or leave runtimeProfile out to take the default"
    );
    Refusal::new(Reason::NotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_crds::dataset::{DatasetSpec, Mount};
    use millrace_crds::runtime_profile::{DistributedEngine, LocalEngine};
    use std::sync::Arc;

    fn profile(edit: impl FnOnce(&mut RuntimeProfileSpec)) -> Arc<RuntimeProfile> {
        let mut spec = RuntimeProfileSpec { local: Some(LocalEngine::default()), ..Default::default() };
        edit(&mut spec);
        Arc::new(RuntimeProfile::new("any", spec))
    }

    fn by_scheme(scheme: &str) -> Option<ProfileSelector> {
        Some(ProfileSelector { schemes: vec![scheme.into()], ..ProfileSelector::default() })
    }

    fn catalog() -> Catalog {
        let mut catalog = Catalog { laptop: true, ..Catalog::default() };
        let alluxio = |spec: &mut RuntimeProfileSpec| {
            spec.local = None;
            spec.alluxio = Some(DistributedEngine { replicas: Some(2), ..DistributedEngine::default() });
        };
        let mut add = |name: &str, profile| catalog.profiles.insert(name.to_owned(), profile);
        add("llms-profile", profile(alluxio));
        add("s3-low", profile(|spec| spec.selector = by_scheme("s3")));
        add("s3-high", profile(|spec| (spec.selector, spec.priority) = (by_scheme("s3"), 5)));
        add("s3-same", profile(|spec| (spec.selector, spec.priority) = (by_scheme("s3"), 5)));
        add("usual", profile(|spec| spec.default = true));
        add("empty", profile(|spec| spec.selector = Some(ProfileSelector::default())));
        catalog
    }

    fn dataset(url: &str, named: Option<&str>) -> Dataset {
        let mount = Mount { mount_point: url.into(), ..Mount::default() };
        let mut dataset = Dataset::new("demo", DatasetSpec { mounts: vec![mount], ..DatasetSpec::default() });
        dataset.runtime_profile = named.map(str::to_owned);
        dataset
    }

    #[test]
    fn named_then_selector_then_default_then_built_in() {
        let name = Name::new("default", "demo");
        let check = |url: &str, named: Option<&str>, catalog: &Catalog, wanted: &str| {
            let choice = choose(&dataset(url, named), &name, catalog).unwrap();
            assert!(choice.why.starts_with(wanted), "{}", choice.why);
        };
        check("s3://b", Some("llms-profile"), &catalog(), "llms-profile (named");
        check("s3://b", None, &catalog(), "s3-high (its selector");
        check("local:///b", None, &catalog(), "usual (marked");
        check("local:///b", None, &Catalog::default(), "local (built in");
    }

    #[test]
    fn distributed_engines_say_that_they_run_as_local() {
        let name = Name::new("default", "demo");
        let choice = choose(&dataset("s3://b", Some("llms-profile")), &name, &catalog()).unwrap();
        assert_eq!((choice.engine, choice.replicas), ("alluxio", 2));
        assert!(choice.stand_in.contains("no alluxio on this machine"));
    }

    #[test]
    fn a_missing_profile_is_refused_with_the_nearest_name() {
        let refusal =
            choose(&dataset("s3://b", Some("llm-profile")), &Name::new("d", "demo"), &catalog()).unwrap_err();
        assert_eq!(refusal.reason, Reason::NotFound);
        assert!(refusal.message.contains("Did you mean llms-profile?"), "{}", refusal.message);
    }
}
