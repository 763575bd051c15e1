//! Taking away what dead runs left: their staging folders, and moved files that no manifest names.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::staging::{DRAFT, REPLACED, Staging, lock_if_dead, lock_output, runs};
use super::{PublishError, read_manifest};
use crate::manifest::Manifest;

/// Removes what dead runs left at `output`, except of the runs that `is_alive` names (operations
/// whose tasks are between two processes hold no lock). Gives the number of runs removed.
///
/// # Errors
/// A folder cannot be read or removed; the sweep can be repeated.
pub fn sweep(output: &Path, is_alive: &dyn Fn(&str) -> bool) -> Result<usize, PublishError> {
    sweep_on(&Disk::default(), output, is_alive)
}

pub(crate) fn sweep_on(
    disk: &Disk,
    output: &Path,
    is_alive: &dyn Fn(&str) -> bool,
) -> Result<usize, PublishError> {
    let folder = runs(output);
    if !folder.is_dir() {
        return Ok(0);
    }
    let _lock = lock_output(output, disk)?;
    let mut removed = 0;
    for run in folders(&folder)? {
        let uid = run.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if is_alive(&uid) {
            continue;
        }
        if let Some(_dead) = lock_if_dead(&run) {
            for attempt in folders(&run)? {
                clear_attempt(disk, &attempt, output)?;
            }
            disk.remove_tree(&run).map_err(|source| PublishError::io("remove", &run, source))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Removes an attempt's own folder, and its run's if that was the last.
pub(crate) fn remove_run(disk: &Disk, staging: &Staging) -> Result<(), PublishError> {
    disk.remove_tree(&staging.root).map_err(|source| PublishError::io("remove", &staging.root, source))?;
    let Some(run) = staging.root.parent() else { return Ok(()) };
    if folders(run)?.is_empty() {
        disk.remove_tree(run).map_err(|source| PublishError::io("remove", run, source))?;
    }
    Ok(())
}

/// After a failed attempt that still lives: what it had moved to `folder` goes.
pub(crate) fn take_back(disk: &Disk, staging: &Staging, folder: &Path) -> Result<(), PublishError> {
    clear_moved(disk, &staging.root, folder)
}

fn clear_attempt(disk: &Disk, attempt: &Path, output: &Path) -> Result<(), PublishError> {
    // Without a destination, nothing was moved yet.
    match fs::read_to_string(attempt.join("destination")) {
        Ok(destination) => clear_moved(disk, attempt, &output.join(destination)),
        Err(_) => Ok(()),
    }
}

fn clear_moved(disk: &Disk, attempt: &Path, folder: &Path) -> Result<(), PublishError> {
    let current = read_manifest(folder)?;
    for name in [DRAFT, REPLACED] {
        let drafted = fs::read(attempt.join(name))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok());
        if let Some(drafted) = drafted {
            remove_unnamed(disk, folder, &drafted, current.as_ref())?;
        }
    }
    match current {
        // A replacement that did not happen had taken the mark away.
        Some(_) => restore_mark(disk, attempt, folder),
        None => clear_folder(disk, folder),
    }
}

fn restore_mark(disk: &Disk, attempt: &Path, folder: &Path) -> Result<(), PublishError> {
    let path = folder.join("_SUCCESS");
    if path.exists() {
        return Ok(());
    }
    disk.replace(&path, b"", &attempt.join("success.new"))
        .map_err(|source| PublishError::io("write", &path, source))
}

/// Nothing is published: our README and mark go too.
fn clear_folder(disk: &Disk, folder: &Path) -> Result<(), PublishError> {
    let mut ours = vec![folder.join("_SUCCESS")];
    let readme = folder.join("README.md");
    if readme.exists() && super::readme::is_ours(&readme) {
        ours.push(readme);
    }
    for path in ours {
        disk.remove(&path).map_err(|source| PublishError::io("remove", &path, source))?;
    }
    Ok(())
}

/// Removes the files of `gone` that `current` does not name, and the folders that this empties.
pub(crate) fn remove_unnamed(
    disk: &Disk,
    folder: &Path,
    gone: &Manifest,
    current: Option<&Manifest>,
) -> Result<(), PublishError> {
    let named: HashSet<&str> =
        current.iter().flat_map(|manifest| &manifest.files).map(|file| file.path.as_str()).collect();
    let mut parents = HashSet::new();
    for file in gone.files.iter().filter(|file| !named.contains(file.path.as_str())) {
        let path = folder.join(&file.path);
        disk.remove(&path).map_err(|source| PublishError::io("remove", &path, source))?;
        parents.extend(path.ancestors().skip(1).take_while(|parent| *parent != folder).map(Path::to_owned));
    }
    let mut parents: Vec<PathBuf> = parents.into_iter().collect();
    parents.sort_by_key(|parent| std::cmp::Reverse(parent.components().count()));
    for parent in parents {
        disk.remove_empty(&parent).map_err(|source| PublishError::io("remove", &parent, source))?;
    }
    Ok(())
}

fn folders(path: &Path) -> Result<Vec<PathBuf>, PublishError> {
    let failed = |source| PublishError::io("list", path, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
