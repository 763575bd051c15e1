//! A Dataset's mounts with their defaults filled in: what a task is told of a Dataset.

use std::collections::{BTreeMap, BTreeSet};

use millrace_crds::Reason;
use millrace_crds::common::EncryptOption;
use millrace_crds::dataset::{AccessMode, Dataset, DatasetSpec, Mount};
use millrace_crds::node_task::{TaskDataset, TaskMount};

use crate::name::Name;
use crate::refusal::Refusal;

/// The Dataset as a task sees it, at `path`.
#[must_use]
pub fn task_dataset(dataset: &Dataset, name: &Name, path: &str) -> TaskDataset {
    let single = dataset.spec.mounts.len() == 1;
    TaskDataset {
        namespace: name.namespace.clone(),
        name: name.name.clone(),
        uid: dataset.metadata.uid.clone().unwrap_or_default(),
        path: path.to_owned(),
        writable: is_writable(&dataset.spec),
        mounts: dataset.spec.mounts.iter().map(|mount| task_mount(&dataset.spec, mount, single)).collect(),
    }
}

/// Whether `accessModes` lets anything be written.
#[must_use]
pub fn is_writable(spec: &DatasetSpec) -> bool {
    spec.access_modes.iter().any(|mode| *mode != AccessMode::ReadOnlyMany)
}

/// Whether every mount is on this machine's own disk: read in place, never copied.
#[must_use]
pub fn in_place(mounts: &[TaskMount]) -> bool {
    !mounts.is_empty() && mounts.iter().all(|mount| is_local(&mount.mount_point))
}

/// Whether a URL is a place on a node's own disk.
#[must_use]
pub fn is_local(url: &str) -> bool {
    url.starts_with("local://")
}

/// The scheme of a URL: `s3` of `s3://bucket`.
#[must_use]
pub fn scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}

/// What no schema can say about mounts: two at one place, or a scheme that nothing here reads.
///
/// # Errors
/// A refusal that names the mount.
pub fn check(mounts: &[TaskMount], laptop: bool) -> Result<(), Refusal> {
    let mut paths = BTreeSet::new();
    for mount in mounts {
        if !paths.insert(mount.path.as_str()) {
            return Err(Refusal::new(
                Reason::InvalidSpec,
                format!("two mounts are at {}: give each a path or a name of its own", mount.path),
            ));
        }
        check_scheme(&mount.mount_point, laptop)?;
    }
    Ok(())
}

/// The schemes whose stores this version reads.
const SCHEMES: [&str; 4] = ["local", "s3", "http", "https"];

fn check_scheme(url: &str, laptop: bool) -> Result<(), Refusal> {
    let scheme = scheme(url);
    if SCHEMES.contains(&scheme) {
        return Ok(());
    }
    let message = if scheme == "pvc" && laptop {
        format!("{url} is a claim of a cluster, and this run has none: use local:///absolute/path here")
    } else {
        let nearest = crate::text::did_you_mean(crate::text::nearest(scheme, SCHEMES));
        format!(
            "{url}: this version reads local://, s3://, http:// and https://, not {scheme}://.{nearest} Copy the data to one of these"
        )
    };
    Err(Refusal::new(Reason::NotSupported, message))
}

fn task_mount(spec: &DatasetSpec, mount: &Mount, single: bool) -> TaskMount {
    let mut options = spec.shared_options.clone();
    options.extend(mount.options.clone());
    TaskMount {
        mount_point: mount.mount_point.clone(),
        path: mount.path.clone().map_or_else(|| default_path(mount, single), |path| tidy(&path)),
        read_only: mount.read_only,
        options,
        encrypt_options: merge_secrets(&spec.shared_encrypt_options, &mount.encrypt_options),
    }
}

/// `/<name>`, and `/` for a single mount.
fn default_path(mount: &Mount, single: bool) -> String {
    if single || mount.name.is_empty() { "/".to_owned() } else { format!("/{}", mount.name) }
}

/// A mount's own secret options win over the shared ones of the same name.
fn merge_secrets(shared: &[EncryptOption], own: &[EncryptOption]) -> Vec<EncryptOption> {
    let all = shared.iter().chain(own).map(|option| (option.name.as_str(), option));
    all.collect::<BTreeMap<_, _>>().into_values().cloned().collect()
}

/// A path without empty or `.` parts and without a slash at its end: `/a//b/` is `/a/b`.
#[must_use]
pub fn tidy(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(url: &str, name: &str) -> Mount {
        Mount { mount_point: url.to_owned(), name: name.to_owned(), ..Mount::default() }
    }

    fn seen(spec: DatasetSpec) -> TaskDataset {
        task_dataset(&Dataset::new("demo", spec), &Name::new("default", "demo"), "/demo")
    }

    #[test]
    fn a_single_mount_is_the_root_and_several_go_by_name() {
        let one = seen(DatasetSpec { mounts: vec![mount("local:///data", "raw")], ..DatasetSpec::default() });
        assert_eq!(one.mounts[0].path, "/");
        let mounts = vec![mount("s3://imagenet/train", "train"), mount("pvc://ceph", "validation")];
        let two = seen(DatasetSpec { mounts, ..DatasetSpec::default() });
        let paths: Vec<&str> = two.mounts.iter().map(|mount| mount.path.as_str()).collect();
        assert_eq!(paths, ["/train", "/validation"]);
    }

    #[test]
    fn own_options_win_over_shared_ones() {
        let mut own = mount("s3://bucket", "");
        own.options.insert("region".into(), "eu".into());
        let spec = DatasetSpec {
            mounts: vec![own],
            shared_options: [("region", "us"), ("endpoint", "e")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..DatasetSpec::default()
        };
        let options = &seen(spec).mounts[0].options;
        assert_eq!((options["region"].as_str(), options["endpoint"].as_str()), ("eu", "e"));
    }

    #[test]
    fn clashing_paths_and_unknown_schemes_are_refused_with_advice() {
        let at = |url: &str| TaskMount { mount_point: url.into(), path: "/".into(), ..TaskMount::default() };
        assert!(
            check(&[at("local:///a"), at("local:///b")], true).unwrap_err().message.contains("two mounts")
        );
        assert!(check(&[at("pvc://ceph")], true).unwrap_err().message.contains("local:///"));
        assert!(check(&[at("htps://host/file")], true).unwrap_err().message.contains("Did you mean http"));
        assert_eq!(check(&[at("s3://bucket")], true), Ok(()));
    }

    #[test]
    fn paths_are_tidied() {
        assert_eq!(tidy("//a/./b//"), "/a/b");
        assert_eq!(tidy("/"), "/");
    }
}
