//! From a processor's path (`/digits/raw/*.csv`) to a dataset, a mount, and a path inside it.

use millrace_crds::Reason;
use millrace_crds::node_task::{TaskDataset, TaskMount};

use crate::failure::Failure;

/// Where a processor's path leads: one mount of one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) dataset: &'a TaskDataset,
    pub(crate) mount: &'a TaskMount,
    /// The path as the processor writes it down to this mount: `/digits/raw`, `/digits`.
    pub(crate) seen: String,
    /// Path or glob inside the mount, without `/` at its ends; empty for all of it.
    pub(crate) inside: String,
}

/// The one mount that `path` leads to.
///
/// # Errors
/// No dataset has that path, or it is above several mounts.
pub(crate) fn one<'a>(datasets: &'a [TaskDataset], path: &str) -> Result<Place<'a>, Failure> {
    let mut places = all(datasets, path)?;
    match (places.pop(), places.len()) {
        (Some(place), 0) => Ok(place),
        (_, more) => {
            let message = format!(
                "{path} lies above {} mounts of the dataset: name a folder inside one of them",
                more + 1
            );
            Err(Failure::user(Reason::InvalidSpec, message))
        }
    }
}

/// Every mount at, above or below `path`, at least one, in the order of their paths.
///
/// # Errors
/// No dataset has that path.
pub(crate) fn all<'a>(datasets: &'a [TaskDataset], path: &str) -> Result<Vec<Place<'a>>, Failure> {
    let wanted = segments(path)?;
    let found = datasets.iter().filter(|dataset| wanted.starts_with(&plain(&dataset.path)));
    // `/data` and `/data/more` may both be datasets: the longer path wins.
    let Some(dataset) = found.max_by_key(|dataset| plain(&dataset.path).len()) else {
        return Err(Failure::user(Reason::InvalidSpec, unknown(datasets, path)));
    };
    let places = mounts(dataset, &wanted);
    if places.is_empty() {
        let paths: Vec<_> =
            dataset.mounts.iter().map(|mount| format!("{}{}", dataset.path, mount.path)).collect();
        let message =
            format!("{path} is in no mount of dataset {}; its mounts are {}", dataset.name, paths.join(", "));
        return Err(Failure::user(Reason::InvalidSpec, message));
    }
    Ok(places)
}

fn mounts<'a>(dataset: &'a TaskDataset, wanted: &[&str]) -> Vec<Place<'a>> {
    let base = plain(&dataset.path);
    let path_of = |mount: &'a TaskMount| base.iter().copied().chain(plain(&mount.path)).collect::<Vec<_>>();
    let place = |mount: &'a TaskMount, inside: &[&str]| Place {
        dataset,
        mount,
        seen: format!("/{}", path_of(mount).join("/")),
        inside: inside.join("/"),
    };
    let above = dataset.mounts.iter().filter(|mount| wanted.starts_with(&path_of(mount)));
    if let Some(mount) = above.max_by_key(|mount| plain(&mount.path).len()) {
        let inside = wanted.get(path_of(mount).len()..).unwrap_or_default();
        return vec![place(mount, inside)];
    }
    let mut below: Vec<_> =
        dataset.mounts.iter().filter(|mount| path_of(mount).starts_with(wanted)).collect();
    below.sort_by(|left, right| left.path.cmp(&right.path));
    below.into_iter().map(|mount| place(mount, &[])).collect()
}

fn unknown(datasets: &[TaskDataset], path: &str) -> String {
    let paths: Vec<_> = datasets.iter().map(|dataset| dataset.path.as_str()).collect();
    format!(
        "{path} is below none of the datasets' paths ({}): write a path that begins with one of them",
        paths.join(", ")
    )
}

fn plain(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

fn segments(path: &str) -> Result<Vec<&str>, Failure> {
    let segments = plain(path);
    if segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return Err(Failure::user(Reason::InvalidSpec, format!("{path}: a path has no `.` or `..`")));
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(path: &str, mounts: &[&str]) -> TaskDataset {
        let mounts =
            mounts.iter().map(|path| TaskMount { path: (*path).into(), ..TaskMount::default() }).collect();
        TaskDataset { name: "d".into(), path: path.into(), mounts, ..TaskDataset::default() }
    }

    fn found(datasets: &[TaskDataset], path: &str) -> Vec<(String, String)> {
        all(datasets, path).unwrap().into_iter().map(|place| (place.seen, place.inside)).collect()
    }

    #[test]
    fn the_longest_dataset_and_mount_win() {
        let datasets = [dataset("/data", &["/", "/train"]), dataset("/data/more/", &["/"])];
        let pair = |seen: &str, inside: &str| vec![(seen.to_owned(), inside.to_owned())];
        assert_eq!(found(&datasets, "/data/a/*.csv"), pair("/data", "a/*.csv"));
        assert_eq!(found(&datasets, "/data/train/x"), pair("/data/train", "x"));
        assert_eq!(found(&datasets, "/data/train"), pair("/data/train", ""));
        assert_eq!(found(&datasets, "/data/more/x"), pair("/data/more", "x"));
        assert_eq!(found(&datasets, "/data"), pair("/data", ""));
    }

    #[test]
    fn a_path_above_several_mounts_means_all_of_them() {
        let datasets = [dataset("/d", &["/b", "/a"])];
        assert_eq!(found(&datasets, "/d"), [("/d/a".into(), String::new()), ("/d/b".into(), String::new())]);
        assert!(one(&datasets, "/d").unwrap_err().message.contains("2 mounts"));
        assert_eq!(one(&datasets, "/d/a").unwrap().seen, "/d/a");
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        let datasets = [dataset("/d", &["/a"])];
        for path in ["/e", "/d/c", "/da", "/d/a/../b"] {
            assert_eq!(all(&datasets, path).unwrap_err().reason, Reason::InvalidSpec, "{path}");
        }
    }
}
