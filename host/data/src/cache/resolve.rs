//! From a frozen list to files that can be opened, and how much of it is cached.

use crate::list::{FileList, LocalFile};
use crate::store::{Store, blocking};

use super::DatasetCache;
use super::error::CacheError;
use super::index::Batch;
use super::load::{check_in_place, now};
use super::survey::{FileState, Look};

/// The files of a list as far as this machine has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Files that are whole and of the listed version, in the order of the list.
    pub files: Vec<LocalFile>,
    /// The others.
    pub missing: Vec<Missing>,
}

/// A file of a list that cannot be opened here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its path in the list.
    pub path: String,
    /// Why it is missing; never [`FileState::Whole`].
    pub state: FileState,
}

/// How much of a list is cached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStates {
    /// Bytes of the list.
    pub total_bytes: u64,
    /// Files of the list.
    pub total_files: u64,
    /// Bytes of the files that are here, whole and of the listed version.
    pub cached_bytes: u64,
    /// Those files.
    pub cached_files: u64,
}

impl DatasetCache {
    /// Finds the files of `list` on this machine. The first time this process meets a cached file
    /// its digest is checked. Files of a `local://` store are where they always were.
    ///
    /// Pin the list first ([`DatasetCache::pin`]) if the files are to stay.
    ///
    /// # Errors
    /// The index cannot be read, or a local file changed since it was listed.
    pub async fn resolve(&self, list: &FileList, store: &Store) -> Result<Resolved, CacheError> {
        if store.is_local() {
            return resolve_in_place(list, store).await;
        }
        let states = self.survey(list, Look::Digest).await?;
        let mut resolved = Resolved::default();
        for (file, state) in list.files.iter().zip(states) {
            match state {
                FileState::Whole => resolved.files.push(LocalFile {
                    path: file.path.as_str().into(),
                    local: self.layout().data.join(self.key(&file.path)),
                    size: file.size,
                    version: file.version.clone(),
                }),
                state => resolved.missing.push(Missing { path: file.path.clone(), state }),
            }
        }
        self.note_use(&resolved).await?;
        Ok(resolved)
    }

    /// How much of `list` is cached, by index, lengths and times; digests are not looked at.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn states(&self, list: &FileList, store: &Store) -> Result<CacheStates, CacheError> {
        let (total_bytes, total_files) = (list.bytes(), list.files.len() as u64);
        if store.is_local() {
            return Ok(CacheStates {
                total_bytes,
                total_files,
                cached_bytes: total_bytes,
                cached_files: total_files,
            });
        }
        let states = self.survey(list, Look::Metadata).await?;
        let whole = list.files.iter().zip(states).filter(|(_, state)| *state == FileState::Whole);
        let (mut cached_bytes, mut cached_files) = (0, 0);
        for (file, _) in whole {
            cached_bytes += file.size;
            cached_files += 1;
        }
        Ok(CacheStates { total_bytes, total_files, cached_bytes, cached_files })
    }

    /// For eviction by last use; one write for all.
    async fn note_use(&self, resolved: &Resolved) -> Result<(), CacheError> {
        let used: Vec<_> = resolved.files.iter().map(|file| self.key(&file.path)).collect();
        let index = self.index()?;
        blocking(move || index.commit(&Batch { used, ..Batch::at(now()) })).await
    }
}

async fn resolve_in_place(list: &FileList, store: &Store) -> Result<Resolved, CacheError> {
    let (list, store) = (list.clone(), store.clone());
    blocking(move || {
        let mut resolved = Resolved::default();
        for file in &list.files {
            check_in_place(&store, file)?;
            let Some(local) = store.local(&file.path) else { continue };
            let path = file.path.as_str().into();
            resolved.files.push(LocalFile { path, local, size: file.size, version: file.version.clone() });
        }
        Ok(resolved)
    })
    .await
}
