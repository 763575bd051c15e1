//! From a path as the processor sees it to a place inside one of the operation's datasets.

use millrace_crds::Reason;
use millrace_crds::node_task::{TaskDataset, TaskMount};

use crate::mounts::tidy;
use crate::refusal::Refusal;
use crate::text;

/// A place inside a Dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a, 'p> {
    /// The Dataset.
    pub dataset: &'a TaskDataset,
    /// The path inside it, without a slash in front; empty for all of it. May end in a glob.
    pub inside: &'p str,
}

impl<'a> Place<'a, '_> {
    /// The mount that the place lies in; none where it is above several mounts.
    #[must_use]
    pub fn mount(&self) -> Option<&'a TaskMount> {
        let inside = format!("/{}", self.inside);
        let holding = self.dataset.mounts.iter().filter(|mount| below(&inside, &mount.path).is_some());
        holding.max_by_key(|mount| mount.path.len())
    }
}

/// Where `path` lies. Of datasets whose paths nest, the innermost has it.
///
/// `field` names what is being resolved, for the message: `input`, `output`, `model`.
///
/// # Errors
/// `InvalidSpec` where the path is below none of the datasets.
pub fn resolve<'a, 'p>(
    field: &str,
    path: &'p str,
    datasets: &'a [TaskDataset],
) -> Result<Place<'a, 'p>, Refusal> {
    if path.split('/').any(|part| part == "..") {
        return Err(Refusal::new(Reason::InvalidSpec, format!("{field} {path} may not contain '..'")));
    }
    let places = datasets
        .iter()
        .filter_map(|dataset| below(path, &tidy(&dataset.path)).map(|inside| Place { dataset, inside }));
    places.max_by_key(|place| place.dataset.path.len()).ok_or_else(|| nowhere(field, path, datasets))
}

/// Where something may be published.
///
/// # Errors
/// `InvalidSpec` where the path is below none of the datasets, in none of their mounts, or in one
/// that may not be written to.
pub fn resolve_output<'a, 'p>(
    field: &str,
    path: &'p str,
    datasets: &'a [TaskDataset],
) -> Result<Place<'a, 'p>, Refusal> {
    let place = resolve(field, path, datasets)?;
    let refuse = |why: String| Err(Refusal::new(Reason::InvalidSpec, format!("{field} {path} {why}")));
    let Some(mount) = place.mount() else {
        let mounts = text::list(place.dataset.mounts.iter().map(|mount| &mount.path), 8);
        return refuse(format!(
            "lies in none of the mounts of Dataset {}/{} ({mounts}): write below one of them",
            place.dataset.namespace, place.dataset.name
        ));
    };
    if path.contains(['*', '?', '[', '{']) {
        return refuse("has a glob in it: name one folder".to_owned());
    }
    let whole = format!("{}/{}", place.dataset.namespace, place.dataset.name);
    if !place.dataset.writable {
        return refuse(format!(
            "is in Dataset {whole}, which is read-only: add accessModes: [ReadWriteMany] to its spec, or write to another dataset"
        ));
    }
    if mount.read_only {
        return refuse(format!(
            "is in a mount of Dataset {whole} that is readOnly: write to another mount or dataset"
        ));
    }
    if matches!(crate::mounts::scheme(&mount.mount_point), "http" | "https") {
        return refuse(format!(
            "is at {}, and nothing can be written over HTTP: write to a local:// or s3:// mount",
            mount.mount_point
        ));
    }
    Ok(place)
}

/// The rest of `path` below `folder`, without a slash in front.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix('/').map(|rest| rest.trim_matches('/'))
}

fn nowhere(field: &str, path: &str, datasets: &[TaskDataset]) -> Refusal {
    let paths: Vec<&str> = datasets.iter().map(|dataset| dataset.path.as_str()).collect();
    // The first part of the path is what stands for a dataset, so that is where a slip shows.
    let first = path.get(1..).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let meant = text::did_you_mean(text::nearest(&format!("/{first}"), paths.iter().copied()));
    let message = format!(
        "{field} {path} is below none of the datasets' paths ({}).{meant} Begin it with one of these",
        text::list(paths, 8)
    );
    Refusal::new(Reason::InvalidSpec, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dataset(path: &str, writable: bool) -> TaskDataset {
        let mount = TaskMount { mount_point: "local:///d".into(), path: "/".into(), ..TaskMount::default() };
        TaskDataset {
            namespace: "default".into(),
            name: path.trim_matches('/').into(),
            uid: String::new(),
            path: path.into(),
            writable,
            mounts: vec![mount],
        }
    }

    #[test]
    fn paths_go_to_the_innermost_dataset() {
        let datasets = [dataset("/digits", false), dataset("/digits/out", true), dataset("/digit", false)];
        let check = |path: &str, name: &str, inside: &str| {
            let place = resolve("input", path, &datasets).unwrap();
            assert_eq!((place.dataset.name.as_str(), place.inside), (name, inside), "{path}");
        };
        check("/digits/raw/*.csv", "digits", "raw/*.csv");
        check("/digits", "digits", "");
        check("/digits/", "digits", "");
        check("/digits/out/a", "digits/out", "a");
        check("/digits/output", "digits", "output");
        check("/digit/x", "digit", "x");
    }

    #[test]
    fn refusals_say_what_why_and_what_next() {
        let mut http = dataset("/web", true);
        http.mounts[0].mount_point = "https://host/x".into();
        let mut frozen = dataset("/frozen", true);
        frozen.mounts[0].read_only = true;
        let mut two = dataset("/two", true);
        two.mounts[0].path = "/a".into();
        let datasets = [dataset("/digits", false), dataset("/out", true), http, frozen, two];
        let check = |path: &str, wanted: &str| {
            let refusal = resolve_output("output", path, &datasets).unwrap_err();
            assert_eq!(refusal.reason, Reason::InvalidSpec);
            assert!(refusal.message.contains(wanted), "{path}: {}", refusal.message);
        };
        check("/digts/x", "Did you mean /digits?");
        check("/digits/x", "accessModes: [ReadWriteMany]");
        check("/out/../x", "'..'");
        check("/out/*.csv", "glob");
        check("/web/x", "HTTP");
        check("/frozen/x", "readOnly");
        check("/two/b", "none of the mounts");
        assert!(resolve_output("output", "/two/a/b", &datasets).is_ok());
        assert!(resolve_output("output", "/out", &datasets).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(path in ".{0,40}", seen in "(/[a-z]{0,3}){0,3}") {
            let datasets = [dataset(&seen, true)];
            if let Ok(place) = resolve_output("output", &path, &datasets) {
                prop_assert!(path.contains(place.inside));
            }
        }
    }
}
