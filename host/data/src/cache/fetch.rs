//! One file from a store into the cache.

use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use blake3::Hasher;
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::list::{InputFile, Version};
use crate::store::{Category, Pin, Store, StoreError, blocking, local_version};

use super::error::CacheError;
use super::layout::Layout;
use super::place;
use super::record::Record;
use super::space::Room;

/// A part of a large file; a power of two, so that its hash is a subtree of the file's BLAKE3.
const PART: u64 = 8 << 20;
/// Parts of one file in flight.
const PARTS_AT_ONCE: usize = 16;
/// Bytes that are gathered before one write; bounds the memory of a request.
const BLOCK: usize = 1 << 20;
/// How often one file is begun again because it changed meanwhile.
const VERSION_TRIES: u32 = 3;

/// What all fetches of one load share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) layout: Layout,
    pub(super) room: Room,
    /// Tells this load's unfinished files from those of one that was stopped a moment ago.
    pub(super) load: String,
    /// Bytes that arrived so far.
    pub(super) arrived: AtomicU64,
    /// Larger files are fetched in parts: small enough to fill the line when there are few files.
    pub(super) split_above: u64,
}

/// Where one file goes.
#[derive(Clone)]
struct Job {
    shared: Arc<Shared>,
    file: Arc<InputFile>,
    unfinished: PathBuf,
    target: PathBuf,
}

/// Fetches `file` to `key`, and tells what the index is to keep of it.
pub(super) async fn fetch(
    shared: Arc<Shared>,
    file: InputFile,
    key: String,
) -> Result<(String, Record), CacheError> {
    let (unfinished, target) = (shared.layout.unfinished(&key, &shared.load), shared.layout.data.join(&key));
    let job = Job { shared, file: Arc::new(file), unfinished, target };
    let mut tries = VERSION_TRIES;
    loop {
        tries -= 1;
        match job.attempt().await {
            Err(error) if tries > 0 && error.category() == Category::Changed => {}
            attempt => return attempt.map(|record| (key, record)),
        }
    }
}

impl Job {
    async fn attempt(&self) -> Result<Record, CacheError> {
        let size = self.file.size;
        let pin = Pin::new(&self.file);
        let in_parts = size > self.shared.split_above && self.shared.store.has_ranges();
        if !in_parts {
            self.shared.room.take(size)?;
        }
        if size <= BLOCK as u64 {
            return self.small(&pin).await;
        }
        let file = self.begin().await?;
        let digest = if in_parts {
            self.in_parts(&file, &pin).await?
        } else {
            self.copy(&file, &pin, 0..size, Hasher::new()).await?.finalize()
        };
        let job = self.clone();
        blocking(move || job.finish(&file, digest)).await
    }

    /// A file that fits one block: one trip to the disk for everything.
    async fn small(&self, pin: &Pin) -> Result<Record, CacheError> {
        let mut reader = self.shared.store.read(&self.file, 0..self.file.size, pin);
        let mut chunks = Vec::new();
        while let Some(bytes) = reader.next().await? {
            self.shared.arrived.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            chunks.push(bytes);
        }
        let job = self.clone();
        blocking(move || {
            let file = place::begin(&job.unfinished)?;
            place::write(&file, 0, &chunks, &job.unfinished)?;
            let mut hasher = Hasher::new();
            chunks.iter().for_each(|chunk| {
                hasher.update(chunk);
            });
            job.finish(&file, hasher.finalize())
        })
        .await
    }

    async fn begin(&self) -> Result<Arc<File>, CacheError> {
        let job = self.clone();
        blocking(move || {
            let file = place::begin(&job.unfinished)?;
            place::reserve(&file, job.file.size, &job.unfinished)?;
            Ok(Arc::new(file))
        })
        .await
    }

    async fn in_parts(&self, file: &Arc<File>, pin: &Pin) -> Result<blake3::Hash, CacheError> {
        let count = self.file.size.div_ceil(PART);
        let mut hashes = vec![ChainingValue::default(); count as usize];
        let mut running = JoinSet::new();
        let mut waiting = 0..count;
        loop {
            while running.len() < PARTS_AT_ONCE
                && let Some(number) = waiting.next()
            {
                let (job, file, pin) = (self.clone(), file.clone(), pin.clone());
                running.spawn(async move { job.part(&file, &pin, number).await });
            }
            let Some(joined) = running.join_next().await else { break };
            let (number, hash) = joined.map_err(|error| stopped(&error))??;
            if let Some(slot) = hashes.get_mut(number as usize) {
                *slot = hash;
            }
        }
        Ok(root_of(&hashes, self.file.size))
    }

