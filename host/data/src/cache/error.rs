//! What can go wrong with the node's cache.

use std::path::Path;

use crate::store::{Category, StoreError};

/// Why the cache did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The source of the data.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process loads or evicts the same dataset.
    #[error(
        "{dataset} is being loaded by another process ({holder}) for more than {seconds} s: wait for it, or stop it"
    )]
    Locked {
        /// `namespace/name`.
        dataset: String,
        /// Who holds the lock, in words: `pid 4711`.
        holder: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It does not fit, even after evicting what may be evicted.
    #[error("{needed} bytes do not fit into the cache {cache}: {free} are free{limit}: {advice}")]
    Full {
        /// Bytes that were to be loaded.
        needed: u64,
        /// Bytes that may still be used.
        free: u64,
        /// The cache's folder.
        cache: String,
        /// Which bound it is: ` within its quota of 5 bytes`, ` below 90 % of the disk`.
        limit: String,
        /// What to do.
        advice: &'static str,
    },
    /// A file or folder name that this disk cannot hold.
    #[error("{path}: {problem}")]
    Name {
        /// The path in the dataset.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The index beside the cached files.
    #[error("the index of the cache at {path}: {problem}; removing that folder makes the cache load anew")]
    Index {
        /// Its folder.
        path: String,
        /// What the database said.
        problem: String,
    },
    /// A system call on a cached file.
    #[error("{doing} {path}")]
    Io {
        /// Which action.
        doing: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The caller asked to stop.
    #[error("stopped on request")]
    Cancelled,
}

impl CacheError {
    /// Which kind of failure this is; a lock held elsewhere counts as [`Category::Busy`].
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::Store(error) => error.category(),
            Self::Locked { .. } | Self::Cancelled => Category::Busy,
            Self::Full { .. } => Category::Full,
            Self::Name { .. } => Category::Invalid,
            Self::Io { source, .. } if crate::store::is_full(source) => Category::Full,
            Self::Io { .. } | Self::Index { .. } => Category::Io,
        }
    }

    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { doing, path, source }
    }
}
