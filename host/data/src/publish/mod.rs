//! Publication on local and mounted stores: all of an output, or nothing of it.
//!
//! Order: the draft of the manifest into staging (so that a sweep knows what to take back), the
//! parts by rename, the README, the manifest by conditional create, `_SUCCESS`. Whoever is
//! stopped in between leaves an output without manifest, or a whole one; `sweep` takes the rest away.

mod disk;
mod readme;
mod remote;
mod staging;
mod sweep;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use crate::manifest::{MANIFEST_VERSION, Manifest};
use disk::Disk;
use staging::{DRAFT, OURS, REPLACED, lock_output};

pub use remote::{RemoteError, publish_to_store, sweep_store};
pub use staging::Staging;
pub use sweep::sweep;

/// What happens to what is at the output already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputMode {
    /// It stays, and publishing fails.
    Fail,
    /// It is replaced, if Millrace published it.
    Replace,
    /// Each run has its own folder, `v=<tick>`.
    Version(String),
}

/// How a publication ended well.
#[derive(Debug, Clone, PartialEq)]
pub enum Published {
    /// These files are there now.
    Created(Box<Manifest>),
    /// Equal work was published before; its files stay.
    Reused(Box<Manifest>),
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Something else is at the output.
    #[error("{output} holds {what}; choose another output, or set `outputMode` to Replace or Version")]
    Occupied {
        /// The folder.
        output: String,
        /// What is there.
        what: String,
    },
    /// Files that Millrace did not publish are where a replacement would go.
    #[error("{output} holds {what}, which Millrace did not publish and so does not replace; move it away")]
    Foreign {
        /// The folder.
        output: String,
        /// What is there.
        what: String,
    },
    /// Another publication to the same output does not end.
    #[error("{output}: another publication has been going on for a minute; run again when it is over")]
    Busy {
        /// The folder.
        output: String,
    },
    /// A manifest cannot be read.
    #[error("{path} is not a manifest that this version can read: {what}")]
    Manifest {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// A name that cannot be a folder or file.
    #[error("`{name}` cannot be the name of a folder or file")]
    Name {
        /// The name.
        name: String,
    },
    /// The disk or store said no.
    #[error("{action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: String,
        /// What the system said; `StorageFull` is told apart by its kind.
        source: io::Error,
    },
}

impl PublishError {
    fn occupied_by(output: &Path, manifest: &Manifest) -> Self {
        let what = format!("{} files published by `{}`", manifest.files.len(), manifest.module.name);
        Self::Occupied { output: output.display().to_string(), what }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.display().to_string(), source }
    }
}

/// The folder that a run publishes to: the output, or `v=<tick>` in it.
#[must_use]
pub fn destination(output: &Path, mode: &OutputMode) -> PathBuf {
    match mode {
        OutputMode::Version(tick) => output.join(format!("v={tick}")),
        OutputMode::Fail | OutputMode::Replace => output.to_owned(),
    }
}

/// The manifest of what is published in `folder`, if anything is.
///
/// # Errors
/// It cannot be read, or is of a later version.
pub fn read_manifest(folder: &Path) -> Result<Option<Manifest>, PublishError> {
    let path = manifest_path(folder);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(PublishError::io("read", &path, source)),
    };
    let wrong = |what: String| PublishError::Manifest { path: path.display().to_string(), what };
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if manifest.manifest_version > MANIFEST_VERSION {
        return Err(wrong(format!(
            "version {}, this one knows {MANIFEST_VERSION}",
            manifest.manifest_version
        )));
    }
    Ok(Some(manifest))
}

/// The manifest of equal work at this output, if it is there with all its files at their lengths.
///
/// # Errors
/// A manifest is there that cannot be read.
pub fn find_reusable(
    output: &Path,
    mode: &OutputMode,
    reuse_key: &str,
) -> Result<Option<Manifest>, PublishError> {
    let folder = destination(output, mode);
    let found = read_manifest(&folder)?.filter(|manifest| manifest.reuse_key == reuse_key);
    Ok(found.filter(|manifest| is_whole(&folder, manifest)))
}

/// Refuses early what publication would refuse in the end: where `mode` is `Fail`, other work at
/// this output.
///
/// # Errors
/// [`PublishError::Occupied`], or a manifest is there that cannot be read.
pub fn check_vacant(output: &Path, mode: &OutputMode, reuse_key: &str) -> Result<(), PublishError> {
    if !matches!(mode, OutputMode::Fail) {
        return Ok(());
    }
    match read_manifest(output)?.filter(|manifest| manifest.reuse_key != reuse_key) {
        Some(other) => Err(PublishError::occupied_by(output, &other)),
        None => Ok(()),
    }
}

/// Whether every file that `manifest` names is there with its length.
fn is_whole(folder: &Path, manifest: &Manifest) -> bool {
    manifest.files.iter().all(|file| {
        std::fs::metadata(folder.join(&file.path))
            .is_ok_and(|there| there.is_file() && there.len() == file.bytes)
    })
}

