//! Compact bytes for states and models: a tag, a version, then varints and length-prefixed strings.
//!
//! Reading never trusts: damaged bytes are an error, never a trap, and no length is allocated for
//! before the bytes are seen to be there.

use crate::{Error, Result};

/// Writes a state or model.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins with four letters that say what it is, and the format's version.
    #[must_use]
    pub fn new(tag: [u8; 4], version: u8) -> Self {
        let mut bytes = tag.to_vec();
        bytes.push(version);
        Self { bytes }
    }

    /// A number, seven bits a byte.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// A byte string with its length.
    pub fn string(&mut self, string: &[u8]) {
        self.number(string.len() as u64);
        self.bytes.extend_from_slice(string);
    }

    /// Doubles, without a length.
    pub fn doubles(&mut self, doubles: &[f64]) {
        let bytes: Vec<[u8; 8]> = doubles.iter().map(|double| double.to_le_bytes()).collect();
        self.bytes.extend_from_slice(bytes.as_flattened());
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads what a [`Writer`] wrote.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the tag and the version.
    ///
    /// # Errors
    /// `InvalidInput` where they are others.
    pub fn new(bytes: &'a [u8], tag: [u8; 4], version: u8) -> Result<Self> {
        let mut reader = Self { rest: bytes };
        let name = String::from_utf8_lossy(&tag).into_owned();
        if reader.take(4)? != tag {
            return Err(Error::input(format!(
                "these bytes are not of the kind `{name}`: they were made by another processor"
            )));
        }
        match reader.take(1)? {
            [found] if *found == version => Ok(reader),
            found => Err(Error::input(format!(
                "`{name}` has format version {found:?}; this module reads {version}"
            ))),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A number.
    ///
    /// # Errors
    /// `InvalidInput` where the bytes end or the number is too long.
    pub fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?.first().copied().ok_or_else(damaged)?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged())
    }

    /// A number of things that each take at least one byte.
    ///
    /// # Errors
    /// `InvalidInput` where fewer bytes are left than that.
    pub fn count(&mut self) -> Result<usize> {
        let count = self.number()?;
        if count > self.rest.len() as u64 {
            return Err(damaged());
        }
        Ok(count as usize)
    }

    /// A byte string.
    ///
    /// # Errors
    /// `InvalidInput` where the bytes end.
    pub fn string(&mut self) -> Result<&'a [u8]> {
        let length = self.count()?;
        self.take(length)
    }

    /// A UTF-8 string.
    ///
    /// # Errors
    /// `InvalidInput` where the bytes end or are no text.
    pub fn text(&mut self) -> Result<String> {
        String::from_utf8(self.string()?.to_vec()).map_err(|_| damaged())
    }

    /// `count` doubles.
    ///
    /// # Errors
    /// `InvalidInput` where the bytes end.
    pub fn doubles(&mut self, count: usize) -> Result<Vec<f64>> {
        let bytes = self.take(count.checked_mul(8).ok_or_else(damaged)?)?;
        Ok(crate::column::elements(bytes, f64::from_le_bytes))
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// `InvalidInput` where something is.
    pub fn finish(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(damaged()) }
    }
}

fn damaged() -> Error {
    Error::input("the bytes of a state or model are damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut writer = Writer::new(*b"test", 3);
        for number in [0, 1, 127, 128, u64::from(u32::MAX), u64::MAX] {
            writer.number(number);
        }
        writer.string("straße".as_bytes());
        writer.doubles(&[1.5, f64::NEG_INFINITY]);
        writer.finish()
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = sample();
        let mut reader = Reader::new(&bytes, *b"test", 3).unwrap();
        for number in [0, 1, 127, 128, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(reader.number().unwrap(), number);
        }
        assert_eq!(reader.text().unwrap(), "straße");
        assert_eq!(reader.doubles(2).unwrap(), [1.5, f64::NEG_INFINITY]);
        reader.finish().unwrap();
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = sample();
        assert!(Reader::new(&bytes, *b"tesu", 3).is_err());
        assert!(Reader::new(&bytes, *b"test", 4).is_err());
        assert!(Reader::new(&bytes[..4], *b"test", 3).is_err());
        assert!(Reader::new(&bytes, *b"test", 3).unwrap().finish().is_err());
        let long = [b"test\x03".as_slice(), &[0xff; 10]].concat();
        assert!(Reader::new(&long, *b"test", 3).unwrap().number().is_err());
        assert!(Reader::new(&long, *b"test", 3).unwrap().string().is_err());
        assert!(Reader::new(&bytes, *b"test", 3).unwrap().doubles(usize::MAX).is_err());
    }
}
