//! The models' bytes. A model is one file, whose first letters say of which kind it is.

use millrace_sdk::{Error, Reader, Result, Writer};

/// Name of the model's file.
pub(crate) const FILE: &str = "model.bin";

const EXACT: [u8; 4] = *b"mrse";
const GROUPS: [u8; 4] = *b"mrsg";
const VERSION: u8 = 1;

/// Strata and how many of their rows each output gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exact {
    pub(crate) outputs: Vec<String>,
    pub(crate) strata: Vec<Stratum>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stratum {
    pub(crate) key: Vec<u8>,
    /// Rows for each output.
    pub(crate) cells: Vec<u64>,
}

/// Values and the outputs they go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) outputs: Vec<String>,
    /// (the value as a key's part, output), in byte order of the parts.
    pub(crate) values: Vec<(Vec<u8>, u16)>,
}

fn write_names(writer: &mut Writer, names: &[String]) {
    writer.number(names.len() as u64);
    names.iter().for_each(|name| writer.string(name.as_bytes()));
}

fn read_names(reader: &mut Reader<'_>) -> Result<Vec<String>> {
    (0..reader.count()?).map(|_| reader.text()).collect()
}

impl Exact {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(EXACT, VERSION);
        write_names(&mut writer, &self.outputs);
        writer.number(self.strata.len() as u64);
        for stratum in &self.strata {
            writer.string(&stratum.key);
            stratum.cells.iter().for_each(|rows| writer.number(*rows));
        }
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, EXACT, VERSION)?;
        let outputs = read_names(&mut reader)?;
        let count = reader.count()?;
        let strata = (0..count).map(|_| Stratum::read(&mut reader, outputs.len())).collect::<Result<_>>()?;
        reader.finish()?;
        Ok(Self { outputs, strata })
    }
}

impl Stratum {
    fn read(reader: &mut Reader<'_>, outputs: usize) -> Result<Self> {
        let key = reader.string()?.to_vec();
        let cells = (0..outputs).map(|_| reader.number()).collect::<Result<Vec<u64>>>()?;
        match cells.iter().try_fold(0_u64, |sum, rows| sum.checked_add(*rows)) {
            Some(_) => Ok(Self { key, cells }),
            None => Err(Error::input("the model is damaged: more rows than 64 bits count")),
        }
    }
}

impl Groups {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(GROUPS, VERSION);
        write_names(&mut writer, &self.outputs);
        writer.number(self.values.len() as u64);
        for (value, output) in &self.values {
            writer.string(value);
            writer.number(u64::from(*output));
        }
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, GROUPS, VERSION)?;
        let outputs = read_names(&mut reader)?;
        let count = reader.count()?;
        let values = (0..count).map(|_| read_value(&mut reader, outputs.len())).collect::<Result<_>>()?;
        reader.finish()?;
        Ok(Self { outputs, values })
    }

    /// The model last published, where it is one of groups; another way's decided nothing that could stay.
    pub(crate) fn previous(bytes: Option<&[u8]>) -> Result<Option<Self>> {
        bytes.filter(|bytes| bytes.starts_with(&GROUPS)).map(Self::decode).transpose()
    }
}

fn read_value(reader: &mut Reader<'_>, outputs: usize) -> Result<(Vec<u8>, u16)> {
    let value = reader.string()?.to_vec();
    let output = u16::try_from(reader.number()?).ok().filter(|output| usize::from(*output) < outputs);
    output
        .map(|output| (value, output))
        .ok_or_else(|| Error::input("the model is damaged: an output that it does not name"))
}
