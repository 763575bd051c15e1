//! One part file while it is written: buffered, counted, hashed, named by its content at the end.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::outputs::OutputError;

/// Bytes that an open output holds back (promises.md, P9).
const BUFFER: usize = 256 << 10;

/// A finished part file in the staging area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The output that it belongs to.
    pub output: String,
    /// Its name below the output's folder: `part-00003-9f86d081.csv`.
    pub file: String,
    /// Rows in it.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its bytes, 64 hex digits.
    pub blake3: String,
}

/// What all shards of a run may write together.
#[derive(Debug, Clone)]
pub struct Budget {
    inner: Arc<BudgetInner>,
}

#[derive(Debug)]
struct BudgetInner {
    bytes: AtomicU64,
    files: AtomicU64,
    most_bytes: u64,
    most_files: u64,
    /// Part files that are kept open now, and how many may be.
    open: AtomicU64,
    most_open: u64,
}

/// Part files of a run that stay open; beyond, each is opened again for every buffer it writes.
const OPEN_FILES: u64 = 256;

impl Budget {
    /// At most `bytes` bytes in at most `files` files.
    #[must_use]
    pub fn new(bytes: u64, files: u64) -> Self {
        Self::with_open_files(bytes, files, OPEN_FILES)
    }

    fn with_open_files(bytes: u64, files: u64, open: u64) -> Self {
        Self {
            inner: Arc::new(BudgetInner {
                bytes: AtomicU64::new(0),
                files: AtomicU64::new(0),
                most_bytes: bytes,
                most_files: files,
                open: AtomicU64::new(0),
                most_open: open,
            }),
        }
    }

    /// Keeps `file` open if there is room for one more; closes it otherwise.
    fn keep(&self, file: File) -> Option<Kept> {
        let before = self.inner.open.fetch_add(1, Ordering::Relaxed);
        let kept = Kept { file, budget: self.clone() };
        (before < self.inner.most_open).then_some(kept)
    }

    fn take_bytes(&self, bytes: u64) -> Result<(), OutputError> {
        take(&self.inner.bytes, bytes, self.inner.most_bytes, "output bytes")
    }

    fn take_file(&self) -> Result<(), OutputError> {
        take(&self.inner.files, 1, self.inner.most_files, "output files")
    }
}

fn take(counter: &AtomicU64, amount: u64, limit: u64, what: &'static str) -> Result<(), OutputError> {
    let before = counter.fetch_add(amount, Ordering::Relaxed);
    if before.saturating_add(amount) > limit { Err(OutputError::Limit { what, limit }) } else { Ok(()) }
}

