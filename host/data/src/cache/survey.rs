//! Which files of a list are in the cache, whole and of the right version.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::list::InputFile;

use super::error::CacheError;
use super::index::Index;
use super::layout::Layout;
use super::record::Record;

/// What the cache has of one file of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Whole, of the listed version.
    Whole,
    /// Not loaded, or loaded only in part.
    Missing,
    /// Another version is there.
    OtherVersion,
    /// Its bytes are not those that were loaded: the disk, or somebody, changed them.
    Damaged,
}

/// Files whose digest was right since this process started.
#[derive(Debug, Default)]
pub(super) struct Verified(Mutex<HashSet<u64>>);

impl Verified {
    fn key(path: &Path, record: &Record) -> u64 {
        let mut hasher = DefaultHasher::new();
        (path, record.mtime_ns, record.inode, record.digest).hash(&mut hasher);
        hasher.finish()
    }

    fn contains(&self, path: &Path, record: &Record) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&Self::key(path, record))
    }

    pub(super) fn insert(&self, path: &Path, record: &Record) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(Self::key(path, record));
    }
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Index, length, times.
    Metadata,
    /// Also the digest of what this process has not yet checked.
    Digest,
}

/// The state of each of `files`, whose keys are `keys`. Blocking; digests are computed on all cores.
pub(super) fn survey(
    layout: &Layout,
    index: &Index,
    verified: &Verified,
    files: &[&InputFile],
    keys: &[String],
    look: Look,
) -> Result<Vec<FileState>, CacheError> {
    let records = index.get_all(keys.iter().map(String::as_str))?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, FileState)>, CacheError> {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(file), Some(key), Some(record)) = (files.get(at), keys.get(at), records.get(at)) else {
                return Ok(found);
            };
            let path = layout.data.join(key);
            found.push((at, state(&path, file, record.as_ref(), verified, look)?));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(files.len());
    let mut states = vec![FileState::Missing; files.len()];
    let found = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mine = work();
        let others = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(mine).chain(others.collect::<Vec<_>>()).collect::<Result<Vec<_>, _>>()
    })?;
    for (at, state) in found.into_iter().flatten() {
        if let Some(slot) = states.get_mut(at) {
            *slot = state;
        }
    }
    Ok(states)
}

fn state(
    path: &Path,
    file: &InputFile,
    record: Option<&Record>,
    verified: &Verified,
    look: Look,
) -> Result<FileState, CacheError> {
    let Some(record) = record else { return Ok(FileState::Missing) };
    if record.version != file.version || record.size != file.size {
        return Ok(FileState::OtherVersion);
    }
    let Ok(meta) = std::fs::metadata(path) else { return Ok(FileState::Missing) };
    if !record.is_of(&meta) {
        return Ok(FileState::Damaged);
    }
    if look == Look::Metadata || verified.contains(path, record) {
        return Ok(FileState::Whole);
    }
    match digest(path) {
        Ok(digest) if digest == record.digest => {
            verified.insert(path, record);
            Ok(FileState::Whole)
        }
        // A disk that cannot read a file back has not kept it.
        Ok(_) => Ok(FileState::Damaged),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a cached file cannot be read");
            Ok(FileState::Damaged)
        }
    }
}

fn digest(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    Ok(*hasher.finalize().as_bytes())
}
