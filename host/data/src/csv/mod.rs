//! CSV and TSV: records found by bit masks, only the wanted fields read, rows never rewritten.
//!
//! What counts as a row: RFC 4180, lines ended by LF or CRLF. Empty lines are not rows. A record
//! with another number of fields, with a quote where none may stand, or with bytes that are not
//! the file's encoding is a bad row. Nothing between two delimiters is a missing value; `""` is an
//! empty text.

pub(crate) mod columns;
pub(crate) mod file;
pub(crate) mod infer;
pub(crate) mod quotes;
pub(crate) mod reader;
pub(crate) mod scan;
pub(crate) mod structure;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod values;

/// How one CSV file is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Between fields.
    pub delimiter: u8,
    /// Around fields; `None` where quotes are plain characters.
    pub quote: Option<u8>,
    /// What bytes above 127 mean.
    pub encoding: Encoding,
}

/// What the bytes of a text file mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// ISO 8859-1: every byte is the character of that number.
    Latin1,
}

impl Dialect {
    pub(crate) fn needles(self) -> structure::Needles {
        structure::Needles { delimiter: self.delimiter, quote: self.quote }
    }
}