    async fn part(
        &self,
        file: &Arc<File>,
        pin: &Pin,
        number: u64,
    ) -> Result<(u64, ChainingValue), CacheError> {
        let start = number * PART;
        let end = (start + PART).min(self.file.size);
        self.shared.room.take(end - start)?;
        let mut hasher = Hasher::new();
        hasher.set_input_offset(start);
        let hasher = self.copy(file, pin, start..end, hasher).await?;
        Ok((number, hasher.finalize_non_root()))
    }

    /// Copies `range` from the store into `file` and through `hasher`.
    async fn copy(
        &self,
        file: &Arc<File>,
        pin: &Pin,
        range: Range<u64>,
        mut hasher: Hasher,
    ) -> Result<Hasher, CacheError> {
        let mut reader = self.shared.store.read(&self.file, range.clone(), pin);
        let (mut offset, mut chunks, mut gathered) = (range.start, Vec::new(), 0);
        loop {
            let bytes = reader.next().await?;
            let ended = bytes.is_none();
            gathered += bytes.as_ref().map_or(0, Bytes::len);
            chunks.extend(bytes);
            if gathered < BLOCK && !ended {
                continue;
            }
            hasher = self.write(file, offset, std::mem::take(&mut chunks), hasher).await?;
            self.shared.arrived.fetch_add(gathered as u64, Ordering::Relaxed);
            offset += std::mem::take(&mut gathered) as u64;
            if ended {
                return Ok(hasher);
            }
        }
    }

    async fn write(
        &self,
        file: &Arc<File>,
        offset: u64,
        chunks: Vec<Bytes>,
        mut hasher: Hasher,
    ) -> Result<Hasher, CacheError> {
        let (file, path) = (file.clone(), self.unfinished.clone());
        blocking(move || {
            place::write(&file, offset, &chunks, &path)?;
            chunks.iter().for_each(|chunk| {
                hasher.update(chunk);
            });
            Ok(hasher)
        })
        .await
    }

    /// Blocking: the last check, the final name, and the record.
    fn finish(&self, file: &File, digest: blake3::Hash) -> Result<Record, CacheError> {
        let meta = place::finish(file, &self.unfinished, &self.shared.layout.data, &self.target)?;
        if meta.len() != self.file.size {
            let why = format!("{} bytes arrived in place of {}", meta.len(), self.file.size);
            let what = self.shared.store.describe(&self.file.path);
            return Err(StoreError::Corrupt { what, why }.into());
        }
        let (mtime_ns, inode) = match local_version(&meta) {
            Version::Local { mtime_ns, inode } => (mtime_ns, inode),
            _ => (0, 0),
        };
        let version = self.file.version.clone();
        Ok(Record { version, size: meta.len(), mtime_ns, inode, digest: *digest.as_bytes() })
    }
}

/// The BLAKE3 of a file of `size` bytes, more than one part, from the hashes of its parts.
fn root_of(parts: &[ChainingValue], size: u64) -> blake3::Hash {
    let (left, right) = split(parts, size);
    merge_subtrees_root(&subtree(left.0, left.1), &subtree(right.0, right.1), Mode::Hash)
}

fn subtree(parts: &[ChainingValue], size: u64) -> ChainingValue {
    match parts {
        [] => ChainingValue::default(),
        [one] => *one,
        _ => {
            let (left, right) = split(parts, size);
            merge_subtrees_non_root(&subtree(left.0, left.1), &subtree(right.0, right.1), Mode::Hash)
        }
    }
}

type Side<'a> = (&'a [ChainingValue], u64);

/// BLAKE3 splits at the largest power of two chunks that leaves something on the right; parts are
/// powers of two as well, so the cut falls between two of them.
fn split(parts: &[ChainingValue], size: u64) -> (Side<'_>, Side<'_>) {
    let left = left_subtree_len(size);
    let (first, second) = parts.split_at_checked((left / PART) as usize).unwrap_or((parts, &[]));
    ((first, left), (second, size - left))
}

fn stopped(error: &tokio::task::JoinError) -> CacheError {
    tracing::error!(%error, "a part of a file ended without a result");
    CacheError::Cancelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_the_parts_is_the_hash_of_the_whole() {
        let part = PART as usize;
        for size in [part + 1, 2 * part, 2 * part + 7, 3 * part, 5 * part - 1] {
            let data: Vec<u8> = (0..size).map(|at| (at * 31 / 7) as u8).collect();
            let hashes: Vec<_> = data
                .chunks(part)
                .enumerate()
                .map(|(number, bytes)| {
                    let mut hasher = Hasher::new();
                    hasher.set_input_offset((number * part) as u64).update(bytes);
                    hasher.finalize_non_root()
                })
                .collect();
            assert_eq!(root_of(&hashes, size as u64), blake3::hash(&data), "{size} bytes");
        }
    }
}
