//! The model: which value goes to which output.

use millrace_sdk::{Error, Reader, Result, Writer};

use crate::names::name_of;
use crate::values::Values;

/// Name of the model's file.
pub(crate) const FILE: &str = "model.bin";

const TAG: [u8; 4] = *b"mrgm";
const VERSION: u8 = 1;
/// Outputs that fit the contract's numbers.
const OUTPUTS: usize = 65_534;

/// Outputs, and the values that have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    /// In byte order of their names.
    pub(crate) outputs: Vec<String>,
    /// (the value as a key's part, output), in byte order of the outputs' names.
    pub(crate) values: Vec<(Vec<u8>, u16)>,
    /// Where all other values go.
    pub(crate) other: Option<u16>,
}

impl Model {
    /// An output for each of the `most` values of most rows.
    pub(crate) fn fit(values: &Values, most: usize, other: Option<&str>) -> Result<Self> {
        let most = most.min(OUTPUTS - usize::from(other.is_some()));
        if values.len() > most && other.is_none() {
            return Err(Error::input(format!(
                "the column has {} different values and `maxOutputs` is {most}; raise it, or name an output for the rarest with `other`",
                values.len()
            )));
        }
        let named =
            values.by_rows().into_iter().take(most).map(|key| (name_of(value_of(key), other), Some(key)));
        let mut named: Vec<_> = named.chain(other.map(|other| (other.to_owned(), None))).collect();
        named.sort_unstable();
        let mut model = Self { outputs: Vec::new(), values: Vec::new(), other: None };
        for (number, (name, key)) in (0..).zip(named) {
            model.outputs.push(name);
            match key {
                Some(key) => model.values.push((key.to_vec(), number)),
                None => model.other = Some(number),
            }
        }
        Ok(model)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(TAG, VERSION);
        writer.number(self.outputs.len() as u64);
        self.outputs.iter().for_each(|name| writer.string(name.as_bytes()));
        writer.number(self.other.map_or(0, |other| u64::from(other) + 1));
        writer.number(self.values.len() as u64);
        for (key, output) in &self.values {
            writer.string(key);
            writer.number(u64::from(*output));
        }
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, TAG, VERSION)?;
        let outputs: Vec<String> = (0..reader.count()?).map(|_| reader.text()).collect::<Result<_>>()?;
        let fits =
            |number: u64| u16::try_from(number).ok().filter(|output| usize::from(*output) < outputs.len());
        let damaged = || Error::input("the model is damaged: an output that it does not name");
        let other = match reader.number()? {
            0 => None,
            number => Some(fits(number - 1).ok_or_else(damaged)?),
        };
        let mut values = Vec::new();
        for _ in 0..reader.count()? {
            let key = reader.string()?.to_vec();
            values.push((key, fits(reader.number()?).ok_or_else(damaged)?));
        }
        reader.finish()?;
        Ok(Self { outputs, values, other })
    }
}

/// The value in a key of one part; none where it is missing.
fn value_of(key: &[u8]) -> Option<&[u8]> {
    let (length, value) = key.split_first_chunk::<4>()?;
    (u32::from_be_bytes(*length) != u32::MAX).then_some(value)
}
