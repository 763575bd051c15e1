//! numpy's `.npy`, version 1.0, of little-endian doubles in C order: what the model's arrays are.

use millrace_sdk::{Error, Result};

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// The header ends at a multiple of this.
const ALIGNMENT: usize = 64;

/// The file of an array of this shape.
pub(crate) fn write(shape: &[usize], values: &[f64]) -> Vec<u8> {
    let lengths: Vec<_> = shape.iter().map(|length| format!("{length},")).collect();
    let mut header =
        format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}), }}", lengths.join(" "));
    let unpadded = MAGIC.len() + 2 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(ALIGNMENT) - unpadded));
    header.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// The values of such a file, which has to have `count` of them.
pub(crate) fn read(name: &str, bytes: &[u8], count: usize) -> Result<Vec<f64>> {
    let wrong = |what: &str| Error::input(format!("the model's `{name}` {what}"));
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| wrong("is not an npy file of version 1.0"))?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(|| wrong("is cut off"))?;
    let header = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)));
    let (header, values) = header.ok_or_else(|| wrong("is cut off"))?;
    let header = String::from_utf8_lossy(header).replace(' ', "");
    if !header.contains("'descr':'<f8'") || !header.contains("'fortran_order':False") {
        return Err(wrong("does not hold float64 in C order"));
    }
    let (values, cut) = values.as_chunks::<8>();
    if values.len() != count || !cut.is_empty() {
        return Err(wrong(&format!("holds {} numbers and not {count}", values.len())));
    }
    Ok(values.iter().map(|value| f64::from_le_bytes(*value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that `numpy.save` writes for `numpy.array([[1.0, -2.5]])`.
    #[test]
    fn it_is_what_numpy_writes() {
        let header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }                                                          \n";
        let numpy = [
            b"\x93NUMPY\x01\x00\x76\x00".as_slice(),
            header,
            &1.0_f64.to_le_bytes(),
            &(-2.5_f64).to_le_bytes(),
        ]
        .concat();
        assert_eq!(read("x.npy", &numpy, 2).unwrap(), [1.0, -2.5]);
        let ours = write(&[1, 2], &[1.0, -2.5]);
        assert_eq!(ours.len(), numpy.len());
        assert_eq!(read("x.npy", &ours, 2).unwrap(), [1.0, -2.5]);
        assert_eq!(ours.len() % 64, 16);
        assert!(String::from_utf8_lossy(&write(&[3], &[0.0; 3])).contains("'shape': (3,)"));
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = write(&[2], &[1.0, 2.0]);
        for cut in 0..bytes.len() {
            assert!(read("x.npy", &bytes[..cut], 2).is_err());
        }
        assert!(read("x.npy", &bytes, 3).is_err());
        let single = String::from_utf8_lossy(&bytes[..64]).replace("<f8", "<f4").into_bytes();
        assert!(read("x.npy", &single, 2).is_err());
    }
}
