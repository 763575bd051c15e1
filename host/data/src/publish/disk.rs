//! The file-system steps that publishing is made of, each of which may be the last.
//!
//! Every change goes through here, so that a test can stop the process after each one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// The disk, and whether what is written has to survive a power cut.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Flush files and folders before what names them.
    pub(crate) durable: bool,
    #[cfg(test)]
    pub(crate) fault: fault::Fault,
}

impl Disk {
    /// A disk that flushes if `durable`.
    pub(crate) fn new(durable: bool) -> Self {
        Self {
            durable,
            #[cfg(test)]
            fault: fault::Fault::default(),
        }
    }

    fn step(&self) -> io::Result<()> {
        #[cfg(test)]
        self.fault.step()?;
        Ok(())
    }

    /// Makes a folder and those above it.
    pub(crate) fn make_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        self.step()?;
        fs::create_dir_all(path)
    }

    /// Writes a file that must not be there, and flushes it if asked to.
    pub(crate) fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step()?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        self.step()?;
        file.write_all(bytes)?;
        if self.durable { file.sync_all() } else { Ok(()) }
    }

    /// Writes `bytes` under a temporary name beside `path` and renames it, replacing what is there.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8], temporary: &Path) -> io::Result<()> {
        self.remove(temporary)?;
        self.write_new(temporary, bytes)?;
        self.step()?;
        fs::rename(temporary, path)
    }

    /// Moves a file to a name that must be free; `AlreadyExists` if it is not.
    pub(crate) fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            // Some file systems lack the flag; a hard link does not replace either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::hard_link(from, to).and_then(|()| self.remove(from))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a finished file a second name that must be free: the conditional create.
    pub(crate) fn link_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        match fs::hard_link(from, to) {
            // File systems without links have the rename without replacement at least.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) =>
            {
                renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from)
            }
            result => result,
        }
    }

    /// Moves a file, replacing what is there.
    pub(crate) fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        fs::rename(from, to)
    }

    /// Removes a file; one that is not there is fine.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        self.step()?;
        absent_is_fine(fs::remove_file(path))
    }

    /// Removes a folder if it is empty.
    pub(crate) fn remove_empty(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            result => absent_is_fine(result),
        }
    }

    /// Removes a folder and all that is in it.
    pub(crate) fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        absent_is_fine(fs::remove_dir_all(path))
    }

    /// Flushes a file or folder if asked to.
    pub(crate) fn sync(&self, path: &Path) -> io::Result<()> {
        if !self.durable {
            return Ok(());
        }
        self.step()?;
        File::open(path)?.sync_all()
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
pub(crate) mod fault {
    //! Stops the process, or fills the disk, after a given number of steps.

    use std::cell::Cell;
    use std::io;

    /// What goes wrong, and when.
    #[derive(Debug, Default)]
    pub(crate) struct Fault {
        steps: Cell<u32>,
        at: Option<u32>,
        once: bool,
    }

    impl Fault {
        /// Every step from number `at` on fails: the process is dead.
        pub(crate) fn dead_at(at: u32) -> Self {
            Self { at: Some(at), ..Self::default() }
        }

        /// Step number `at` finds the disk full; later ones, such as removing, do not.
        pub(crate) fn full_at(at: u32) -> Self {
            Self { at: Some(at), once: true, ..Self::default() }
        }

        /// Steps so far.
        pub(crate) fn steps(&self) -> u32 {
            self.steps.get()
        }

        pub(crate) fn step(&self) -> io::Result<()> {
            let step = self.steps.get();
            self.steps.set(step + 1);
            match self.at {
                Some(at) if self.once && step == at => Err(io::ErrorKind::StorageFull.into()),
                Some(at) if !self.once && step >= at => Err(io::Error::other("killed")),
                _ => Ok(()),
            }
        }
    }
}
