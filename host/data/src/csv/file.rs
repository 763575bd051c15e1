//! Opening a CSV file: its header, its dialect, where its records begin.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::reader::CsvReader;
use super::values::{self, Field};
use super::{Dialect, quotes};
use crate::format::{Format, FormatSpec};
use crate::input::{Batches, FileReader, InputError, ReadPlan, TextFile};

/// What the beginning of a CSV file tells.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) dialect: Dialect,
    /// Names of the columns, from the header or made.
    pub(crate) names: Vec<String>,
    /// The header with its terminator; empty if there is none.
    pub(crate) header: Bytes,
    /// Where the records begin.
    pub(crate) data_start: usize,
    /// What ends the first line.
    pub(crate) terminator: &'static str,
}

/// A CSV file that can be read.
#[derive(Debug)]
pub(crate) struct CsvFile {
    pub(crate) text: TextFile,
    pub(crate) dialect: Dialect,
    pub(crate) data_start: u64,
    pub(crate) longest: usize,
}

impl FileReader for CsvFile {
    fn windows(&self, partition_bytes: u64) -> Vec<Range<u64>> {
        crate::input::even(self.text.file.len(), partition_bytes)
    }

    fn read(&self, window: Range<u64>, plan: Arc<ReadPlan>) -> Result<Batches, InputError> {
        let bytes = self.text.file.bytes()?;
        let start = self.first_record(&bytes, window.start);
        let end = usize::try_from(window.end).unwrap_or(usize::MAX);
        Ok(Box::new(CsvReader::new(self, bytes, start..end, plan)))
    }
}

impl CsvFile {
    /// Where the first record that begins in the window from `place` on begins.
    fn first_record(&self, bytes: &[u8], place: u64) -> usize {
        if place <= self.data_start {
            return usize::try_from(self.data_start).unwrap_or(usize::MAX);
        }
        let inside = self.dialect.quote.is_some_and(|quote| self.text.odd_quotes(bytes, place, quote));
        let from = usize::try_from(place).unwrap_or(usize::MAX);
        quotes::first_record(bytes, from, inside, self.dialect.needles())
    }
}

/// Byte order marks of encodings that cannot be read.
const UTF16: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];
const UTF8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Looks at the beginning of the file `name`, which is not empty; `None` if it has only empty lines.
///
/// # Errors
/// The delimiter, the header or the encoding is not certain, or two columns have one name.
pub(crate) fn head(
    bytes: &Bytes,
    name: &str,
    format: Format,
    spec: &FormatSpec,
) -> Result<Option<Head>, InputError> {
    if UTF16.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(InputError::malformed(
            name,
            "it is UTF-16; convert it to UTF-8 first (`iconv -f UTF-16 -t UTF-8`)",
        ));
    }
    let dialect = Dialect {
        delimiter: spec.delimiter.unwrap_or(if format == Format::Tsv { b'\t' } else { b',' }),
        quote: (!spec.no_quotes).then_some(b'"'),
        encoding: spec.encoding,
    };
    let Some(line) = first_line(bytes, dialect) else { return Ok(None) };
    let content = line.start..super::scan::content_end(bytes, line.start, line.end);
    let fields = split(bytes.get(content).unwrap_or_default(), dialect);
    certain_delimiter(name, &fields, spec, dialect)?;
    let has_header = has_header(name, &fields, spec, dialect)?;
    let names = if has_header { names(name, &fields, dialect)? } else { made_names(fields.len()) };
    let first = bytes.slice(line.clone());
    let terminator = if first.ends_with(b"\r\n") { "\r\n" } else { "\n" };
    let (header, data_start) = if has_header { (first, line.end) } else { (Bytes::new(), line.start) };
    Ok(Some(Head { dialect, names, header, data_start, terminator }))
}

/// The first line with content, after the byte order mark.
fn first_line(bytes: &[u8], dialect: Dialect) -> Option<Range<usize>> {
    let mut start = if bytes.starts_with(UTF8_MARK) { UTF8_MARK.len() } else { 0 };
    while start < bytes.len() {
        let end = quotes::record_end(bytes, start, false, dialect.needles());
        if super::scan::content_end(bytes, start, end) > start {
            return Some(start..end);
        }
        start = end;
    }
    None
}

/// The raw fields of one record.
pub(crate) fn split(record: &[u8], dialect: Dialect) -> Vec<&[u8]> {
    let (mut fields, mut start, mut inside) = (Vec::new(), 0, false);
    for (place, byte) in record.iter().enumerate() {
        if Some(*byte) == dialect.quote {
            inside = !inside;
        } else if *byte == dialect.delimiter && !inside {
            fields.push(record.get(start..place).unwrap_or_default());
            start = place + 1;
        }
    }
    fields.push(record.get(start..).unwrap_or_default());
    fields
}

fn certain_delimiter(
    name: &str,
    fields: &[&[u8]],
    spec: &FormatSpec,
    dialect: Dialect,
) -> Result<(), InputError> {
    let [only] = fields else { return Ok(()) };
    if spec.delimiter.is_some() {
        return Ok(());
    }
    let others = [(b';', "semicolon"), (b'\t', "tab"), (b'|', "pipe"), (b',', "comma")];
    match others.iter().find(|(byte, _)| *byte != dialect.delimiter && only.contains(byte)) {
        None => Ok(()),
        Some((byte, word)) => Err(InputError::Ambiguous {
            path: name.to_owned(),
            what: format!("the first line has no `{}` but has `{}`", shown(dialect.delimiter), shown(*byte)),
            settle: format!("add `delimiter={word}` to `format`, or name the delimiter that is meant"),
        }),
    }
}

fn shown(byte: u8) -> String {
    char::from(byte).escape_default().to_string()
}

fn has_header(name: &str, fields: &[&[u8]], spec: &FormatSpec, dialect: Dialect) -> Result<bool, InputError> {
    if let Some(told) = spec.header {
        return Ok(told);
    }
    let number = fields
        .iter()
        .map(|raw| Field::read(raw, dialect.quote).simple())
        .find(|text| values::float(text).is_some());
    match number {
        None => Ok(true),
        Some(text) => Err(InputError::Ambiguous {
            path: name.to_owned(),
            what: format!(
                "the first line has the number `{}`, so it may be names or a row",
                String::from_utf8_lossy(text)
            ),
            settle: "add `header=no` or `header=yes` to `format`".into(),
        }),
    }
}

fn names(path: &str, fields: &[&[u8]], dialect: Dialect) -> Result<Vec<String>, InputError> {
    let mut seen = HashSet::new();
    let mut names = Vec::with_capacity(fields.len());
    for (place, raw) in fields.iter().enumerate() {
        let mut text = Vec::new();
        Field::read(raw, dialect.quote).push_to(&mut text, b'"');
        let name = match dialect.encoding {
            super::Encoding::Utf8 => String::from_utf8(text).map_err(|_| {
                InputError::malformed(
                    path,
                    "its header is not UTF-8; if it is Latin-1, add `encoding=latin-1` to `format`",
                )
            })?,
            super::Encoding::Latin1 => text.into_iter().map(char::from).collect(),
        };
        // An index column that pandas wrote has no name.
        let name = if name.is_empty() { format!("unnamed_{place}") } else { name };
        if !seen.insert(name.clone()) {
            return Err(InputError::malformed(path, format!("two columns are called `{name}`; rename one")));
        }
        names.push(name);
    }
    Ok(names)
}

/// Names for a file without header: `c0`, `c1`, …
fn made_names(count: usize) -> Vec<String> {
    (0..count).map(|place| format!("c{place}")).collect()
}
