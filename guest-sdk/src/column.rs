//! The values of one column, in Arrow layout: little-endian buffers, offsets, validity bits.

use crate::schema::{Dtype, Field};
use crate::{Error, Result};

/// All rows of one column of a batch.
///
/// The value of a missing row is unspecified; ask [`Column::is_valid`] first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    dtype: Dtype,
    width: usize,
    rows: usize,
    values: Vec<u8>,
    offsets: Option<Vec<u8>>,
    validity: Option<Vec<u8>>,
}

/// The three buffers of a column, as they cross the contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Elements, row after row; bits for booleans; concatenated bytes for `utf8` and `binary`.
    pub values: Vec<u8>,
    /// rows + 1 little-endian i32, for `utf8` and `binary` only.
    pub offsets: Option<Vec<u8>>,
    /// One bit a row, lowest first; none where no row is missing.
    pub validity: Option<Vec<u8>>,
}

impl Column {
    /// A column of `rows` rows of `field`'s type.
    ///
    /// # Errors
    /// `Internal` where a buffer is too short for `rows`, or offsets do not ascend.
    pub fn new(field: &Field, rows: usize, buffers: Buffers) -> Result<Self> {
        let Buffers { values, offsets, validity } = buffers;
        let width = field.width.max(1) as usize;
        let column = Self { dtype: field.dtype, width, rows, values, offsets, validity };
        match column.fault() {
            None => Ok(column),
            Some(fault) => Err(Error::internal(format!("column `{}`: {fault}", field.name))),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let bits = self.rows.div_ceil(8);
        let enough = match self.dtype.size() {
            Some(size) => self.values.len() >= self.rows * self.width * size,
            None if self.dtype == Dtype::Boolean => self.values.len() >= (self.rows * self.width).div_ceil(8),
            None => true,
        };
        if !enough {
            return Some("fewer values than rows");
        }
        if self.validity.as_ref().is_some_and(|validity| validity.len() < bits) {
            return Some("fewer validity bits than rows");
        }
        (self.dtype.is_bytes() && !self.offsets_ascend()).then_some("offsets that do not fit its bytes")
    }

    fn offsets_ascend(&self) -> bool {
        let Some(offsets) = &self.offsets else { return false };
        let mut previous = 0;
        let mut count = 0;
        for offset in i32s(offsets) {
            if offset < previous {
                return false;
            }
            previous = offset;
            count += 1;
        }
        count == self.rows + 1 && previous as usize <= self.values.len()
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Element type.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Elements a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether the value of `row` is there.
    #[must_use]
    pub fn is_valid(&self, row: usize) -> bool {
        self.validity.as_ref().is_none_or(|validity| bit(validity, row))
    }

    /// Whether any value is missing.
    #[must_use]
    pub fn has_nulls(&self) -> bool {
        self.validity.is_some() && (0..self.rows).any(|row| !self.is_valid(row))
    }

    /// The elements' bytes, little-endian, row after row.
    #[must_use]
    pub fn value_bytes(&self) -> &[u8] {
        &self.values
    }

    /// The buffers themselves.
    #[must_use]
    pub fn into_buffers(self) -> Buffers {
        Buffers { values: self.values, offsets: self.offsets, validity: self.validity }
    }

    /// A boolean column's value of `row` (false for other types).
    #[must_use]
    pub fn flag(&self, row: usize) -> bool {
        self.dtype == Dtype::Boolean && bit(&self.values, row)
    }

    /// Each row's bytes of a `utf8` or `binary` column, missing rows included; nothing for other types.
    pub fn byte_strings(&self) -> impl Iterator<Item = &[u8]> {
        let offsets = self.offsets.as_deref().unwrap_or_default();
        let ends = i32s(offsets.get(4..).unwrap_or_default());
        let mut start = i32s(offsets).next().unwrap_or(0) as usize;
        ends.map(move |end| {
            let from = start;
            start = end as usize;
            self.values.get(from..start).unwrap_or_default()
        })
    }

    /// Where each row's bytes begin and the last row's end; nothing for types without offsets.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = usize> + '_ {
        i32s(self.offsets.as_deref().unwrap_or_default()).map(|offset| offset as usize)
    }

    /// All elements of a numeric column as f64, row after row.
    ///
    /// # Errors
    /// `InvalidInput` where the column is not numeric.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        let values = self.values.as_slice();
        Ok(match self.dtype {
            Dtype::Int8 => values.iter().map(|byte| f64::from(*byte as i8)).collect(),
            Dtype::Uint8 => values.iter().map(|byte| f64::from(*byte)).collect(),
            Dtype::Int16 => elements(values, |bytes| f64::from(i16::from_le_bytes(bytes))),
            Dtype::Uint16 => elements(values, |bytes| f64::from(u16::from_le_bytes(bytes))),
            Dtype::Int32 => elements(values, |bytes| f64::from(i32::from_le_bytes(bytes))),
            Dtype::Uint32 => elements(values, |bytes| f64::from(u32::from_le_bytes(bytes))),
            Dtype::Int64 => elements(values, |bytes| i64::from_le_bytes(bytes) as f64),
            Dtype::Uint64 => elements(values, |bytes| u64::from_le_bytes(bytes) as f64),
            Dtype::Float16 => elements(values, |bytes| half_to_f64(u16::from_le_bytes(bytes))),
            Dtype::Float32 => elements(values, |bytes| f64::from(f32::from_le_bytes(bytes))),
            Dtype::Float64 => elements(values, f64::from_le_bytes),
            other => return Err(Error::input(format!("numbers are needed, and the column holds {other:?}"))),
        })
    }

