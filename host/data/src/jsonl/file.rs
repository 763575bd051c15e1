//! A JSON Lines file: where its lines begin.

use std::ops::Range;
use std::sync::Arc;

use super::reader::JsonReader;
use crate::input::{Batches, FileReader, InputError, MappedFile, ReadPlan};

/// A file that can be read.
#[derive(Debug)]
pub(crate) struct JsonFile {
    pub(crate) file: MappedFile,
    pub(crate) longest: usize,
}

impl FileReader for JsonFile {
    fn windows(&self, partition_bytes: u64) -> Vec<Range<u64>> {
        crate::input::even(self.file.len(), partition_bytes)
    }

    fn read(&self, window: Range<u64>, plan: Arc<ReadPlan>) -> Result<Batches, InputError> {
        let bytes = self.file.bytes()?;
        let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
        let start = first_line(&bytes, place(window.start));
        let end = place(window.end);
        Ok(Box::new(JsonReader::new(self, bytes, start..end, plan)))
    }
}

/// The start of the first line that begins at or after `from`; a byte order mark is not part of one.
fn first_line(bytes: &[u8], from: usize) -> usize {
    let Some(before) = from.checked_sub(1) else {
        return if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    };
    let rest = bytes.get(before..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(bytes.len(), |place| before + place + 1)
}
