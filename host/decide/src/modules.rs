//! What a module's name means: a shipped module, one of the namespace, another namespace's, or a digest.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use millrace_crds::common::Access;
use millrace_crds::condition::READY;
use millrace_crds::node_task::ModuleFile;
use millrace_crds::operation::ResolvedModule;
use millrace_crds::{ProcessorModule, Reason};
use serde_json::Value;

use crate::access;
use crate::catalog::{Catalog, ShippedModule};
use crate::module;
use crate::name::Name;
use crate::refusal::{Hold, Missing};
use crate::text;

/// A module that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundModule {
    /// What the operation's status will say.
    pub module: ResolvedModule,
    /// What it says of itself: name, version, `params_schema`, ports.
    pub descriptor: Value,
    /// Where a node that does not have it finds it; none for a shipped one.
    pub file: Option<ModuleFile>,
}

impl FoundModule {
    /// The schema of its parameters, if it gives one.
    #[must_use]
    pub fn schema(&self) -> Option<&Value> {
        self.descriptor.get("params_schema")
    }
}

/// A module's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted<'a> {
    Digest(&'a str),
    Named { namespace: Option<&'a str>, name: &'a str, version: Option<&'a str> },
}

/// Finds the module that `reference` names for an operation in `namespace`.
///
/// # Errors
/// Waiting, where it may still come; refused, where it never will, with the nearest right name.
pub fn resolve(reference: &str, namespace: &str, catalog: &Catalog) -> Result<FoundModule, Hold> {
    match parse(reference)? {
        Wanted::Digest(digest) => by_digest(digest, namespace, catalog),
        Wanted::Named { namespace: None, name, version } => {
            match newest_shipped(&catalog.shipped, name, version) {
                Some(shipped) => Ok(found_shipped(shipped)),
                None => uploaded(reference, namespace, namespace, name, version, catalog),
            }
        }
        Wanted::Named { namespace: Some(owner), name, version } => {
            uploaded(reference, namespace, owner, name, version, catalog)
        }
    }
}

/// Whether the catalog has a module of the name that `reference` has, usable or not.
#[must_use]
pub fn is_known(reference: &str, catalog: &Catalog) -> bool {
    match parse(reference) {
        Ok(Wanted::Digest(digest)) => {
            let fits = |module: &Arc<ProcessorModule>| {
                module.status.as_ref().is_some_and(|status| status.digest == digest)
            };
            catalog.shipped.iter().any(|module| module.digest == digest) || catalog.modules.values().any(fits)
        }
        Ok(Wanted::Named { name, namespace, .. }) => {
            let shipped = namespace.is_none() && catalog.shipped.iter().any(|module| module.name == name);
            let called = |(key, module): (&Name, &Arc<ProcessorModule>)| {
                key.name == name || descriptor_text(module, "name") == name
            };
            shipped || catalog.modules.iter().any(called)
        }
        Err(_) => true,
    }
}

fn parse(reference: &str) -> Result<Wanted<'_>, Hold> {
    if reference.starts_with("sha256:") {
        return Ok(Wanted::Digest(reference));
    }
    if reference.contains("://") {
        let message = format!(
            "{reference}: this version takes modules by name or by sha256 digest; give its file with --module and name it"
        );
        return Err(Hold::refuse(Reason::NotSupported, message));
    }
    let (namespace, rest) = match reference.split_once('/') {
        Some((namespace, rest)) => (Some(namespace), rest),
        None => (None, reference),
    };
    let (name, version) = match rest.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (rest, None),
    };
    Ok(Wanted::Named { namespace, name, version })
}

fn by_digest(digest: &str, namespace: &str, catalog: &Catalog) -> Result<FoundModule, Hold> {
    if let Some(shipped) = catalog.shipped.iter().find(|shipped| shipped.digest == digest) {
        return Ok(found_shipped(shipped));
    }
    let mine = catalog.modules.iter().filter(|(name, _)| name.namespace == namespace);
    let fits =
        |module: &ProcessorModule| module.status.as_ref().is_some_and(|status| status.digest == digest);
    match mine.into_iter().find(|(_, module)| fits(module)) {
        Some((name, module)) => found_uploaded(name, module, catalog),
        None => Err(missing(digest, "", catalog)),
    }
}

fn newest_shipped<'a>(
    shipped: &'a [ShippedModule],
    name: &str,
    version: Option<&str>,
) -> Option<&'a ShippedModule> {
    let fits = shipped.iter().filter(|module| module.name == name && version_fits(&module.version, version));
    fits.max_by_key(|module| version_key(&module.version))
}

