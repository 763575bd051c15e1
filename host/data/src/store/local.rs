//! A folder or file of this machine. It is read in place; nothing here copies.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use crate::list::{FileList, Version};

use super::error::StoreError;
use super::listing::Collector;
use super::policy::StorePolicy;
use super::selection::Selection;

/// A mounted local folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
    policy: Arc<StorePolicy>,
}

impl Folder {
    pub(super) fn open(path: &Path, policy: &Arc<StorePolicy>) -> Result<Self, StoreError> {
        let folder = Self { root: path.to_owned(), policy: policy.clone() };
        folder.check_allowed(path)?;
        Ok(folder)
    }

    pub(super) fn describe(&self, path: &str) -> String {
        format!("local://{}", self.root.join(path).display())
    }

    /// Where `path` of a list is. A mount of a single file lists that file by its name.
    pub(super) fn local(&self, path: &str) -> PathBuf {
        match self.root.file_name() {
            Some(name) if name == path && self.root.is_file() => self.root.clone(),
            _ => self.root.join(path),
        }
    }

    /// Walks the folder; blocking.
    pub(super) fn list(&self, selection: &Selection) -> Result<FileList, StoreError> {
        let mut collector = Collector::new(self.describe(""), selection, self.policy.max_files);
        let meta = self.stat(&self.root)?;
        if meta.is_file() {
            let name = self.root.file_name().map(|name| name.to_string_lossy().into_owned());
            collector.push(&name.unwrap_or_default(), meta.len(), version(&meta))?;
            return collector.finish();
        }
        let start = self.root.join(selection.folder());
        if !start.exists() {
            return collector.finish();
        }
        // Links are followed: dataset folders are often trees of links into a store of blobs.
        for entry in
            WalkDir::new(&start).follow_links(true).into_iter().filter_entry(|entry| !is_hidden(entry))
        {
            let entry = entry.map_err(|error| self.walk_error(&error))?;
            if entry.file_type().is_file() {
                self.push(&entry, &mut collector)?;
            }
        }
        collector.finish()
    }

    fn push(&self, entry: &walkdir::DirEntry, collector: &mut Collector<'_>) -> Result<(), StoreError> {
        if entry.path_is_symlink() {
            self.check_allowed(entry.path())?;
        }
        let relative = entry.path().strip_prefix(&self.root).ok().and_then(Path::to_str);
        let relative = relative.ok_or_else(|| StoreError::Invalid {
            what: entry.path().display().to_string(),
            why: "its name is not UTF-8: rename it".into(),
        })?;
        let meta = self.stat(entry.path())?;
        collector.push(relative, meta.len(), version(&meta))
    }

    /// The version and size that `path` has now; blocking.
    pub(super) fn now(&self, path: &str) -> Result<(u64, Version), StoreError> {
        let meta = self.stat(&self.local(path))?;
        Ok((meta.len(), version(&meta)))
    }

    fn stat(&self, path: &Path) -> Result<Metadata, StoreError> {
        std::fs::metadata(path).map_err(|error| io_error("read", path, error))
    }

    /// Where local paths are limited, the place that `path` really is must be below one of the roots.
    fn check_allowed(&self, path: &Path) -> Result<(), StoreError> {
        let Some(roots) = &self.policy.local_roots else { return Ok(()) };
        let real = path.canonicalize().map_err(|error| io_error("read", path, error))?;
        let real_roots = roots.iter().filter_map(|root| root.canonicalize().ok());
        if real_roots.into_iter().any(|root| real.starts_with(root)) {
            return Ok(());
        }
        Err(StoreError::Refused {
            what: format!("local://{}", path.display()),
            why: "it is below none of the agent's --local-root folders; an administrator can add one".into(),
        })
    }

    fn walk_error(&self, error: &walkdir::Error) -> StoreError {
        let path = error.path().unwrap_or(&self.root);
        match error.io_error().map(std::io::Error::kind) {
            Some(kind) => io_error("list", path, kind.into()),
            None => StoreError::Invalid {
                what: path.display().to_string(),
                why: "a link in it leads back to a folder above: remove the link".into(),
            },
        }
    }
}

