//! Files that must not be evicted because a running operation uses them, over all processes.
//!
//! A pin is a file that names paths, locked for as long as its holder lives: one left behind by a
//! dead process is not locked and counts for nothing.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::CacheError;
use super::layout::Layout;

/// Keeps files in the cache until it is dropped.
#[derive(Debug)]
pub struct Pinned {
    path: PathBuf,
    _file: File,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // A pin that cannot be removed is unlocked all the same, so the next evictor removes it.
        let _removed = std::fs::remove_file(&self.path);
    }
}

impl Pinned {
    pub(super) fn new<'k>(layout: &Layout, keys: impl Iterator<Item = &'k str>) -> Result<Self, CacheError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = layout.pins();
        // While an evictor looks and deletes, no pin appears.
        let gate = Gate::shared(&folder)?;
        let name = format!("{}-{}.pin", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(name);
        let mut file = File::create(&path).map_err(CacheError::io("create", &path))?;
        file.lock().map_err(CacheError::io("lock", &path))?;
        let mut text = String::new();
        keys.for_each(|key| {
            text.push_str(key);
            text.push('\n');
        });
        file.write_all(text.as_bytes()).map_err(CacheError::io("write", &path))?;
        drop(gate);
        Ok(Self { path, _file: file })
    }
}

/// Held shared by who pins, exclusively by who evicts; both for a moment only.
#[derive(Debug)]
pub(super) struct Gate(
    #[expect(dead_code, reason = "the lock is held for as long as the file is open")] File,
);

impl Gate {
    fn open(folder: &Path) -> Result<(File, PathBuf), CacheError> {
        let path = folder.join("gate");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        Ok((file.map_err(CacheError::io("open", &path))?, path))
    }

    fn shared(folder: &Path) -> Result<Self, CacheError> {
        let (file, path) = Self::open(folder)?;
        file.lock_shared().map_err(CacheError::io("lock", &path))?;
        Ok(Self(file))
    }

    pub(super) fn exclusive(layout: &Layout) -> Result<Self, CacheError> {
        let (file, path) = Self::open(&layout.pins())?;
        file.lock().map_err(CacheError::io("lock", &path))?;
        Ok(Self(file))
    }
}

/// The paths that living processes have pinned; pins of dead ones are removed. Call it with the
/// [`Gate`] held exclusively.
pub(super) fn pinned(layout: &Layout, _gate: &Gate) -> Result<HashSet<String>, CacheError> {
    let folder = layout.pins();
    let mut keys = HashSet::new();
    for entry in std::fs::read_dir(&folder).map_err(CacheError::io("list", &folder))? {
        let path = entry.map_err(CacheError::io("list", &folder))?.path();
        if path.extension().is_some_and(|extension| extension == "pin") && is_held(&path)? {
            let text = std::fs::read_to_string(&path).map_err(CacheError::io("read", &path))?;
            keys.extend(text.lines().map(str::to_owned));
        }
    }
    Ok(keys)
}

fn is_held(path: &Path) -> Result<bool, CacheError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(CacheError::io("open", path)(error)),
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(CacheError::io("lock", path)(error)),
        Ok(()) => {
            let _removed = std::fs::remove_file(path);
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::DatasetId;

    #[test]
    fn a_pin_counts_while_it_lives_and_a_left_over_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::of(dir.path(), &DatasetId::new("a", "b", &[]).unwrap());
        layout.create().unwrap();
        std::fs::write(layout.pins().join("1-0.pin"), "dead\n").unwrap();
        let pin = Pinned::new(&layout, ["x/y", "z"].into_iter()).unwrap();
        let seen = pinned(&layout, &Gate::exclusive(&layout).unwrap()).unwrap();
        assert_eq!(seen, HashSet::from(["x/y".into(), "z".into()]));
        assert!(!layout.pins().join("1-0.pin").exists());
        drop(pin);
        assert!(pinned(&layout, &Gate::exclusive(&layout).unwrap()).unwrap().is_empty());
    }
}