/// Publishes what `manifest` names, which is in the staging folder, and removes that folder.
///
/// With `durable`, everything is flushed before what names it.
///
/// # Errors
/// See [`PublishError`]; the output is as it was, and what had been moved is taken back.
pub fn publish(
    staging: Staging,
    manifest: &Manifest,
    mode: &OutputMode,
    durable: bool,
) -> Result<Published, PublishError> {
    let disk = Disk::new(durable);
    let published = publish_on(&disk, &staging, manifest, mode)?;
    // What is published is published; a staging folder that stays is the next sweep's.
    if let Err(error) = sweep::remove_run(&disk, &staging) {
        tracing::warn!(error = %error, run = %staging.uid, "the staging folder stays for the next sweep");
    }
    Ok(published)
}

fn publish_on(
    disk: &Disk,
    staging: &Staging,
    manifest: &Manifest,
    mode: &OutputMode,
) -> Result<Published, PublishError> {
    let _lock = lock_output(&staging.output, disk)?;
    let folder = destination(&staging.output, mode);
    let attempt = Attempt { disk, staging, manifest, folder: &folder };
    let before = read_manifest(&folder)?;
    if let Some(before) =
        before.as_ref().filter(|before| before.reuse_key == manifest.reuse_key && is_whole(&folder, before))
    {
        attempt.complete()?;
        return Ok(Published::Reused(Box::new(before.clone())));
    }
    attempt.refuse_occupied(before.as_ref(), mode)?;
    let result = attempt.run(before.as_ref());
    if result.is_err() {
        // Best effort: whatever stays is in the draft, and the next sweep takes it.
        let _ = sweep::take_back(disk, staging, &folder);
    }
    result
}

/// One attempt to publish.
struct Attempt<'a> {
    disk: &'a Disk,
    staging: &'a Staging,
    manifest: &'a Manifest,
    folder: &'a Path,
}

