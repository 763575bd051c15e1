//! How much the cache may still take: its quota, and 90 % of the disk whatever the quota says.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::CacheError;

/// What the cache may use.
#[derive(Debug, Clone, Default)]
pub struct CacheLimits {
    /// Bytes of all datasets together; `None` leaves it to the disk.
    pub quota: Option<u64>,
}

/// Percent of the disk's bytes and of its inodes beyond which nothing new is loaded.
const DISK_PERCENT: u64 = 90;
/// After so many loaded bytes the disk is looked at again: others write to it too.
const LOOK_AGAIN: u64 = 64 << 20;

/// What the disk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disk {
    /// Bytes that may be written before the disk is 90 % full.
    pub(super) free: u64,
    /// Files that may be made before 90 % of the inodes are used.
    pub(super) files: u64,
}

impl Disk {
    pub(super) fn of(path: &Path) -> Result<Self, CacheError> {
        let stat = rustix::fs::statvfs(path)
            .map_err(|error| CacheError::io("ask the disk of", path)(error.into()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        let free = below_limit(bytes(stat.f_blocks), bytes(stat.f_bfree), bytes(stat.f_bavail));
        // Some file systems have no fixed number of inodes and say 0.
        let files = match stat.f_files {
            0 => u64::MAX,
            total => below_limit(total, stat.f_ffree, stat.f_favail),
        };
        Ok(Self { free, files })
    }
}

/// What may be taken of `total` with `free` left, of which `usable` is not kept for root.
fn below_limit(total: u64, free: u64, usable: u64) -> u64 {
    let kept = total - total / 100 * DISK_PERCENT;
    free.saturating_sub(kept).min(usable)
}

/// Watches the disk while files are loaded.
#[derive(Debug, Clone)]
pub(super) struct Room {
    root: PathBuf,
    since: Arc<AtomicU64>,
}

impl Room {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), since: Arc::default() }
    }

    /// Before `bytes` more are written: fails where the disk is at its limit.
    pub(super) fn take(&self, bytes: u64) -> Result<(), CacheError> {
        let since = self.since.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if since < LOOK_AGAIN {
            return Ok(());
        }
        self.since.store(0, Ordering::Relaxed);
        match Disk::of(&self.root)? {
            Disk { free, files } if free < bytes || files == 0 => Err(full(&self.root, bytes, free, None)),
            _ => Ok(()),
        }
    }
}

pub(super) fn full(root: &Path, needed: u64, free: u64, quota: Option<u64>) -> CacheError {
    let limit = match quota {
        Some(quota) => format!(" within its quota of {quota} bytes"),
        None => format!(" below {DISK_PERCENT} % of the disk"),
    };
    let advice = "choose fewer files, free space, or give the cache a larger disk or quota";
    CacheError::Full { needed, free, cache: root.display().to_string(), limit, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_beyond_nine_tenths() {
        assert_eq!(below_limit(1000, 1000, 1000), 900);
        assert_eq!(below_limit(1000, 101, 101), 1);
        assert_eq!(below_limit(1000, 100, 100), 0);
        assert_eq!(below_limit(1000, 5, 0), 0);
        assert_eq!(below_limit(1000, 500, 50), 50);
    }

    #[test]
    fn the_disk_of_this_test_has_room() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Disk::of(dir.path()).unwrap().files > 0);
    }
}
