//! What a load of a whole Dataset brought, so that it can be mounted later, also after a restart and
//! while the source does not answer.

use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use millrace_crds::node_task::TaskDataset;
use millrace_data::list::FileList;
use serde::{Deserialize, Serialize};

use super::Bind;

/// A Dataset as the last load of all of it found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) dataset: TaskDataset,
    /// The cache's folder with its files.
    pub(crate) folder: PathBuf,
    pub(crate) mounts: Vec<MountView>,
}

/// One mount of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MountView {
    /// Where it is in the Dataset: `/`, `/train`.
    pub(crate) path: String,
    pub(crate) place: Place,
}

/// Where a mount's files are on this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// In the cache: these.
    Cached { list: FileList },
    /// Where they always were.
    InPlace { folder: PathBuf, writable: bool },
}

impl View {
    /// Writes it; what stood there before is replaced at once.
    pub(crate) fn write(&self, volumes: &Path) -> std::io::Result<()> {
        let path = path(volumes, &self.dataset.namespace, &self.dataset.name);
        let folder = path.parent().unwrap_or(volumes);
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(volumes)?;
        let mut writer = BufWriter::new(&mut file);
        serde_json::to_writer(&mut writer, self)?;
        writer.flush()?;
        drop(writer);
        file.persist(path)?;
        Ok(())
    }

    /// The view of a Dataset; none where it was never loaded whole, or was another of that name.
    pub(crate) fn read(volumes: &Path, namespace: &str, name: &str, uid: &str) -> Option<Self> {
        let file = std::fs::File::open(path(volumes, namespace, name)).ok()?;
        let view: Self = serde_json::from_reader(BufReader::new(file)).ok()?;
        (view.dataset.uid == uid).then_some(view)
    }

    /// Whether every file is there still, as far as lengths tell. Blocking.
    pub(crate) fn is_whole(&self) -> bool {
        self.lists().all(|(path, list)| {
            let folder = self.folder.join(path.trim_matches('/'));
            list.files.iter().all(|file| {
                let there = std::fs::metadata(folder.join(&file.path));
                there.is_ok_and(|meta| meta.is_file() && meta.len() == file.size)
            })
        })
    }

    /// The mounts that are cached, with their files.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&str, &FileList)> {
        self.mounts.iter().filter_map(|mount| match &mount.place {
            Place::Cached { list } => Some((mount.path.as_str(), list)),
            Place::InPlace { .. } => None,
        })
    }

    /// Files and bytes in the cache.
    pub(crate) fn size(&self) -> (u64, u64) {
        self.lists()
            .fold((0, 0), |(files, bytes), (_, list)| (files + list.files.len() as u64, bytes + list.bytes()))
    }

    /// What the volume is made of: one folder for all, then the mounts that are elsewhere.
    ///
    /// # Errors
    /// A folder to mount on cannot be made.
    pub(crate) fn binds(&self) -> std::io::Result<Vec<Bind>> {
        let bare = |path: &str| PathBuf::from(path.trim_matches('/'));
        let elsewhere = self.mounts.iter().filter_map(|mount| match &mount.place {
            Place::InPlace { folder, writable } => {
                Some(Bind { at: bare(&mount.path), source: folder.clone(), writable: *writable })
            }
            Place::Cached { .. } => None,
        });
        let mut binds: Vec<Bind> = elsewhere.collect();
        if !binds.iter().any(|bind| bind.at.as_os_str().is_empty()) {
            for bind in &binds {
                std::fs::create_dir_all(self.folder.join(&bind.at))?;
            }
            binds.push(Bind { at: PathBuf::new(), source: self.folder.clone(), writable: false });
        }
        // What is above comes first, else it would hide what is below.
        binds.sort_by(|left, right| left.at.cmp(&right.at));
        Ok(binds)
    }
}

fn path(volumes: &Path, namespace: &str, name: &str) -> PathBuf {
    volumes.join("views").join(namespace).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_data::list::{InputFile, Version};

    fn view(folder: &Path) -> View {
        let file = InputFile { path: "a/b.csv".into(), size: 3, version: Version::None };
        let cached = Place::Cached { list: FileList::new(vec![file]) };
        let local = Place::InPlace { folder: "/srv/labels".into(), writable: true };
        let dataset = TaskDataset {
            namespace: "default".into(),
            name: "demo".into(),
            uid: "u1".into(),
            ..TaskDataset::default()
        };
        let mount = |path: &str, place| MountView { path: path.into(), place };
        View {
            dataset,
            folder: folder.join("data"),
            mounts: vec![mount("/labels", local), mount("/train", cached)],
        }
    }

    #[test]
    fn a_view_is_read_back_by_its_uid_only() {
        let folder = tempfile::tempdir().unwrap();
        let view = view(folder.path());
        view.write(folder.path()).unwrap();
        assert_eq!(View::read(folder.path(), "default", "demo", "u1"), Some(view));
        assert_eq!(View::read(folder.path(), "default", "demo", "u2"), None);
        assert_eq!(View::read(folder.path(), "default", "other", "u1"), None);
    }

    #[test]
    fn a_file_that_is_gone_or_cut_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let view = view(folder.path());
        let file = folder.path().join("data/train/a/b.csv");
        assert!(!view.is_whole());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "abc").unwrap();
        assert!(view.is_whole());
        std::fs::write(&file, "ab").unwrap();
        assert!(!view.is_whole());
    }

    #[test]
    fn the_cache_comes_first_and_other_folders_on_top() {
        let folder = tempfile::tempdir().unwrap();
        let mut view = view(folder.path());
        let binds = view.binds().unwrap();
        let places: Vec<_> = binds.iter().map(|bind| (bind.at.to_str().unwrap(), bind.writable)).collect();
        assert_eq!(places, [("", false), ("labels", true)]);
        assert!(folder.path().join("data/labels").is_dir());
        view.mounts.truncate(1);
        view.mounts[0].path = "/".into();
        let binds = view.binds().unwrap();
        assert_eq!((binds.len(), binds[0].source.to_str().unwrap()), (1, "/srv/labels"));
    }
}