impl Attempt<'_> {
    fn run(&self, before: Option<&Manifest>) -> Result<Published, PublishError> {
        self.draft(before)?;
        if let Some(before) = before {
            self.retire(before)?;
        }
        self.move_parts()?;
        self.readme()?;
        if !self.commit(before.is_some())? {
            return self.lost();
        }
        self.complete()?;
        if let Some(before) = before {
            sweep::remove_unnamed(self.disk, self.folder, before, Some(self.manifest))?;
        }
        Ok(Published::Created(Box::new(self.manifest.clone())))
    }

    /// Fails if the output is not free for this mode.
    fn refuse_occupied(&self, before: Option<&Manifest>, mode: &OutputMode) -> Result<(), PublishError> {
        let output = self.folder.display().to_string();
        if let Some(before) = before {
            if *mode == OutputMode::Replace {
                return Ok(());
            }
            return Err(PublishError::occupied_by(self.folder, before));
        }
        let Some(what) = self.foreign() else { return Ok(()) };
        match mode {
            OutputMode::Replace => Err(PublishError::Foreign { output, what }),
            OutputMode::Fail | OutputMode::Version(_) => Err(PublishError::Occupied { output, what }),
        }
    }

    /// A file in the folder of one of our outputs, or in the place of one of our files.
    fn foreign(&self) -> Option<String> {
        self.manifest.files.iter().find_map(|file| {
            let place = self.folder.join(&file.path);
            match (&file.output, place.parent()) {
                (Some(_), Some(parent)) => {
                    let entry =
                        std::fs::read_dir(parent).ok()?.flatten().find(|entry| !entry.path().is_dir())?;
                    (!self.manifest.names(&relative(&entry.path(), self.folder)))
                        .then(|| entry.path().display().to_string())
                }
                _ => place.exists().then(|| place.display().to_string()),
            }
        })
    }

    /// Writes down what is about to happen, for the sweep.
    fn draft(&self, before: Option<&Manifest>) -> Result<(), PublishError> {
        self.write_staged(DRAFT, self.manifest)?;
        if let Some(before) = before {
            self.write_staged(REPLACED, before)?;
        }
        let target = self.staging.root.join("destination");
        let name = relative(self.folder, &self.staging.output);
        self.disk
            .replace(&target, name.as_bytes(), &target.with_extension("new"))
            .map_err(|source| PublishError::io("write", &target, source))
    }

    fn write_staged(&self, name: &str, manifest: &Manifest) -> Result<(), PublishError> {
        let path = self.staging.root.join(name);
        let bytes = json(manifest, &path)?;
        self.disk
            .replace(&path, &bytes, &path.with_extension("new"))
            .map_err(|source| PublishError::io("write", &path, source))
    }

    /// Before a replacement: whoever waits for `_SUCCESS` waits on; and where a file's name stays but
    /// its content does not (a model), the old manifest goes first, since it would no longer be true.
    fn retire(&self, before: &Manifest) -> Result<(), PublishError> {
        let removed = |path: PathBuf| {
            self.disk.remove(&path).map_err(|source| PublishError::io("remove", &path, source))
        };
        removed(self.folder.join("_SUCCESS"))?;
        let changed = |old: &crate::manifest::PublishedFile| {
            self.manifest.files.iter().any(|new| new.path == old.path && new.blake3 != old.blake3)
        };
        if before.files.iter().any(changed) { removed(manifest_path(self.folder)) } else { Ok(()) }
    }

    fn move_parts(&self) -> Result<(), PublishError> {
        let mut folders = std::collections::BTreeSet::new();
        for file in &self.manifest.files {
            let (from, to) = (self.staging.parts().join(&file.path), self.folder.join(&file.path));
            let failed = |source| PublishError::io("publish", &to, source);
            if let Some(parent) = to.parent().filter(|parent| folders.insert(parent.to_path_buf())) {
                self.disk.make_folder(parent).map_err(failed)?;
            }
            self.move_part(&from, &to, file).map_err(failed)?;
        }
        for folder in folders {
            self.disk.sync(&folder).map_err(|source| PublishError::io("flush", &folder, source))?;
        }
        Ok(())
    }

    fn move_part(&self, from: &Path, to: &Path, file: &crate::manifest::PublishedFile) -> io::Result<()> {
        if !from.exists() && holds(to, file) {
            return Ok(());
        }
        self.disk.sync(from)?;
        match self.disk.rename_new(from, to) {
            // The same content under the same name, or what an earlier attempt left there.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.disk.rename_over(from, to),
            result => result,
        }
    }

    fn readme(&self) -> Result<(), PublishError> {
        let path = self.folder.join("README.md");
        if !readme::is_ours(&path) {
            return Ok(());
        }
        let failed = |source| PublishError::io("write", &path, source);
        self.disk.make_folder(self.folder).map_err(failed)?;
        let text = readme::text(self.manifest);
        self.disk.replace(&path, text.as_bytes(), &self.staging.root.join("README.new")).map_err(failed)
    }

    /// Makes the manifest visible; false if another attempt was first.
    fn commit(&self, replace: bool) -> Result<bool, PublishError> {
        let path = manifest_path(self.folder);
        let failed = |source| PublishError::io("write", &path, source);
        let finished = self.staging.root.join("manifest.final");
        let bytes = json(self.manifest, &path)?;
        self.disk.make_folder(&self.folder.join(OURS)).map_err(failed)?;
        self.disk.remove(&finished).map_err(failed)?;
        self.disk.write_new(&finished, &bytes).map_err(failed)?;
        let committed = match replace {
            true => self.disk.rename_over(&finished, &path),
            false => self.disk.link_new(&finished, &path),
        };
        match committed {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            result => result.map_err(failed)?,
        }
        self.disk.sync(&self.folder.join(OURS)).map_err(failed)?;
        Ok(true)
    }

    /// The other attempt's manifest stands: what it does not name goes.
    fn lost(&self) -> Result<Published, PublishError> {
        let winner = read_manifest(self.folder)?;
        sweep::remove_unnamed(self.disk, self.folder, self.manifest, winner.as_ref())?;
        match winner {
            Some(winner) if winner.reuse_key == self.manifest.reuse_key => {
                Ok(Published::Reused(Box::new(winner)))
            }
            winner => {
                let name = winner.map_or_else(String::new, |winner| winner.module.name);
                let what = format!("what another run of `{name}` published meanwhile");
                Err(PublishError::Occupied { output: self.folder.display().to_string(), what })
            }
        }
    }

    /// What follows a manifest, also one whose run was stopped right behind it.
    fn complete(&self) -> Result<(), PublishError> {
        let path = self.folder.join("_SUCCESS");
        if !path.exists() {
            let temporary = self.staging.root.join("success.new");
            self.disk
                .replace(&path, b"", &temporary)
                .map_err(|source| PublishError::io("write", &path, source))?;
        }
        self.disk.sync(self.folder).map_err(|source| PublishError::io("flush", self.folder, source))
    }
}

/// Whether the file at `path` is the one that `file` describes.
fn holds(path: &Path, file: &crate::manifest::PublishedFile) -> bool {
    let mut hasher = blake3::Hasher::new();
    let hashed = std::fs::File::open(path).and_then(|mut open| io::copy(&mut open, &mut hasher));
    hashed.is_ok_and(|bytes| bytes == file.bytes) && hasher.finalize().to_hex().as_str() == file.blake3
}

fn json(manifest: &Manifest, path: &Path) -> Result<Vec<u8>, PublishError> {
    let wrong = |error: serde_json::Error| PublishError::Manifest {
        path: path.display().to_string(),
        what: error.to_string(),
    };
    manifest.to_json().map_err(wrong)
}

fn manifest_path(folder: &Path) -> PathBuf {
    folder.join(OURS).join("manifest.json")
}

fn relative(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).to_string_lossy().into_owned()
}
