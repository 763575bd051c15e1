//! The header of a `.npy` file, read and written
//! (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).

use arrow::datatypes::DataType;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header that is read; a structured type could have a longer one, and is refused anyway.
const LONGEST: usize = 1 << 16;
/// Data begins at a multiple of this, so that a mapped array is aligned.
const ALIGNMENT: usize = 64;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) data_type: DataType,
    /// Bytes of one element.
    pub(crate) item: usize,
    pub(crate) rows: u64,
    /// Elements per row; `None` for a one-dimensional array.
    pub(crate) width: Option<usize>,
    /// Where the elements begin.
    pub(crate) start: usize,
}

impl Header {
    /// Bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.item * self.width.unwrap_or(1)
    }

    /// Reads the header at the beginning of `bytes`, a whole file.
    ///
    /// # Errors
    /// It is no header, or of an array that cannot be rows; the text says what to do.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let (text, start) = text(bytes).ok_or("it does not begin with a NumPy header")?;
        let descr = quoted(after(text, "descr")?)?;
        let (data_type, item) = element(descr)?;
        let shape = shape(after(text, "shape")?)?;
        let fortran = after(text, "fortran_order")?.trim_start().starts_with("True");
        let (rows, width) = match *shape.as_slice() {
            [rows] => (rows, None),
            [rows, width] if !fortran || rows <= 1 || width == 1 => {
                (rows, Some(usize::try_from(width).map_err(|_| "its rows are too long")?))
            }
            [_, _] => {
                return Err(
                    "it is in Fortran order; save it with `np.save(path, np.ascontiguousarray(a))`".into()
                );
            }
            ref other => {
                return Err(format!(
                    "it has {} dimensions; reshape it to rows first: `a.reshape(len(a), -1)`",
                    other.len()
                ));
            }
        };
        let header = Self { data_type, item, rows, width, start };
        let length = header.length().ok_or("its shape is larger than any file")?;
        if (bytes.len() as u64) < length {
            return Err(format!("it is cut off: {} bytes, its header speaks of {length}", bytes.len()));
        }
        Ok(header)
    }

    /// Bytes of the whole file.
    fn length(&self) -> Option<u64> {
        let row = (self.item as u64).checked_mul(self.width.unwrap_or(1) as u64)?;
        self.rows.checked_mul(row)?.checked_add(self.start as u64)
    }
}

/// The header's text, and where the data begins.
fn text(bytes: &[u8]) -> Option<(&str, usize)> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, fixed) = match rest {
        [1, _, low, high, ..] => (usize::from(u16::from_le_bytes([*low, *high])), 10),
        [2 | 3, _, a, b, c, d, ..] => (usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok()?, 12),
        _ => return None,
    };
    let text = bytes.get(fixed..fixed + length.min(LONGEST))?;
    Some((std::str::from_utf8(text).ok()?, fixed + length))
}

/// What stands behind `'name':`.
fn after<'a>(text: &'a str, name: &str) -> Result<&'a str, String> {
    let found =
        text.split_once(&format!("'{name}'")).and_then(|(_, rest)| rest.trim_start().strip_prefix(':'));
    found.ok_or_else(|| format!("its header has no `{name}`"))
}

fn quoted(text: &str) -> Result<&str, String> {
    let inner = text.trim_start().strip_prefix('\'').and_then(|rest| rest.split_once('\''));
    inner
        .map(|(inner, _)| inner)
        .ok_or_else(|| "its elements are structures; save one array per field".into())
}

fn shape(text: &str) -> Result<Vec<u64>, String> {
    let inner =
        text.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(inner, _)| inner);
    let inner = inner.ok_or("its header has no shape")?;
    let numbers = inner.split(',').map(str::trim).filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().map_err(|_| format!("`{number}` is no length"))).collect()
}

/// Arrow type and size of an element.
fn element(descr: &str) -> Result<(DataType, usize), String> {
    let (order, kind) = descr.split_at_checked(1).unwrap_or(("", descr));
    let (data_type, item) = match kind {
        "b1" => (DataType::Boolean, 1),
        "i1" => (DataType::Int8, 1),
        "u1" => (DataType::UInt8, 1),
        "i2" => (DataType::Int16, 2),
        "u2" => (DataType::UInt16, 2),
        "i4" => (DataType::Int32, 4),
        "u4" => (DataType::UInt32, 4),
        "i8" => (DataType::Int64, 8),
        "u8" => (DataType::UInt64, 8),
        "f2" => (DataType::Float16, 2),
        "f4" => (DataType::Float32, 4),
        "f8" => (DataType::Float64, 8),
        _ => return Err(format!("elements of type `{descr}` cannot be read; numbers and truth values can")),
    };
    if order == ">" && item > 1 {
        return Err(format!("it is big-endian (`{descr}`); save it with `a.astype('<{kind}')`"));
    }
    Ok((data_type, item))
}

/// NumPy's name of a type, and bytes of an element.
pub(crate) fn descr(data_type: &DataType) -> Option<(&'static str, usize)> {
    Some(match data_type {
        DataType::Boolean => ("|b1", 1),
        DataType::Int8 => ("|i1", 1),
        DataType::UInt8 => ("|u1", 1),
        DataType::Int16 => ("<i2", 2),
        DataType::UInt16 => ("<u2", 2),
        DataType::Int32 => ("<i4", 4),
        DataType::UInt32 => ("<u4", 4),
        DataType::Int64 => ("<i8", 8),
        DataType::UInt64 => ("<u8", 8),
        DataType::Float16 => ("<f2", 2),
        DataType::Float32 => ("<f4", 4),
        DataType::Float64 => ("<f8", 8),
        _ => return None,
    })
}

/// Length of every header that is written: with the longest row count it is still a multiple of the alignment.
pub(crate) const WRITTEN: usize = 2 * ALIGNMENT;

/// A header of [`WRITTEN`] bytes, as NumPy writes it but for the length of its padding.
pub(crate) fn write(descr: &str, rows: u64, width: Option<usize>) -> Vec<u8> {
    let shape = width.map_or_else(|| format!("({rows},)"), |width| format!("({rows}, {width})"));
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let mut header = [MAGIC, &[1, 0]].concat();
    // Ten bytes are magic, version and length; the line feed is the last of the padding.
    let length = WRITTEN - 10;
    header.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    header.extend_from_slice(format!("{text:<width$}\n", width = length - 1).as_bytes());
    header
}