fn uploaded(
    reference: &str,
    from: &str,
    owner: &str,
    name: &str,
    version: Option<&str>,
    catalog: &Catalog,
) -> Result<FoundModule, Hold> {
    let fits = catalog.modules.iter().filter(|(key, module)| {
        let said = descriptor_text(module, "version");
        key.namespace == owner
            && (key.name == name || descriptor_text(module, "name") == name)
            && (said.is_empty() || version_fits(said, version))
    });
    let newest = fits.max_by_key(|(_, module)| version_key(descriptor_text(module, "version")));
    let Some((key, module)) = newest else {
        return Err(missing(reference, &advice(name, version, owner, catalog), catalog));
    };
    access::check("ProcessorModule", key, &module.spec.shared_with, from, Access::Read)?;
    found_uploaded(key, module, catalog)
}

fn found_shipped(shipped: &ShippedModule) -> FoundModule {
    let module = ResolvedModule {
        name: shipped.name.clone(),
        version: shipped.version.clone(),
        digest: shipped.digest.clone(),
    };
    FoundModule { module, descriptor: shipped.descriptor.clone(), file: None }
}

fn found_uploaded(name: &Name, module: &ProcessorModule, catalog: &Catalog) -> Result<FoundModule, Hold> {
    let status = module.status.as_ref();
    let ready = status.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == READY));
    match (status, ready) {
        (Some(status), Some(ready)) if ready.status == "True" && !status.digest.is_empty() => {
            Ok(FoundModule {
                module: ResolvedModule {
                    name: descriptor_text(module, "name").to_owned(),
                    version: descriptor_text(module, "version").to_owned(),
                    digest: status.digest.clone(),
                },
                descriptor: Value::Object(status.descriptor.clone().unwrap_or_default().0),
                file: module_file(name, module, catalog),
            })
        }
        (_, Some(ready)) => {
            Err(not_ready(name, ready, module_file(name, module, catalog).is_some(), catalog))
        }
        _ => Err(Hold::Wait(format!("ProcessorModule {name} to be Ready"))),
    }
}

/// Where the file of an uploaded module is, as long as its Dataset is there.
fn module_file(name: &Name, module: &ProcessorModule, catalog: &Catalog) -> Option<ModuleFile> {
    let source = module.spec.source.dataset.as_ref()?;
    let dataset = catalog.datasets.get(&module::dataset_name(source, name))?;
    Some(module::file(source, name, dataset))
}

/// What becomes of an operation whose module is there and cannot be used, yet or at all.
/// `has_source` says whether the Dataset of its file is there by now.
fn not_ready(name: &Name, ready: &Condition, has_source: bool, catalog: &Catalog) -> Hold {
    let reason = ready.reason.parse().unwrap_or(Reason::Internal);
    let (passing, refused) = match reason {
        Reason::NotFound => (has_source, false),
        Reason::Executing | Reason::NoNode | Reason::NodeLost => (true, false),
        Reason::ModuleRefused | Reason::NameTaken | Reason::NotSupported => (false, true),
        _ => (false, false),
    };
    let message = format!("ProcessorModule {name} cannot be used: {}", ready.message);
    // Where nobody else can mend it, waiting would be for ever.
    match refused || (!passing && catalog.missing == Missing::Fail) {
        true => Hold::refuse(reason, message),
        false => Hold::Wait(format!("ProcessorModule {name} to be Ready ({})", ready.message)),
    }
}

fn descriptor_text<'a>(module: &'a ProcessorModule, field: &str) -> &'a str {
    let descriptor = module.status.as_ref().and_then(|status| status.descriptor.as_ref());
    descriptor.and_then(|descriptor| descriptor.0.get(field)).and_then(Value::as_str).unwrap_or_default()
}

fn missing(reference: &str, advice: &str, catalog: &Catalog) -> Hold {
    catalog.missing.hold(&format!("module {reference}"), Reason::ModuleNotFound, advice)
}

/// The nearest name, or the versions that there are of the right one.
fn advice(name: &str, version: Option<&str>, owner: &str, catalog: &Catalog) -> String {
    let versions: Vec<&str> = catalog
        .shipped
        .iter()
        .filter(|module| module.name == name)
        .map(|module| module.version.as_str())
        .collect();
    if let (Some(version), false) = (version, versions.is_empty()) {
        return format!(" There is {name}@{}, not {version}.", text::list(versions, 8));
    }
    let mine = catalog.modules.keys().filter(|key| key.namespace == owner).map(|key| key.name.as_str());
    let names: Vec<&str> = catalog.shipped.iter().map(|module| module.name.as_str()).chain(mine).collect();
    match text::nearest(name, names.iter().copied()) {
        Some(nearest) => text::did_you_mean(Some(nearest)),
        None => format!(" There are {}.", text::list(names, 12)),
    }
}

