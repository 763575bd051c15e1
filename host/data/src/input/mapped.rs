//! Files mapped into memory, checked against the version that the list names.
//!
//! A file is mapped while somebody reads it and no longer, so that an input of a million files
//! does not need a million mappings.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use bytes::Bytes;
use memmap2::Mmap;

use super::InputError;
use crate::list::{LocalFile, Version};

/// A file on this machine that can be mapped.
#[derive(Debug)]
pub(crate) struct MappedFile {
    /// Its path in the list, for messages.
    pub(crate) name: Arc<str>,
    path: PathBuf,
    size: u64,
    version: Version,
    map: Mutex<Weak<Mmap>>,
}

struct Shared(Arc<Mmap>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl MappedFile {
    pub(crate) fn new(file: LocalFile) -> Self {
        Self {
            name: file.path,
            path: file.local,
            size: file.size,
            version: file.version,
            map: Mutex::new(Weak::new()),
        }
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.size
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// It cannot be opened, or is another version than the list names.
    pub(crate) fn bytes(&self) -> Result<Bytes, InputError> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(map) = map.upgrade() {
            return Ok(Bytes::from_owner(Shared(map)));
        }
        let fresh = Arc::new(self.map_now()?);
        *map = Arc::downgrade(&fresh);
        Ok(Bytes::from_owner(Shared(fresh)))
    }

    fn map_now(&self) -> Result<Mmap, InputError> {
        let io = |source| InputError::io(&self.name, source);
        let file = File::open(&self.path).map_err(io)?;
        self.check(&file)?;
        #[expect(unsafe_code, reason = "reading a file without copying it")]
        // SAFETY: the mapping is read-only and only ever seen as bytes, which any write by another
        // process leaves valid; what must be valid text is checked after it was copied out. A file
        // that shrinks ends this process by SIGBUS, which the agent reports as a changed source.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Ok(map)
    }

    pub(crate) fn check(&self, file: &File) -> Result<(), InputError> {
        let now = file.metadata().map_err(|source| InputError::io(&self.name, source))?;
        let changed = |what: String| Err(InputError::Changed { path: self.name.to_string(), what });
        if now.len() != self.size {
            return changed(format!("{} bytes, {} when the list was made", now.len(), self.size));
        }
        if let Version::Local { mtime_ns, inode } = self.version {
            let mtime = i128::from(now.mtime()) * 1_000_000_000 + i128::from(now.mtime_nsec());
            if i128::from(mtime_ns) != mtime || inode != now.ino() {
                return changed("another modification time or inode".into());
            }
        }
        Ok(())
    }
}

/// A mapped text file, with the number of quotes in each window as far as somebody counted.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) file: MappedFile,
    window: u64,
    quotes: Vec<OnceLock<usize>>,
}

impl TextFile {
    /// A file whose windows are `window` bytes long.
    pub(crate) fn new(file: MappedFile, window: u64) -> Self {
        let window = window.max(1);
        let windows = usize::try_from(file.len().div_ceil(window)).unwrap_or(usize::MAX);
        Self { file, window, quotes: std::iter::repeat_with(OnceLock::new).take(windows).collect() }
    }

    /// Whether an odd number of quotes stands before byte `place`, which begins a window.
    ///
    /// Each window is counted once, by whoever needs it first; several threads can count at once.
    pub(crate) fn odd_quotes(&self, bytes: &[u8], place: u64, quote: u8) -> bool {
        let windows = usize::try_from(place / self.window).unwrap_or(usize::MAX);
        let counts = self.quotes.iter().zip(0_u64..).take(windows);
        let total: usize =
            counts.map(|(count, window)| *count.get_or_init(|| self.count(bytes, window, quote))).sum();
        total % 2 == 1
    }

    fn count(&self, bytes: &[u8], window: u64, quote: u8) -> usize {
        let place =
            |window: u64| usize::try_from(window * self.window).unwrap_or(usize::MAX).min(bytes.len());
        let bytes = bytes.get(place(window)..place(window + 1)).unwrap_or_default();
        memchr::memchr_iter(quote, bytes).count()
    }
}
