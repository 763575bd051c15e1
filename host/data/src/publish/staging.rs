//! The folder a run writes to before it publishes, and the locks that tell live runs from dead ones.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::PublishError;
use super::disk::Disk;

/// Folder of ours below an output.
pub(crate) const OURS: &str = "_millrace";
/// What a run is about to publish; in its staging folder.
pub(crate) const DRAFT: &str = "manifest.json";
/// The manifest that a run is about to replace; in its staging folder.
pub(crate) const REPLACED: &str = "replaced.json";

/// The staging folder of one attempt: `<output>/_millrace/runs/<uid>/<epoch>/`.
///
/// As long as this value lives, in any process, no sweep takes the run for dead.
#[derive(Debug)]
pub struct Staging {
    pub(crate) output: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) uid: String,
    _lock: Option<File>,
}

impl Staging {
    /// Makes or finds the staging folder of attempt `epoch` of the operation `uid`.
    ///
    /// # Errors
    /// The folder cannot be made, or `uid` cannot be a folder's name.
    pub fn open(output: &Path, uid: &str, epoch: u64) -> Result<Self, PublishError> {
        if uid.is_empty() || uid.starts_with('.') || uid.contains(['/', '\0']) {
            return Err(PublishError::Name { name: uid.to_owned() });
        }
        let run = runs(output).join(uid);
        let root = run.join(epoch.to_string());
        let failed = |source| PublishError::io("make", &root, source);
        let lock = loop {
            fs::create_dir_all(&run).map_err(failed)?;
            match share_lock(&run.join("lock")) {
                Ok(Some(lock)) => break lock,
                // A sweep removed the folder between the two lines; it is ours to make again.
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        };
        fs::create_dir_all(root.join("parts")).map_err(failed)?;
        Ok(Self { output: output.to_owned(), root, uid: uid.to_owned(), _lock: lock })
    }

    /// Where parts are written, one folder per output; and a model's files.
    #[must_use]
    pub fn parts(&self) -> PathBuf {
        self.root.join("parts")
    }

    /// For what the run needs on disk and nobody else does; swept with it.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// The folder itself: partial states and the like.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }
}

/// Where all runs of an output have their folders.
pub(crate) fn runs(output: &Path) -> PathBuf {
    output.join(OURS).join("runs")
}

/// Shares the lock of a run. `None` if the file was removed meanwhile; inside, `None` where the file
/// system has no locks, in which case only the agent's list of live runs protects it.
fn share_lock(path: &Path) -> io::Result<Option<Option<File>>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            return Ok(Some(None));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let same =
        fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino()));
    Ok(same.then_some(Some(file)))
}

/// Takes the lock of a run whose processes are all dead; `None` if one lives, or if that cannot be known.
pub(crate) fn lock_if_dead(run: &Path) -> Option<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(run.join("lock")).ok()?;
    file.try_lock().ok().map(|()| file)
}

/// How long one publication waits for another of the same output, which moves names and no data.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);

/// Lets one process at a time publish to, or sweep, `output`. `None` where the file system has no
/// locks; the conditional create of the manifest still decides there.
///
/// # Errors
/// Another one holds the lock for a minute.
pub(crate) fn lock_output(output: &Path, disk: &Disk) -> Result<Option<File>, PublishError> {
    let folder = output.join(OURS);
    let path = folder.join("publish.lock");
    let failed = |source| PublishError::io("lock", &path, source);
    disk.make_folder(&folder).map_err(failed)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    let tries = PATIENCE.as_millis() / PAUSE.as_millis();
    for _ in 0..tries {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    Err(PublishError::Busy { output: output.display().to_string() })
}