/// A file that counts as open.
#[derive(Debug)]
struct Kept {
    file: File,
    budget: Budget,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.budget.inner.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A part file being written.
#[derive(Debug)]
pub(crate) struct PartFile {
    folder: PathBuf,
    path: PathBuf,
    output: String,
    shard: u32,
    extension: String,
    file: Option<Kept>,
    buffer: Vec<u8>,
    hasher: blake3::Hasher,
    bytes: u64,
    budget: Budget,
}

impl PartFile {
    /// Begins the part of shard `shard` of `output` below `staging`.
    ///
    /// # Errors
    /// The folder or the file cannot be made, or there are too many files.
    pub(crate) fn create(
        staging: &Path,
        output: &str,
        shard: u32,
        extension: &str,
        budget: &Budget,
    ) -> Result<Self, OutputError> {
        budget.take_file()?;
        let folder = staging.join(output);
        let path = folder.join(format!(".writing-{shard:05}"));
        let file = std::fs::create_dir_all(&folder)
            .and_then(|()| File::create(&path))
            .map_err(|source| failed(&path, source))?;
        Ok(Self {
            folder,
            path,
            output: output.to_owned(),
            shard,
            extension: extension.to_owned(),
            file: budget.keep(file),
            buffer: Vec::new(),
            hasher: blake3::Hasher::new(),
            bytes: 0,
            budget: budget.clone(),
        })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// The disk is full or refuses, or the run's limit is reached.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush_buffer()?;
            if bytes.len() >= BUFFER {
                return self.write_through(bytes);
            }
            self.buffer.reserve_exact(BUFFER);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush_buffer(&mut self) -> Result<(), OutputError> {
        let buffer = std::mem::take(&mut self.buffer);
        self.write_through(&buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn write_through(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.budget.take_bytes(bytes.len() as u64)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.write_out(bytes).map_err(|source| failed(&self.path, source))
    }

    fn write_out(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(kept) = &mut self.file {
            return kept.file.write_all(bytes);
        }
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        file.write_all(bytes)?;
        self.file = self.budget.keep(file);
        Ok(())
    }

    /// Ends the part: gives it its name.
    ///
    /// # Errors
    /// As for [`PartFile::push`].
    pub(crate) fn finish(mut self, rows: u64) -> Result<Part, OutputError> {
        self.flush_buffer()?;
        let blake3 = self.hasher.finalize().to_hex();
        let file = part_name(self.shard, &blake3, &self.extension);
        std::fs::rename(&self.path, self.folder.join(&file)).map_err(|source| failed(&self.path, source))?;
        Ok(Part { output: self.output, file, rows, bytes: self.bytes, blake3: blake3.to_string() })
    }
}

impl PartFile {
    /// Ends the part after writing `head` over its first bytes; the digest is made anew.
    ///
    /// # Errors
    /// As for [`PartFile::push`].
    pub(crate) fn finish_with_head(mut self, head: &[u8], rows: u64) -> Result<Part, OutputError> {
        self.flush_buffer()?;
        self.hasher = self.rehash(head).map_err(|source| failed(&self.path, source))?;
        self.finish(rows)
    }

    fn rehash(&self, head: &[u8]) -> io::Result<blake3::Hasher> {
        let mut file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        file.write_all(head)?;
        file.seek(SeekFrom::Start(0))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file)?;
        Ok(hasher)
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes).map_err(into_io)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For encoders that speak `io::Write`; [`from_io`] takes it out again.
fn into_io(error: OutputError) -> io::Error {
    io::Error::other(error)
}

/// What a writer above a [`PartFile`] failed with, as it was meant.
pub(crate) fn from_io(error: io::Error, path: &str) -> OutputError {
    match error.downcast::<OutputError>() {
        Ok(ours) => ours,
        Err(source) => OutputError::Io { path: path.to_owned(), source },
    }
}

/// `part-00003-9f86d081.csv`
fn part_name(shard: u32, blake3: &str, extension: &str) -> String {
    format!("part-{shard:05}-{}.{extension}", blake3.get(..8).unwrap_or(blake3))
}

fn failed(path: &Path, source: io::Error) -> OutputError {
    OutputError::Io { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(budget: &Budget, pieces: &[&[u8]]) -> Result<(tempfile::TempDir, Part), OutputError> {
        let folder = tempfile::tempdir().unwrap();
        let mut file = PartFile::create(folder.path(), "train", 3, "csv", budget)?;
        for piece in pieces {
            file.push(piece)?;
        }
        let part = file.finish(7)?;
        Ok((folder, part))
    }

    #[test]
    fn a_part_is_named_by_its_content_whatever_the_pieces() {
        let big = vec![b'x'; BUFFER + 5];
        let (folder, part_a) = part(&Budget::new(1 << 30, 9), &[b"ab", &big, b"", b"cd"]).unwrap();
        let whole = [b"ab".as_slice(), &big, b"cd"].concat();
        let (_other, part_b) = part(&Budget::with_open_files(1 << 30, 9, 0), &[&whole, b""]).unwrap();
        assert_eq!(part_a, part_b);
        assert_eq!(part_a.blake3, blake3::hash(&whole).to_hex().to_string());
        assert_eq!(part_a.file, format!("part-00003-{}.csv", &part_a.blake3[..8]));
        assert_eq!(std::fs::read(folder.path().join("train").join(&part_a.file)).unwrap(), whole);
        assert_eq!((part_a.rows, part_a.bytes), (7, whole.len() as u64));
    }

    #[test]
    fn limits_are_kept_over_all_parts_of_a_run() {
        let budget = Budget::new(10, 2);
        part(&budget, &[b"123456"]).unwrap();
        let error = part(&budget, &[b"12345"]).unwrap_err();
        assert_eq!(error.to_string(), "output bytes: more than 10");
        let error = part(&budget, &[b""]).unwrap_err();
        assert_eq!(error.to_string(), "output files: more than 2");
    }
}
