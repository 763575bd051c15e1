//! Stores: where datasets come from and outputs go to.
//!
//! A [`Store`] is one mount point, opened. It lists files ([`Store::list`]), reads ranges of one
//! version of them ([`Store::read`]) and, for S3, publishes. It keeps nothing on disk; that is
//! [`crate::cache`].

mod answer;
mod endpoint;
mod error;
mod http;
mod listing;
mod local;
mod options;
mod policy;
mod reader;
mod retry;
mod s3;
mod selection;
mod transport;
mod upload;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::list::{FileList, InputFile, Version};
use crate::mount::MountPoint;
use crate::secret::Secret;

pub(crate) use error::is_full;
pub use error::{Category, StoreError};
pub(crate) use local::version as local_version;
pub use options::{SPELLINGS, Setting};
pub use policy::StorePolicy;
pub use reader::{Pin, Reader};
pub use selection::Selection;
pub(crate) use selection::name_problem;
pub use upload::Upload;

/// One mount point, opened. Cheap to clone; clones share connections and limits.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    policy: Arc<StorePolicy>,
}

enum Backend {
    S3(s3::Bucket),
    Http(http::HttpFiles),
    Local(local::Folder),
}

impl Store {
    /// Opens `mount`; no request is made yet.
    ///
    /// `options` and `secrets` are one mount's options in any spelling of [`SPELLINGS`];
    /// `policy` is the administrator's.
    ///
    /// # Errors
    /// An option that is unknown or contradicts another, a local path that the policy forbids, or
    /// a mount that only the node can turn into a path (`pvc://`, `dataset://`).
    pub fn open(
        mount: &MountPoint,
        options: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, Secret>,
        policy: &StorePolicy,
    ) -> Result<Self, StoreError> {
        let policy = Arc::new(policy.clone());
        let options = options::Options::read(options, secrets, &policy.ambient)?;
        let backend = match mount {
            MountPoint::S3 { bucket, prefix } => {
                Backend::S3(s3::Bucket::open(bucket, prefix, &options, &policy)?)
            }
            MountPoint::Http { url } => Backend::Http(http::HttpFiles::open(url, &options, &policy)?),
            MountPoint::Local { path } => Backend::Local(local::Folder::open(path, &policy)?),
            MountPoint::Claim { .. } | MountPoint::Dataset { .. } => {
                return Err(StoreError::Unsupported {
                    what: mount.to_string(),
                    why: "it is a folder only where the node has mounted it".into(),
                });
            }
        };
        Ok(Self { inner: Arc::new(Inner { backend, policy }) })
    }

    /// Lists what `selection` chooses and freezes it. Hidden files and the bookkeeping of
    /// published outputs (`_millrace/`, `_SUCCESS`, their README.md) are left out.
    ///
    /// # Errors
    /// See [`StoreError`]; also a name that cannot be used, and more files than the policy allows.
    /// A selection that matches nothing gives an empty list.
    pub async fn list(&self, selection: &Selection) -> Result<FileList, StoreError> {
        match &self.inner.backend {
            Backend::S3(bucket) => bucket.list(selection, false).await,
            Backend::Http(files) => files.list(selection).await,
            Backend::Local(folder) => {
                let (folder, selection) = (folder.clone(), selection.clone());
                blocking(move || folder.list(&selection)).await
            }
        }
    }

    /// As [`Store::list`] on S3, with hidden files and bookkeeping.
    ///
    /// # Errors
    /// See [`Store::list`]; [`StoreError::Unsupported`] for other stores.
    pub async fn list_everything(&self, selection: &Selection) -> Result<FileList, StoreError> {
        match &self.inner.backend {
            Backend::S3(bucket) => bucket.list(selection, true).await,
            _ => Err(StoreError::Unsupported {
                what: self.describe(""),
                why: "only s3:// keeps its own records".into(),
            }),
        }
    }

    /// Reads `range` of the version of `file` that `pin` holds. Remote stores only.
    #[must_use]
    pub fn read<'a>(&'a self, file: &'a InputFile, range: Range<u64>, pin: &Pin) -> Reader<'a> {
        Reader::new(self, file, range, pin.clone())
    }

    /// Where `path` of a list is, if the store is this machine's own folder.
    #[must_use]
    pub fn local(&self, path: &str) -> Option<PathBuf> {
        match &self.inner.backend {
            Backend::Local(folder) => Some(folder.local(path)),
            _ => None,
        }
    }

    /// Whether files are read in place instead of being loaded.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.inner.backend, Backend::Local(_))
    }

    /// Whether a file can be read in several parts at once.
    #[must_use]
    pub fn has_ranges(&self) -> bool {
        match &self.inner.backend {
            Backend::Http(files) => files.has_ranges(),
            _ => true,
        }
    }

    /// The full address of `path`, for messages; without credentials or signatures.
    #[must_use]
    pub fn describe(&self, path: &str) -> String {
        match &self.inner.backend {
            Backend::S3(bucket) => bucket.describe(path),
            Backend::Http(files) => files.describe(path),
            Backend::Local(folder) => folder.describe(path),
        }
    }

    /// Size and version of a local file now; blocking. `None` for remote stores.
    pub(crate) fn local_now(&self, path: &str) -> Option<Result<(u64, Version), StoreError>> {
        match &self.inner.backend {
            Backend::Local(folder) => Some(folder.now(path)),
            _ => None,
        }
    }

    pub(crate) fn policy(&self) -> &Arc<StorePolicy> {
        &self.inner.policy
    }
}

/// Runs file-system work beside the async threads. A panic in it goes on in the caller; if the
/// runtime is shutting down, nobody is waiting any more.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(value) => value,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_shutting_down)) => std::future::pending().await,
    }
}

fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.to_string()
}
