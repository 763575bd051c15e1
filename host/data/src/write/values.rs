//! Values as text: lines of CSV and of JSON from columns.

use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::outputs::OutputError;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineFormat {
    /// Fields between delimiters, in quotes where they need them.
    Delimited(u8),
    /// One JSON object; NaN and infinities, which JSON lacks, become null.
    Json,
}

/// Appends one line per row to `to`.
///
/// # Errors
/// [`OutputError::Unsuitable`] names the column that the format cannot hold.
pub(crate) fn lines(
    rows: &RecordBatch,
    format: LineFormat,
    terminator: &str,
    to: &mut Vec<u8>,
) -> Result<(), OutputError> {
    let columns = Column::all(rows, format)?;
    for row in 0..rows.num_rows() {
        match format {
            LineFormat::Delimited(delimiter) => {
                for (place, column) in columns.iter().enumerate() {
                    if place > 0 {
                        to.push(delimiter);
                    }
                    column.field(row, delimiter, to)?;
                }
            }
            LineFormat::Json => object(&columns, row, to)?,
        }
        to.extend_from_slice(terminator.as_bytes());
    }
    Ok(())
}

fn object(columns: &[Column<'_>], row: usize, to: &mut Vec<u8>) -> Result<(), OutputError> {
    to.push(b'{');
    for (place, column) in columns.iter().enumerate() {
        if place > 0 {
            to.push(b',');
        }
        to.extend_from_slice(&column.key);
        to.push(b':');
        column.json(row, to)?;
    }
    to.push(b'}');
    Ok(())
}

/// A header of these names.
pub(crate) fn header(names: &[String], delimiter: u8, terminator: &str) -> Vec<u8> {
    let mut line = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            line.push(delimiter);
        }
        push_field(name.as_bytes(), delimiter, &mut line);
    }
    line.extend_from_slice(terminator.as_bytes());
    line
}

/// A column that can be written as text.
pub(crate) struct Column<'a> {
    name: &'a str,
    /// The name as a JSON string.
    pub(crate) key: Vec<u8>,
    array: &'a ArrayRef,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Text(&'a StringArray),
    /// Written without quotes in JSON; `finite` says that NaN cannot occur.
    Number {
        shown: ArrayFormatter<'a>,
        finite: bool,
    },
    /// Written as a string in JSON: times, decimals, bytes.
    Shown(ArrayFormatter<'a>),
    List(&'a FixedSizeListArray, Box<Column<'a>>),
}

impl<'a> Column<'a> {
    /// Every column of `rows`.
    pub(crate) fn all(rows: &'a RecordBatch, format: LineFormat) -> Result<Vec<Self>, OutputError> {
        let fields = rows.schema_ref().fields().iter();
        fields.zip(rows.columns()).map(|(field, array)| Self::new(field.name(), array, format)).collect()
    }

    fn new(name: &'a str, array: &'a ArrayRef, format: LineFormat) -> Result<Self, OutputError> {
        let shown = || ArrayFormatter::try_new(array, OPTIONS).map_err(|error| unsuitable(name, &error));
        let kind = match array.data_type() {
            DataType::Utf8 => Kind::Text(array.as_string()),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                Kind::Number { shown: shown()?, finite: false }
            }
            DataType::Boolean => Kind::Number { shown: shown()?, finite: true },
            kind if kind.is_integer() => Kind::Number { shown: shown()?, finite: true },
            DataType::FixedSizeList(..) if format == LineFormat::Json => {
                let list = array.as_fixed_size_list();
                Kind::List(list, Box::new(Self::new(name, list.values(), format)?))
            }
            nested if nested.is_nested() => {
                let what = format!(
                    "column `{name}` is {nested}, which this text format cannot hold; write Parquet instead"
                );
                return Err(OutputError::Unsuitable(what));
            }
            _ => Kind::Shown(shown()?),
        };
        Ok(Self { name, key: json_string(name), array, kind })
    }

    /// Appends the value of row `row` as a delimited field; a missing one is empty.
    pub(crate) fn field(&self, row: usize, delimiter: u8, to: &mut Vec<u8>) -> Result<(), OutputError> {
        if self.array.is_null(row) {
            return Ok(());
        }
        match &self.kind {
            Kind::Text(text) => push_field(text.value(row).as_bytes(), delimiter, to),
            Kind::Number { shown, .. } => self.show(shown, row, to)?,
            Kind::Shown(shown) => push_field(self.shown(shown, row)?.as_bytes(), delimiter, to),
            Kind::List(..) => {
                return Err(OutputError::Unsuitable(format!("column `{}` is a list", self.name)));
            }
        }
        Ok(())
    }

    /// Appends the value of row `row` as JSON.
    pub(crate) fn json(&self, row: usize, to: &mut Vec<u8>) -> Result<(), OutputError> {
        if self.array.is_null(row) {
            to.extend_from_slice(b"null");
            return Ok(());
        }
        match &self.kind {
            Kind::Text(text) => to.extend(json_string(text.value(row))),
            Kind::Shown(shown) => to.extend(json_string(&self.shown(shown, row)?)),
            Kind::Number { shown, finite } => {
                let start = to.len();
                self.show(shown, row, to)?;
                let digits = to.get(start..).is_some_and(|text| text.iter().any(u8::is_ascii_digit));
                if !finite && !digits {
                    to.truncate(start);
                    to.extend_from_slice(b"null");
                }
            }
            Kind::List(list, items) => {
                items.json_list(row * list.value_length() as usize, list.value_length() as usize, to)?
            }
        }
        Ok(())
    }

    fn json_list(&self, start: usize, length: usize, to: &mut Vec<u8>) -> Result<(), OutputError> {
        to.push(b'[');
        for place in start..start + length {
            if place > start {
                to.push(b',');
            }
            self.json(place, to)?;
        }
        to.push(b']');
        Ok(())
    }

    fn show(&self, shown: &ArrayFormatter<'_>, row: usize, to: &mut Vec<u8>) -> Result<(), OutputError> {
        shown.value(row).write(&mut Ascii(to)).map_err(|error| unsuitable(self.name, &error))
    }

    fn shown(&self, shown: &ArrayFormatter<'_>, row: usize) -> Result<String, OutputError> {
        let mut text = String::new();
        shown.value(row).write(&mut text).map_err(|error| unsuitable(self.name, &error))?;
        Ok(text)
    }
}

/// Null is handled before; a value that cannot be shown is an error, not a text in the data.
const OPTIONS: &FormatOptions<'static> = &FormatOptions::new().with_display_error(false);

struct Ascii<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Ascii<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn unsuitable(name: &str, error: &ArrowError) -> OutputError {
    OutputError::Unsuitable(format!("column `{name}` cannot be written as text: {error}"))
}

/// A field, in quotes if it is empty (an empty field is a missing value) or has a byte that needs them.
fn push_field(text: &[u8], delimiter: u8, to: &mut Vec<u8>) {
    let needs_quotes = |byte: &u8| matches!(*byte, b'"' | b'\n' | b'\r') || *byte == delimiter;
    if !text.is_empty() && !text.iter().any(needs_quotes) {
        to.extend_from_slice(text);
        return;
    }
    to.push(b'"');
    for byte in text {
        if *byte == b'"' {
            to.push(b'"');
        }
        to.push(*byte);
    }
    to.push(b'"');
}

/// `text` as a JSON string, with its quotes.
fn json_string(text: &str) -> Vec<u8> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control < ' ' => {
                // Writing into a String does not fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted.into_bytes()
}