fn is_hidden(entry: &walkdir::DirEntry) -> bool {
    entry.depth() > 0
        && entry.file_type().is_dir()
        && entry.file_name().to_str().is_some_and(|name| name.starts_with('.'))
}

/// Time of modification and inode.
pub(crate) fn version(meta: &Metadata) -> Version {
    let mtime_ns = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
    Version::Local { mtime_ns, inode: meta.ino() }
}

fn io_error(doing: &'static str, path: &Path, error: std::io::Error) -> StoreError {
    let what = path.display().to_string();
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            StoreError::NotFound { what, why: "no such file or folder".into() }
        }
        std::io::ErrorKind::PermissionDenied => {
            StoreError::Denied { what, why: "the file's permissions do not allow it".into() }
        }
        _ => StoreError::io(doing, path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(folder: &Path, policy: StorePolicy, selection: &str) -> Result<Vec<String>, StoreError> {
        let folder = Folder::open(folder, &Arc::new(policy))?;
        let list = folder.list(&Selection::parse(selection)?)?;
        Ok(list.files.into_iter().map(|file| file.path).collect())
    }

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a.csv", "train/b.csv", "train/.c.csv", ".git/d", "test/e.txt"] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        dir
    }

    #[test]
    fn a_folder_a_glob_and_a_single_file_are_listed() {
        let dir = tree();
        let all = list(dir.path(), StorePolicy::laptop(), "").unwrap();
        assert_eq!(all, ["a.csv", "test/e.txt", "train/b.csv"]);
        assert_eq!(list(dir.path(), StorePolicy::laptop(), "**/*.csv").unwrap(), ["a.csv", "train/b.csv"]);
        assert_eq!(list(dir.path(), StorePolicy::laptop(), "train").unwrap(), ["train/b.csv"]);
        let file = dir.path().join("a.csv");
        assert_eq!(list(&file, StorePolicy::laptop(), "").unwrap(), ["a.csv"]);
        let folder = Folder::open(&file, &Arc::new(StorePolicy::laptop())).unwrap();
        assert_eq!(folder.local("a.csv"), file);
    }

    #[test]
    fn what_is_missing_is_said() {
        let dir = tree();
        let error = list(&dir.path().join("none"), StorePolicy::laptop(), "").unwrap_err();
        assert_eq!(error.category(), super::super::error::Category::NotFound);
        assert_eq!(list(dir.path(), StorePolicy::laptop(), "none").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn outside_the_local_roots_nothing_is_read_not_even_through_a_link() {
        let (dir, outside) = (tree(), tree());
        let policy = StorePolicy { local_roots: Some(vec![dir.path().into()]), ..StorePolicy::default() };
        assert!(list(dir.path(), policy.clone(), "").is_ok());
        assert!(list(outside.path(), policy.clone(), "").is_err());
        std::os::unix::fs::symlink(outside.path().join("a.csv"), dir.path().join("link.csv")).unwrap();
        assert!(list(dir.path(), policy, "").is_err());
        assert!(list(dir.path(), StorePolicy::default(), "").is_err());
    }

    #[test]
    fn links_are_followed_and_circles_are_named() {
        let (dir, outside) = (tree(), tree());
        std::os::unix::fs::symlink(outside.path().join("a.csv"), dir.path().join("link.csv")).unwrap();
        assert!(list(dir.path(), StorePolicy::laptop(), "").unwrap().contains(&"link.csv".to_owned()));
        std::os::unix::fs::symlink(dir.path(), dir.path().join("train/up")).unwrap();
        let error = list(dir.path(), StorePolicy::laptop(), "").unwrap_err().to_string();
        assert!(error.contains("leads back"), "{error}");
    }

    #[test]
    fn a_replaced_file_has_another_version() {
        let dir = tree();
        let folder = Folder::open(dir.path(), &Arc::new(StorePolicy::laptop())).unwrap();
        let before = folder.now("a.csv").unwrap();
        std::fs::write(dir.path().join("new"), "x").unwrap();
        std::fs::rename(dir.path().join("new"), dir.path().join("a.csv")).unwrap();
        assert_ne!(folder.now("a.csv").unwrap().1, before.1);
    }
}
