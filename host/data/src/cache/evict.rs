//! Making room: the files that were used longest ago go first, pinned ones never.

use std::collections::HashSet;
use std::path::Path;

use crate::store::blocking;

use super::error::CacheError;
use super::index::{Batch, Entry, Index};
use super::layout::Layout;
use super::lock::Lock;
use super::pins::{Gate, pinned};
use super::place;
use super::space::{Disk, full};
use super::{Cache, DatasetCache};

/// What an eviction removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An evictable file: when it was used, and where it is.
struct Candidate<'a> {
    layout: &'a Layout,
    entry: Entry,
}

impl Cache {
    /// Removes files until `bytes` are freed, those used longest ago first. Pinned files, and
    /// datasets that another process is loading, are left alone; so less may be freed.
    ///
    /// # Errors
    /// A file cannot be removed or an index cannot be read.
    pub async fn evict(&self, bytes: u64) -> Result<Evicted, CacheError> {
        let this = self.clone();
        blocking(move || this.free(bytes, None)).await
    }

    /// Blocking. `held` is the dataset whose lock the caller has.
    fn free(&self, bytes: u64, held: Option<&Layout>) -> Result<Evicted, CacheError> {
        let layouts = Layout::all(self.root());
        let mut candidates = Vec::new();
        for layout in &layouts {
            let entries = self.index_of(layout)?.all()?;
            candidates.extend(entries.into_iter().map(|entry| Candidate { layout, entry }));
        }
        candidates.sort_by(|one, other| {
            (one.entry.used, &one.entry.key).cmp(&(other.entry.used, &other.entry.key))
        });
        let mut evicted = Evicted::default();
        // Datasets are locked one after the other, so files of one age go dataset by dataset.
        while evicted.bytes < bytes && !candidates.is_empty() {
            let wanted = bytes - evicted.bytes;
            let (chosen, rest) = choose(candidates, wanted);
            candidates = rest;
            for layout in &layouts {
                let entries: Vec<_> = chosen
                    .iter()
                    .filter(|one| std::ptr::eq(one.layout, layout))
                    .map(|one| &one.entry)
                    .collect();
                let freed = self.remove(layout, &entries, held)?;
                evicted.files += freed.files;
                evicted.bytes += freed.bytes;
            }
        }
        Ok(evicted)
    }

    fn remove(
        &self,
        layout: &Layout,
        entries: &[&Entry],
        held: Option<&Layout>,
    ) -> Result<Evicted, CacheError> {
        if entries.is_empty() {
            return Ok(Evicted::default());
        }
        let ours = held.is_some_and(|held| held.meta == layout.meta);
        let lock = if ours { None } else { Lock::try_acquire(&layout.lock())? };
        if !ours && lock.is_none() {
            return Ok(Evicted::default());
        }
        let gate = Gate::exclusive(layout)?;
        let kept = pinned(layout, &gate)?;
        remove_files(layout, entries, &kept, &*self.index_of(layout)?)
    }

    /// Bytes of all whole files of all datasets. Blocking.
    fn used(&self) -> Result<u64, CacheError> {
        let mut bytes = 0;
        for layout in Layout::all(self.root()) {
            bytes += self.index_of(&layout)?.all()?.iter().map(|entry| entry.size).sum::<u64>();
        }
        Ok(bytes)
    }

    /// Makes room for `bytes` in `files` files. Blocking.
    fn make_room(&self, bytes: u64, files: u64, held: &Layout) -> Result<(), CacheError> {
        let shortfall = |cache: &Self| -> Result<Option<Shortfall>, CacheError> {
            let disk = Disk::of(cache.root())?;
            let (mut free, mut quota) = (disk.free, None);
            if let Some(limit) = cache.inner.limits.quota {
                let left = limit.saturating_sub(cache.used()?);
                if left < free {
                    (free, quota) = (left, Some(limit));
                }
            }
            let short = bytes > free || files > disk.files;
            Ok(short.then_some(Shortfall { free, quota }))
        };
        let Some(Shortfall { free, .. }) = shortfall(self)? else { return Ok(()) };
        self.free(bytes.saturating_sub(free).max(1), Some(held))?;
        match shortfall(self)? {
            None => Ok(()),
            Some(Shortfall { free, quota }) => Err(full(self.root(), bytes, free, quota)),
        }
    }
}

struct Shortfall {
    free: u64,
    quota: Option<u64>,
}

impl DatasetCache {
    /// Makes room for a load that holds this dataset's lock.
    pub(super) async fn make_room(&self, bytes: u64, files: u64) -> Result<(), CacheError> {
        let this = self.clone();
        blocking(move || this.cache.make_room(bytes, files, &this.layout)).await
    }
}

/// The first candidates that together have `wanted` bytes, and the rest.
fn choose(mut candidates: Vec<Candidate<'_>>, wanted: u64) -> (Vec<Candidate<'_>>, Vec<Candidate<'_>>) {
    let mut bytes = 0;
    let enough = candidates.iter().take_while(|candidate| {
        let more = bytes < wanted;
        bytes += candidate.entry.size;
        more
    });
    let count = enough.count();
    let rest = candidates.split_off(count);
    (candidates, rest)
}

/// Files go before their records: a record without its file counts as missing.
fn remove_files(
    layout: &Layout,
    entries: &[&Entry],
    kept: &HashSet<String>,
    index: &Index,
) -> Result<Evicted, CacheError> {
    let mut evicted = Evicted::default();
    let mut gone = Vec::new();
    for entry in entries.iter().filter(|entry| !kept.contains(&entry.key)) {
        let path: &Path = &layout.data.join(&entry.key);
        if place::remove(&layout.data, path)? {
            evicted.files += 1;
            evicted.bytes += entry.size;
        }
        gone.push(entry.key.clone());
    }
    index.commit(&Batch { gone, ..Batch::default() })?;
    Ok(evicted)
}
