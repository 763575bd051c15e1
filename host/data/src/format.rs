//! Which format a file is in: from its name, or as the object says.
//!
//! Contents are not guessed at. Where a name says nothing, or what a text file needs to be read
//! is not certain, the answer is an error that names the option which settles it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::csv::Encoding;

/// A file format that can be read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values, RFC 4180.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// One JSON object per line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// One NumPy array.
    Npy,
}

impl Format {
    /// The extension of its files: `csv`.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
            Self::Npy => "npy",
        }
    }

    /// Whether its files are text, so that rows can be moved without being read.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Tsv | Self::JsonLines)
    }
}

/// How a file is packed as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
}

/// What the object's `format` says: `auto`, `csv`, `csv,header=no,delimiter=semicolon`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatSpec {
    /// The format; `None` is `auto`: each file's name tells.
    pub format: Option<Format>,
    /// `delimiter=`: one ASCII character, or `comma`, `semicolon`, `tab`, `pipe`, `space`.
    pub delimiter: Option<u8>,
    /// `header=yes|no`: whether the first record of each CSV file names the columns.
    pub header: Option<bool>,
    /// `quote=none`: quotes are plain characters.
    pub no_quotes: bool,
    /// `encoding=utf-8|latin-1`.
    pub encoding: Encoding,
}

/// Why a format is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The name has no known extension.
    #[error("{path}: the name does not tell the format; set `format` to csv, tsv, jsonl, parquet or npy")]
    Unknown {
        /// The file.
        path: String,
    },
    /// The option's text cannot be read.
    #[error("format `{given}`: {what}")]
    Option {
        /// What was given.
        given: String,
        /// What is wrong, and what would be right.
        what: String,
    },
}

/// Format and compression by the extensions of `path`: `a.csv.gz` is CSV in gzip.
#[must_use]
pub fn detect(path: &str) -> (Option<Format>, Compression) {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let (stem, compression) = match name.rsplit_once('.') {
        Some((stem, "gz" | "gzip")) => (stem, Compression::Gzip),
        Some((stem, "zst" | "zstd")) => (stem, Compression::Zstd),
        _ => (name.as_str(), Compression::None),
    };
    let format = match stem.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv") => Some(Format::Csv),
        Some("tsv" | "tab") => Some(Format::Tsv),
        Some("jsonl" | "ndjson") => Some(Format::JsonLines),
        Some("parquet" | "pq") => Some(Format::Parquet),
        Some("npy") => Some(Format::Npy),
        _ => None,
    };
    (format, compression)
}

impl FormatSpec {
    /// Format and compression of the file at `path`.
    ///
    /// # Errors
    /// [`FormatError::Unknown`] if neither the option nor the name tells.
    pub fn resolve(&self, path: &str) -> Result<(Format, Compression), FormatError> {
        let (named, compression) = detect(path);
        match self.format.or(named) {
            Some(format) => Ok((format, compression)),
            None => Err(FormatError::Unknown { path: path.to_owned() }),
        }
    }
}

impl FromStr for FormatSpec {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let error = |what: String| FormatError::Option { given: text.to_owned(), what };
        let mut spec = Self::default();
        let mut words = text.split(',').map(str::trim);
        spec.format = match words.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "auto" => None,
            "csv" => Some(Format::Csv),
            "tsv" => Some(Format::Tsv),
            "jsonl" | "ndjson" | "jsonlines" => Some(Format::JsonLines),
            "parquet" => Some(Format::Parquet),
            "npy" => Some(Format::Npy),
            other => return Err(error(format!("`{other}` is none of auto, csv, tsv, jsonl, parquet, npy"))),
        };
        for word in words {
            let (name, value) =
                word.split_once('=').ok_or_else(|| error(format!("`{word}` is not NAME=VALUE")))?;
            spec.set(name.trim(), value).map_err(error)?;
        }
        Ok(spec)
    }
}

impl FormatSpec {
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match (name, value) {
            ("delimiter", value) => self.delimiter = Some(delimiter(value)?),
            ("header", "yes" | "true") => self.header = Some(true),
            ("header", "no" | "false") => self.header = Some(false),
            ("quote", "none") => self.no_quotes = true,
            ("quote", "\"" | "double") => self.no_quotes = false,
            ("encoding", "utf-8" | "utf8") => self.encoding = Encoding::Utf8,
            ("encoding", "latin-1" | "latin1" | "iso-8859-1") => self.encoding = Encoding::Latin1,
            ("header", _) => return Err("header is yes or no".into()),
            ("quote", _) => return Err("quote is double or none".into()),
            ("encoding", _) => return Err("encoding is utf-8 or latin-1".into()),
            _ => return Err(format!("`{name}` is none of delimiter, header, quote, encoding")),
        }
        Ok(())
    }
}

fn delimiter(value: &str) -> Result<u8, String> {
    match (value, value.as_bytes()) {
        ("comma", _) => Ok(b','),
        ("semicolon", _) => Ok(b';'),
        ("tab" | "\\t", _) => Ok(b'\t'),
        ("pipe", _) => Ok(b'|'),
        ("space", _) => Ok(b' '),
        (_, [byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => Ok(*byte),
        _ => Err(format!(
            "delimiter `{value}` is not one ASCII character, nor comma, semicolon, tab, pipe, space"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_format_and_compression() {
        for (path, expected) in [
            ("a/b.csv", (Some(Format::Csv), Compression::None)),
            ("B.CSV.GZ", (Some(Format::Csv), Compression::Gzip)),
            ("x.jsonl.zst", (Some(Format::JsonLines), Compression::Zstd)),
            ("x.tar.parquet", (Some(Format::Parquet), Compression::None)),
            ("csv", (None, Compression::None)),
            ("a.csv/readme", (None, Compression::None)),
        ] {
            assert_eq!(detect(path), expected, "{path}");
        }
    }

    #[test]
    fn options_are_read_and_nonsense_is_named() {
        let spec: FormatSpec = "csv,header=no,delimiter=tab,quote=none,encoding=latin-1".parse().unwrap();
        assert_eq!(spec.format, Some(Format::Csv));
        assert_eq!((spec.header, spec.delimiter, spec.no_quotes), (Some(false), Some(b'\t'), true));
        assert_eq!(spec.encoding, Encoding::Latin1);
        assert_eq!("auto".parse(), Ok(FormatSpec::default()));
        for bad in ["xml", "csv,header=maybe", "csv,delimiter=ab", "csv,speed=9", "csv,delimiter=\""] {
            let error = bad.parse::<FormatSpec>().unwrap_err().to_string();
            assert!(error.contains(bad), "{error}");
        }
    }
}