/// Whether a version is what was asked for: `1.2` means any `1.2.x`, nothing means any.
fn version_fits(version: &str, wanted: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return true };
    let mut parts = version.split('.');
    wanted.split('.').all(|part| parts.next() == Some(part))
}

/// Orders versions as numbers; what is no number sorts first, so that a pre-release loses.
fn version_key(version: &str) -> (Vec<u64>, bool) {
    let (core, pre_release) = version.split_once('-').map_or((version, false), |(core, _)| (core, true));
    (core.split('.').map(|part| part.parse().unwrap_or(0)).collect(), !pre_release)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use millrace_crds::common::Share;
    use millrace_crds::processor_module::{ProcessorModuleSpec, ProcessorModuleStatus};
    use serde_json::json;

    fn shipped(name: &str, version: &str) -> ShippedModule {
        ShippedModule {
            name: name.into(),
            version: version.into(),
            digest: format!("sha256:{name}{version}"),
            descriptor: json!({"name": name, "params_schema": {"type": "object"}}),
        }
    }

    fn pushed(version: &str, ready: bool, reason: &str) -> Arc<ProcessorModule> {
        let mut module = ProcessorModule::new("dedup", ProcessorModuleSpec::default());
        let condition = Condition {
            type_: READY.into(),
            status: if ready { "True" } else { "False" }.into(),
            reason: reason.into(),
            message: "too large".into(),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
            observed_generation: None,
        };
        let descriptor = json!({"name": "dedup", "version": version});
        module.status = Some(ProcessorModuleStatus {
            digest: format!("sha256:{version}"),
            descriptor: serde_json::from_value(descriptor).ok(),
            conditions: vec![condition],
            observed_generation: None,
        });
        module.spec.shared_with = vec![Share { namespace: "friends".into(), access: Access::Read }];
        Arc::new(module)
    }

    fn catalog() -> Catalog {
        let mut catalog = Catalog {
            shipped: Arc::new([
                shipped("split", "1.2.0"),
                shipped("split", "1.10.1"),
                shipped("pca", "1.0.0"),
            ]),
            ..Catalog::default()
        };
        catalog.modules.insert(Name::new("onco", "dedup-1"), pushed("1.0.0", true, "Succeeded"));
        catalog.modules.insert(Name::new("onco", "dedup-2"), pushed("2.0.0", true, "Succeeded"));
        catalog.modules.insert(Name::new("slow", "dedup"), pushed("1.0.0", false, "Executing"));
        catalog.modules.insert(Name::new("bad", "dedup"), pushed("1.0.0", false, "ModuleRefused"));
        catalog
    }

    #[test]
    fn names_versions_and_digests_are_found() {
        let check = |reference: &str, namespace: &str, digest: &str| {
            let found = resolve(reference, namespace, &catalog()).unwrap();
            assert_eq!(found.module.digest, digest, "{reference}");
        };
        check("split", "default", "sha256:split1.10.1");
        check("split@1.2", "default", "sha256:split1.2.0");
        check("split@1", "default", "sha256:split1.10.1");
        check("sha256:pca1.0.0", "default", "sha256:pca1.0.0");
        check("sha256:2.0.0", "onco", "sha256:2.0.0");
        check("dedup", "onco", "sha256:2.0.0");
        check("dedup-1", "onco", "sha256:1.0.0");
        check("onco/dedup@1", "friends", "sha256:1.0.0");
    }

    #[test]
    fn what_is_not_found_is_said_with_the_nearest_name() {
        let mut catalog = catalog();
        catalog.missing = Missing::Fail;
        let check = |reference: &str, namespace: &str, reason: Reason, words: &str| {
            let Err(Hold::Refuse(Refusal { reason: found, message })) =
                resolve(reference, namespace, &catalog)
            else {
                panic!("{reference} was not refused")
            };
            assert_eq!(found, reason, "{message}");
            assert!(message.contains(words), "{message}");
        };
        check("splt", "default", Reason::ModuleNotFound, "Did you mean split?");
        check("split@2", "default", Reason::ModuleNotFound, "1.2.0 and 1.10.1, not 2");
        check("oci://host/x", "default", Reason::NotSupported, "--module");
        check("onco/dedup", "strangers", Reason::NotShared, "namespace: strangers");
        check("bad/dedup", "bad", Reason::ModuleRefused, "too large");
        check("sha256:0", "default", Reason::ModuleNotFound, "sha256:0");
    }

    #[test]
    fn what_may_still_come_is_waited_for() {
        assert!(matches!(resolve("dedup", "slow", &catalog()), Err(Hold::Wait(_))));
        assert!(matches!(resolve("nothing", "default", &catalog()), Err(Hold::Wait(_))));
    }
}
