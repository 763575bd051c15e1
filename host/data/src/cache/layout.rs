//! Where a dataset's files, index, unfinished files, lock and pins are below the cache's root.
//!
//! ```text
//! <root>/<namespace>/<name>-<scope>/…           the files, in the dataset's own folder structure
//! <root>/.millrace/<namespace>/<name>-<scope>/  index.redb  load.lock  partial/  pins/
//! ```
//! Both are below one root, so a finished file is renamed and never copied.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::CacheError;

/// Which dataset, read how: two datasets of one name with other mounts, options or credentials
/// never share a cached byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DatasetId {
    namespace: String,
    name: String,
    scope: String,
}

/// What of one mount decides what its bytes are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountIdentity {
    /// The mount point as written: `s3://bucket/prefix`.
    pub mount_point: String,
    /// Where it is in the dataset: `/train`.
    pub path: String,
    /// Its options, shared ones included.
    pub options: BTreeMap<String, String>,
    /// Its secret options, by reference (`secret name/key`), never by value.
    pub secrets: BTreeMap<String, String>,
}

impl DatasetId {
    /// Makes the id of a dataset from what decides its bytes.
    ///
    /// # Errors
    /// A namespace or name that is not one of Kubernetes.
    pub fn new(namespace: &str, name: &str, mounts: &[MountIdentity]) -> Result<Self, CacheError> {
        for part in [namespace, name] {
            let allowed =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
            if part.is_empty() || part.starts_with('.') || part.len() > 240 || !part.bytes().all(allowed) {
                let problem = "a Kubernetes name has lower-case letters, digits, '-' and '.'";
                return Err(CacheError::Name { path: part.to_owned(), problem });
            }
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned(), scope: scope(mounts) })
    }

    /// `<namespace>/<name>-<12 hex>`.
    fn folder(&self) -> PathBuf {
        Path::new(&self.namespace).join(format!("{}-{}", self.name, self.scope))
    }
}

impl std::fmt::Display for DatasetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// First 12 hex digits of BLAKE3 over every field, each with its length before it.
fn scope(mounts: &[MountIdentity]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    for mount in mounts {
        add(&mount.mount_point);
        add(&mount.path);
        for (kind, pairs) in [("options", &mount.options), ("secrets", &mount.secrets)] {
            add(&format!("{kind} {}", pairs.len()));
            pairs.iter().for_each(|(name, value)| {
                add(name);
                add(value);
            });
        }
    }
    hasher.finalize().to_hex().chars().take(12).collect()
}

/// The folders of one dataset.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The dataset's files.
    pub(super) data: PathBuf,
    /// Everything about them.
    pub(super) meta: PathBuf,
}

/// Folder of all that is not data, below the cache's root. No namespace begins with a dot.
pub(super) const META: &str = ".millrace";

impl Layout {
    pub(super) fn of(root: &Path, id: &DatasetId) -> Self {
        Self { data: root.join(id.folder()), meta: root.join(META).join(id.folder()) }
    }

    /// The layout whose `meta` folder is given.
    pub(super) fn at(root: &Path, meta: &Path) -> Option<Self> {
        let folder = meta.strip_prefix(root.join(META)).ok()?;
        Some(Self { data: root.join(folder), meta: meta.to_owned() })
    }

    pub(super) fn create(&self) -> Result<(), CacheError> {
        for folder in [&self.data, &self.partial(), &self.pins()] {
            std::fs::create_dir_all(folder).map_err(CacheError::io("create", folder))?;
        }
        Ok(())
    }

    pub(super) fn index(&self) -> PathBuf {
        self.meta.join("index.redb")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.meta.join("load.lock")
    }

    pub(super) fn partial(&self) -> PathBuf {
        self.meta.join("partial")
    }

    pub(super) fn pins(&self) -> PathBuf {
        self.meta.join("pins")
    }

    /// The unfinished form of the file that the index calls `key`, in one load. A load that was
    /// stopped may still give its file a name, which must not be another load's file.
    pub(super) fn unfinished(&self, key: &str, load: &str) -> PathBuf {
        let name: String = blake3::hash(key.as_bytes()).to_hex().chars().take(32).collect();
        self.partial().join(format!("{name}-{load}"))
    }

    /// Every dataset of a cache.
    pub(super) fn all(root: &Path) -> Vec<Self> {
        let folders = |path: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
            paths.sort();
            paths
        };
        let namespaces = folders(&root.join(META));
        let datasets = namespaces.iter().flat_map(|namespace| folders(namespace));
        datasets.filter_map(|meta| Self::at(root, &meta)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(point: &str) -> MountIdentity {
        MountIdentity { mount_point: point.into(), path: "/".into(), ..MountIdentity::default() }
    }

    fn folder(mounts: &[MountIdentity]) -> PathBuf {
        Layout::of(Path::new("/cache"), &DatasetId::new("default", "demo", mounts).unwrap()).data
    }

    #[test]
    fn the_folder_depends_on_mounts_options_and_credentials() {
        let plain = mount("s3://bucket/a");
        let mut option = plain.clone();
        option.options.insert("region".into(), "eu".into());
        let mut secret = plain.clone();
        secret.secrets.insert("region".into(), "eu".into());
        let folders = [
            folder(&[]),
            folder(std::slice::from_ref(&plain)),
            folder(&[plain.clone(), plain.clone()]),
            folder(&[mount("s3://bucket/b")]),
            folder(&[option]),
            folder(&[secret]),
        ];
        let distinct: std::collections::BTreeSet<_> = folders.iter().collect();
        assert_eq!(distinct.len(), folders.len());
        assert_eq!(folder(std::slice::from_ref(&plain)), folder(&[plain]));
        let shown = folders[0].display().to_string();
        assert_eq!(shown.len(), "/cache/default/demo-".len() + 12, "{shown}");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", "..", ".millrace", "a/b", "A", "a\0"] {
            assert!(DatasetId::new(name, "demo", &[]).is_err(), "{name:?}");
            assert!(DatasetId::new("default", name, &[]).is_err(), "{name:?}");
        }
    }
}
