//! The mounts that the plugin made, on disk: they outlive plugin and agent, as the mounts do.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// UID of the Dataset.
    pub(crate) uid: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Where the kubelet wanted it.
    pub(crate) target: PathBuf,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// All of them.
#[derive(Debug, Clone)]
pub(crate) struct Published(PathBuf);

impl Published {
    pub(crate) fn below(volumes: &Path) -> Self {
        Self(volumes.join("published"))
    }

    fn path(&self, target: &Path) -> PathBuf {
        let hash = blake3::hash(target.as_os_str().as_encoded_bytes()).to_hex();
        self.0.join(hash.chars().take(32).collect::<String>())
    }

    pub(crate) fn write(&self, record: &Record) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.0)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        // The agent reads it, and may be another user.
        file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.persist(self.path(&record.target))?;
        Ok(())
    }

    /// The record of a mount; none where there is none that can be read.
    pub(crate) fn read(&self, target: &Path) -> Option<Record> {
        parse(&self.path(target))
    }

    pub(crate) fn remove(&self, target: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(self.path(target)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn all(&self) -> Vec<Record> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.filter_map(|entry| parse(&entry.path())).collect()
    }
}

fn parse(path: &Path) -> Option<Record> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kept_by_target_and_what_is_no_record_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let published = Published::below(folder.path());
        assert!(published.all().is_empty());
        let record = |target: &str| Record {
            uid: "u1".into(),
            namespace: "default".into(),
            name: "demo".into(),
            target: target.into(),
            files: 2,
            bytes: 10,
        };
        published.write(&record("/a")).unwrap();
        published.write(&record("/a")).unwrap();
        published.write(&record("/b")).unwrap();
        std::fs::write(folder.path().join("published/other"), "not a record").unwrap();
        assert_eq!(published.all().len(), 2);
        assert_eq!(published.read(Path::new("/a")), Some(record("/a")));
        published.remove(Path::new("/a")).unwrap();
        published.remove(Path::new("/a")).unwrap();
        assert_eq!(published.read(Path::new("/a")), None);
    }
}
