//! The node's cache: files of datasets on this machine's disk, as plain files, with an index.
//!
//! [`Cache`] is the root folder, [`DatasetCache`] one mount of one dataset in it. Files come in by
//! [`DatasetCache::load`] and are found by [`DatasetCache::resolve`]. The cache knows stores and
//! disks; what is loaded when, and for whom, is decided elsewhere.

mod error;
mod evict;
mod fetch;
mod index;
mod layout;
mod load;
mod lock;
mod pins;
mod place;
mod record;
mod resolve;
mod space;
mod survey;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::list::FileList;
use crate::store::blocking;

pub use error::CacheError;
pub use evict::Evicted;
pub use layout::{DatasetId, MountIdentity};
pub use load::{LoadOptions, LoadReport, Progress};
pub use pins::Pinned;
pub use resolve::{CacheStates, Missing, Resolved};
pub use space::CacheLimits;
pub use survey::FileState;

use index::Index;
use layout::Layout;
use survey::{Look, Verified};

/// A cache folder. Cheap to clone; several processes may use one folder at once.
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    limits: CacheLimits,
    verified: Verified,
    /// Indexes that are in use: each is opened once per process.
    indexes: Mutex<HashMap<PathBuf, Weak<Index>>>,
}

/// One mount of one dataset in the cache.
#[derive(Clone)]
pub struct DatasetCache {
    cache: Cache,
    id: DatasetId,
    layout: Layout,
    /// Where the mount is in the dataset, without `/` at its ends.
    mount: String,
}

impl Cache {
    /// Opens the cache at `root`, making the folder where it is missing.
    ///
    /// # Errors
    /// The folder cannot be made or is none.
    pub fn open(root: &Path, limits: CacheLimits) -> Result<Self, CacheError> {
        std::fs::create_dir_all(root).map_err(CacheError::io("create", root))?;
        let root = root.canonicalize().map_err(CacheError::io("open", root))?;
        let inner = Inner { root, limits, verified: Verified::default(), indexes: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The part of the cache that belongs to the mount at `mount_path` (`/`, `/train`) of a dataset.
    ///
    /// # Errors
    /// `mount_path` leads elsewhere (`..`), or the folders cannot be made.
    pub fn dataset(&self, id: &DatasetId, mount_path: &str) -> Result<DatasetCache, CacheError> {
        let mount = mount_path.trim_matches('/');
        if !mount.is_empty()
            && let Some(problem) = crate::store::name_problem(mount)
        {
            return Err(CacheError::Name { path: mount_path.to_owned(), problem });
        }
        let layout = Layout::of(&self.inner.root, id);
        layout.create()?;
        Ok(DatasetCache { cache: self.clone(), id: id.clone(), layout, mount: mount.to_owned() })
    }

    /// The cache's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    fn index_of(&self, layout: &Layout) -> Result<Arc<Index>, CacheError> {
        let path = layout.index();
        let mut indexes = self.inner.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = indexes.get(&path).and_then(Weak::upgrade) {
            return Ok(index);
        }
        let index = Arc::new(Index::open(&path)?);
        indexes.retain(|_, index| index.strong_count() > 0);
        indexes.insert(path, Arc::downgrade(&index));
        Ok(index)
    }
}

impl DatasetCache {
    /// The dataset.
    #[must_use]
    pub fn id(&self) -> &DatasetId {
        &self.id
    }

    /// The folder with the dataset's files, all mounts together.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.layout.data
    }

    /// Keeps the files of `list` from being evicted until the pin is dropped.
    ///
    /// # Errors
    /// The pin cannot be written.
    pub fn pin(&self, list: &FileList) -> Result<Pinned, CacheError> {
        let keys: Vec<_> = list.files.iter().map(|file| self.key(&file.path)).collect();
        Pinned::new(&self.layout, keys.iter().map(String::as_str))
    }

    /// A file's path in the dataset, which the index calls it by.
    fn key(&self, path: &str) -> String {
        match self.mount.as_str() {
            "" => path.to_owned(),
            mount => format!("{mount}/{path}"),
        }
    }

    fn root(&self) -> &Path {
        &self.cache.inner.root
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn verified(&self) -> &Verified {
        &self.cache.inner.verified
    }

    fn index(&self) -> Result<Arc<Index>, CacheError> {
        self.cache.index_of(&self.layout)
    }

    async fn survey(&self, list: &FileList, look: Look) -> Result<Vec<FileState>, CacheError> {
        let (this, list) = (self.clone(), list.clone());
        blocking(move || {
            let files: Vec<_> = list.files.iter().collect();
            let keys: Vec<_> = files.iter().map(|file| this.key(&file.path)).collect();
            survey::survey(&this.layout, &*this.index()?, this.verified(), &files, &keys, look)
        })
        .await
    }
}
