//! Values as keys: the canonical text of a value, alike whether it came from CSV or from Parquet.
//!
//! Texts and binaries are their bytes; integers decimal; booleans `true` and `false`; floats the
//! shortest decimal digits that read back as the same number, without an exponent, integral ones
//! without a point, `NaN`, `inf`, `-inf`, and 0 for both zeros.

use std::io::Write;

use crate::column::{bit, half_to_f64};
use crate::{Column, Dtype, Error, Result};

/// A column read as keys.
#[derive(Debug)]
pub struct KeyColumn {
    column: Column,
    offsets: Vec<usize>,
}

impl KeyColumn {
    /// Takes a scalar column of any type but opaque. `name` is for the message.
    ///
    /// # Errors
    /// `InvalidInput` where the type has no canonical text.
    pub fn new(column: Column, name: &str) -> Result<Self> {
        if column.dtype() == Dtype::Opaque || column.width() > 1 {
            let message = format!("column `{name}` cannot be a key: only texts, numbers and booleans can");
            return Err(Error::input(message));
        }
        let offsets = column.bounds().collect();
        Ok(Self { column, offsets })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.column.rows()
    }

    /// The text of `row`, none where the value is missing. `scratch` lends the room it may need.
    pub fn text<'a>(&'a self, row: usize, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        if !self.column.is_valid(row) {
            return None;
        }
        if self.column.dtype().is_bytes() {
            return self.string(row);
        }
        scratch.clear();
        self.write_text(row, scratch)?;
        Some(scratch)
    }

    fn string(&self, row: usize) -> Option<&[u8]> {
        let (start, end) = (*self.offsets.get(row)?, *self.offsets.get(row + 1)?);
        self.column.value_bytes().get(start..end)
    }

    fn write_text(&self, row: usize, out: &mut Vec<u8>) -> Option<()> {
        let values = self.column.value_bytes();
        match self.column.dtype() {
            Dtype::Boolean => out.extend_from_slice(if bit(values, row) { b"true" } else { b"false" }),
            Dtype::Int8 => integer(i8::from_le_bytes(element(values, row)?), out),
            Dtype::Int16 => integer(i16::from_le_bytes(element(values, row)?), out),
            Dtype::Int32 => integer(i32::from_le_bytes(element(values, row)?), out),
            Dtype::Int64 => integer(i64::from_le_bytes(element(values, row)?), out),
            Dtype::Uint8 => integer(u8::from_le_bytes(element(values, row)?), out),
            Dtype::Uint16 => integer(u16::from_le_bytes(element(values, row)?), out),
            Dtype::Uint32 => integer(u32::from_le_bytes(element(values, row)?), out),
            Dtype::Uint64 => integer(u64::from_le_bytes(element(values, row)?), out),
            Dtype::Float16 => float(half_to_f64(u16::from_le_bytes(element(values, row)?)) as f32, out)?,
            Dtype::Float32 => float(f32::from_le_bytes(element(values, row)?), out)?,
            Dtype::Float64 => float(f64::from_le_bytes(element(values, row)?), out)?,
            Dtype::Utf8 | Dtype::Binary | Dtype::Opaque => return None,
        }
        Some(())
    }
}

fn element<const N: usize>(values: &[u8], row: usize) -> Option<[u8; N]> {
    values.as_chunks::<N>().0.get(row).copied()
}

fn integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Both zeros compare equal to the default, and so are written alike.
fn float<F: Default + PartialEq + std::fmt::Display>(value: F, out: &mut Vec<u8>) -> Option<()> {
    let value = if value == F::default() { F::default() } else { value };
    write!(out, "{value}").ok()
}

/// Appends one part of a key of several columns: its length as a big-endian u32, then its text; a
/// missing value is the length 0xffff_ffff alone. No two different lists of parts give the same bytes.
pub fn push_part(text: Option<&[u8]>, out: &mut Vec<u8>) {
    match text {
        Some(text) => {
            out.extend_from_slice(&(text.len() as u32).to_be_bytes());
            out.extend_from_slice(text);
        }
        None => out.extend_from_slice(&u32::MAX.to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Buffers, Field};

    fn texts(column: Column) -> Vec<String> {
        let keys = KeyColumn::new(column, "c").unwrap();
        let mut scratch = Vec::new();
        let mut text = |row| match keys.text(row, &mut scratch) {
            Some(text) => String::from_utf8(text.to_vec()).unwrap(),
            None => "(missing)".to_owned(),
        };
        (0..keys.rows()).map(&mut text).collect()
    }

    #[test]
    fn texts_are_canonical() {
        assert_eq!(
            texts(Column::from_texts(&[Some("a"), None, Some(""), Some("é")])),
            ["a", "(missing)", "", "é"]
        );
        assert_eq!(texts(Column::from_i64(&[0, -7, i64::MIN])), ["0", "-7", "-9223372036854775808"]);
        assert_eq!(texts(Column::from_flags(&[true, false])), ["true", "false"]);
        let floats = [0.1, -0.0, 1.0, 1.5e3, f64::NAN, f64::INFINITY, 1e21];
        assert_eq!(
            texts(Column::from_f64(&floats)),
            ["0.1", "0", "1", "1500", "NaN", "inf", "1000000000000000000000"]
        );
        assert_eq!(texts(Column::from_f32(&[0.1, -2.5])), ["0.1", "-2.5"]);
        assert_eq!(texts(Column::fixed(Dtype::Uint8, 2, vec![255, 7])), ["255", "7"]);
        assert_eq!(
            texts(Column::fixed(Dtype::Float16, 2, vec![0x00, 0x3c, 0x66, 0x2e])),
            ["1", "0.099975586"]
        );
        assert_eq!(texts(Column::from_i64(&[1, 2]).with_missing(|row| row == 0)), ["(missing)", "2"]);
    }

    #[test]
    fn offsets_need_not_begin_at_zero() {
        let offsets = [2_i32, 3, 3, 5].map(i32::to_le_bytes).concat();
        let buffers = Buffers { values: b"xxabc".to_vec(), offsets: Some(offsets), validity: None };
        let column = Column::new(&Field::new("c", Dtype::Utf8), 3, buffers).unwrap();
        assert_eq!(column.byte_strings().collect::<Vec<_>>(), [b"a".as_slice(), b"", b"bc"]);
        assert_eq!(texts(column), ["a", "", "bc"]);
    }

    #[test]
    fn vectors_are_no_keys() {
        assert!(KeyColumn::new(Column::from_i64(&[1, 2]).with_width(2), "v").is_err());
    }

    #[test]
    fn parts_cannot_be_confused() {
        let key = |parts: &[Option<&str>]| {
            let mut out = Vec::new();
            parts.iter().for_each(|part| push_part(part.map(str::as_bytes), &mut out));
            out
        };
        assert_ne!(key(&[Some("a"), Some("bc")]), key(&[Some("ab"), Some("c")]));
        assert_ne!(key(&[None, Some("")]), key(&[Some(""), None]));
    }
}
