//! One loader (or evictor) of a dataset at a time, over all processes of the machine.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use super::error::CacheError;

/// Held while a dataset's files are changed; the system gives it back if the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

const POLL: Duration = Duration::from_millis(50);

impl Lock {
    /// Waits at most `wait` for the lock of `dataset` at `path`.
    pub(super) async fn acquire(path: &Path, dataset: &str, wait: Duration) -> Result<Self, CacheError> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            if let Some(lock) = Self::try_acquire(path)? {
                return Ok(lock);
            }
            if tokio::time::Instant::now() >= deadline {
                let (dataset, seconds) = (dataset.to_owned(), wait.as_secs());
                return Err(CacheError::Locked { dataset, holder: holder(path), seconds });
            }
            tokio::time::sleep(POLL.min(wait)).await;
        }
    }

    /// The lock, if nobody has it.
    pub(super) fn try_acquire(path: &Path) -> Result<Option<Self>, CacheError> {
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(CacheError::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {
                // For the message of whoever waits; that it is missing harms nothing.
                let _written = file.set_len(0).and_then(|()| write!(file, "pid {}", std::process::id()));
                Ok(Some(Self { _file: file }))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(CacheError::io("lock", path)(error)),
        }
    }
}

fn holder(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|mut file| {
        file.rewind()?;
        file.take(32).read_to_string(&mut text)
    });
    match read {
        Ok(_) if text.starts_with("pid ") => text,
        _ => "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_second_waits_a_bounded_time_and_learns_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::try_acquire(&path).unwrap().unwrap();
        let error =
            Lock::acquire(&path, "default/demo", Duration::from_secs(3)).await.unwrap_err().to_string();
        assert!(error.contains(&format!("pid {}", std::process::id())), "{error}");
        drop(held);
        assert!(Lock::acquire(&path, "default/demo", Duration::ZERO).await.is_ok());
    }
}
