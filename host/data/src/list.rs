//! A frozen list of input files: which paths, how long, of which version.
//!
//! Everything downstream (cache, partitions, result reuse) works from such a list, never from what
//! the store says later.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One file of a dataset, as it was when the list was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InputFile {
    /// Path relative to the mount (or to the listed folder below it), `/`-separated: `train/a.csv`.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// Which version of the file this is.
    pub version: Version,
}

/// What tells one version of a file from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Version {
    /// The store's entity tag, with its quotes as the store gave it.
    ETag(String),
    /// `Last-Modified` of an HTTP server that gives no entity tag: one second fine, so weaker.
    Modified(String),
    /// A file on this machine.
    Local {
        /// Time of last modification, nanoseconds since 1970.
        mtime_ns: i64,
        /// Inode number: an atomic replacement changes it even within one clock tick.
        inode: u64,
    },
    /// The source says nothing that could tell versions apart.
    None,
}

/// A frozen list of files, in byte order of their paths, each path once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileList {
    /// The files.
    pub files: Vec<InputFile>,
}

/// A file of a list that can be opened on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// Its path in the list.
    pub path: Arc<str>,
    /// Where it is on this machine.
    pub local: PathBuf,
    /// Length in bytes.
    pub size: u64,
    /// The version that the list names, which is the one on disk.
    pub version: Version,
}

/// Begins the canonical form that [`FileList::digest`] hashes; the number is its version.
const DIGEST_DOMAIN: &[u8] = b"millrace file list 1\n";

impl FileList {
    /// Sorts `files` by the bytes of their paths and drops repetitions of a path (the first stays).
    #[must_use]
    pub fn new(mut files: Vec<InputFile>) -> Self {
        files.sort_by(|left, right| left.path.as_bytes().cmp(right.path.as_bytes()));
        files.dedup_by(|later, earlier| later.path == earlier.path);
        Self { files }
    }

    /// Total length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The file at `path`, if the list has it.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&InputFile> {
        let at = self.files.binary_search_by(|file| file.path.as_bytes().cmp(path.as_bytes())).ok()?;
        self.files.get(at)
    }

    /// BLAKE3 of the list, 64 hex digits: equal lists, and only those, have equal digests.
    ///
    /// Hashed are `millrace file list 1\n` and then for each file, integers little-endian:
    /// `u64` length of the path, the path, `u64` size, one byte for the kind of version (0 none,
    /// 1 entity tag, 2 local, 3 modified), `u64` length of the version, the version; a local
    /// version is `i64` mtime and `u64` inode.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(DIGEST_DOMAIN);
        for file in &self.files {
            update_framed(&mut hasher, file.path.as_bytes());
            hasher.update(&file.size.to_le_bytes());
            let (kind, version) = file.version.canonical();
            hasher.update(&[kind]);
            update_framed(&mut hasher, &version);
        }
        hasher.finalize().to_hex().to_string()
    }
}

impl Version {
    /// Kind and bytes for the digest of a list and for the cache's index.
    #[must_use]
    pub(crate) fn canonical(&self) -> (u8, Vec<u8>) {
        match self {
            Self::None => (0, Vec::new()),
            Self::ETag(tag) => (1, tag.as_bytes().to_vec()),
            Self::Local { mtime_ns, inode } => (2, [mtime_ns.to_le_bytes(), inode.to_le_bytes()].concat()),
            Self::Modified(date) => (3, date.as_bytes().to_vec()),
        }
    }
}

impl Version {
    /// The version that [`Version::canonical`] wrote.
    pub(crate) fn from_canonical(kind: u8, bytes: &[u8]) -> Option<Self> {
        let text = || String::from_utf8(bytes.to_vec()).ok();
        match kind {
            0 if bytes.is_empty() => Some(Self::None),
            1 => Some(Self::ETag(text()?)),
            2 => {
                let (mtime, inode) = bytes.split_first_chunk()?;
                let inode = inode.try_into().ok()?;
                Some(Self::Local { mtime_ns: i64::from_le_bytes(*mtime), inode: u64::from_le_bytes(inode) })
            }
            3 => Some(Self::Modified(text()?)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ETag(tag) => write!(f, "ETag {tag}"),
            Self::Modified(date) => write!(f, "last modified {date}"),
            Self::Local { mtime_ns, inode } => write!(f, "mtime {mtime_ns} ns, inode {inode}"),
            Self::None => write!(f, "no version"),
        }
    }
}

fn update_framed(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, version: Version) -> InputFile {
        InputFile { path: path.into(), size: 3, version }
    }

    #[test]
    fn a_list_is_in_byte_order_and_has_each_path_once() {
        let list = FileList::new(vec![
            file("b", Version::None),
            file("a/z", Version::None),
            file("a-", Version::None),
            file("b", Version::ETag("x".into())),
        ]);
        let paths: Vec<_> = list.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a-", "a/z", "b"]);
        assert_eq!(list.find("b").unwrap().version, Version::None);
        assert_eq!(list.find("c"), None);
        assert_eq!(list.bytes(), 9);
    }

    #[test]
    fn the_digest_depends_on_every_field_and_on_where_one_ends() {
        let lists = [
            vec![],
            vec![file("ab", Version::None)],
            vec![file("a", Version::None), file("b", Version::None)],
            vec![file("ab", Version::ETag(String::new()))],
            vec![file("ab", Version::ETag("1".into()))],
            vec![file("ab", Version::Modified("1".into()))],
            vec![file("ab", Version::Local { mtime_ns: 1, inode: 2 })],
            vec![file("ab", Version::Local { mtime_ns: 2, inode: 1 })],
            vec![InputFile { path: "ab".into(), size: 4, version: Version::None }],
        ];
        let digests: std::collections::BTreeSet<_> =
            lists.iter().map(|files| FileList::new(files.clone()).digest()).collect();
        assert_eq!(digests.len(), lists.len());
        assert_eq!(digests.first().unwrap().len(), 64);
    }

    #[test]
    fn the_digest_of_an_empty_list_is_that_of_the_domain() {
        assert_eq!(
            FileList::default().digest(),
            blake3::hash(b"millrace file list 1\n").to_hex().to_string()
        );
    }
}