    /// The rows of `picked`, in that order.
    ///
    /// # Errors
    /// `Internal` where a row is past the end, or the column is opaque.
    pub fn pick(&self, picked: &[u32]) -> Result<Self> {
        let past = || Error::internal("a picked row is past the column's end");
        let mut values = Vec::new();
        let mut offsets = None;
        if self.dtype.is_bytes() {
            let strings: Vec<&[u8]> = self.byte_strings().collect();
            let mut ends = 0_i32.to_le_bytes().to_vec();
            for row in picked {
                values.extend_from_slice(strings.get(*row as usize).ok_or_else(past)?);
                ends.extend_from_slice(&(values.len() as i32).to_le_bytes());
            }
            offsets = Some(ends);
        } else if self.dtype == Dtype::Boolean {
            let flags = picked.iter().flat_map(|row| {
                (0..self.width).map(move |element| bit(&self.values, *row as usize * self.width + element))
            });
            values = pack(flags);
        } else {
            let size =
                self.dtype.size().ok_or_else(|| Error::internal("an opaque column cannot be picked from"))?;
            let stride = size * self.width;
            for row in picked {
                let start = *row as usize * stride;
                values.extend_from_slice(self.values.get(start..start + stride).ok_or_else(past)?);
            }
        }
        let validity =
            self.validity.as_ref().map(|bits| pack(picked.iter().map(|row| bit(bits, *row as usize))));
        Ok(Self { dtype: self.dtype, width: self.width, rows: picked.len(), values, offsets, validity })
    }
}

/// Builders, for tests and for what a processor writes.
impl Column {
    /// A column of f64.
    #[must_use]
    pub fn from_f64(values: &[f64]) -> Self {
        Self::fixed(
            Dtype::Float64,
            values.len(),
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )
    }

    /// A column of f32.
    #[must_use]
    pub fn from_f32(values: &[f32]) -> Self {
        Self::fixed(
            Dtype::Float32,
            values.len(),
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )
    }

    /// A column of i64.
    #[must_use]
    pub fn from_i64(values: &[i64]) -> Self {
        Self::fixed(Dtype::Int64, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// A column of booleans.
    #[must_use]
    pub fn from_flags(values: &[bool]) -> Self {
        Self::fixed(Dtype::Boolean, values.len(), pack(values.iter().copied()))
    }

    /// A column of texts; `None` is a missing value.
    #[must_use]
    pub fn from_texts<T: AsRef<str>>(texts: &[Option<T>]) -> Self {
        let mut values = Vec::new();
        let mut offsets = 0_i32.to_le_bytes().to_vec();
        for text in texts {
            values.extend_from_slice(text.as_ref().map_or("", |text| text.as_ref()).as_bytes());
            offsets.extend_from_slice(&(values.len() as i32).to_le_bytes());
        }
        let column = Self {
            dtype: Dtype::Utf8,
            width: 1,
            rows: texts.len(),
            values,
            offsets: Some(offsets),
            validity: None,
        };
        column.with_missing(|row| texts.get(row).is_none_or(Option::is_none))
    }

    /// A numeric column from little-endian elements; the last rows are dropped where bytes are missing.
    #[must_use]
    pub fn fixed(dtype: Dtype, rows: usize, values: Vec<u8>) -> Self {
        Self { dtype, width: 1, rows, values, offsets: None, validity: None }
    }

    /// The same elements as rows of `width` elements each.
    #[must_use]
    pub fn with_width(self, width: usize) -> Self {
        let width = width.max(1);
        Self { rows: self.rows * self.width / width, width, ..self }
    }

    /// The same with the rows for which `missing` answers true made null.
    #[must_use]
    pub fn with_missing(self, missing: impl Fn(usize) -> bool) -> Self {
        let any = (0..self.rows).any(&missing);
        let validity = any.then(|| pack((0..self.rows).map(|row| !missing(row))));
        Self { validity, ..self }
    }
}

/// Bit `row` of an LSB-first bitmap; false past its end.
pub(crate) fn bit(bitmap: &[u8], row: usize) -> bool {
    bitmap.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
}

/// An LSB-first bitmap of these flags.
pub(crate) fn pack(flags: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (row, flag) in flags.enumerate() {
        if row % 8 == 0 {
            bytes.push(0);
        }
        if let Some(last) = bytes.last_mut() {
            *last |= u8::from(flag) << (row % 8);
        }
    }
    bytes
}

fn i32s(bytes: &[u8]) -> impl Iterator<Item = i32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|chunk| i32::from_le_bytes(*chunk))
}

/// `bytes` as elements of `N` bytes.
pub(crate) fn elements<const N: usize, T>(bytes: &[u8], decode: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| decode(*chunk)).collect()
}

/// IEEE 754 binary16.
pub(crate) fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f64::from(bits & 0x3ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * 2_f64.powi(-24),
        0x1f if fraction == 0.0 => sign * f64::INFINITY,
        0x1f => f64::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2_f64.powi(i32::from(exponent) - 15),
    }
}
