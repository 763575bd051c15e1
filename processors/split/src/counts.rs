//! The fit state: how many rows each key has. A key is a stratum, or a group and a stratum.

use millrace_sdk::{Error, KeyColumn, KeyTable, Reader, Result, TooManyKeys, Writer, push_part};

const TAG: [u8; 4] = *b"mrsc";
const VERSION: u8 = 1;

/// The columns of a batch that make its rows' keys.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) rows: usize,
    pub(crate) group: Option<KeyColumn>,
    pub(crate) strata: Vec<KeyColumn>,
}

impl Keys {
    /// Writes the key of `row`: the group first, where there is one, then the stratum's columns.
    /// False for a row whose group is missing, which is a bad row.
    pub(crate) fn write(&self, row: usize, key: &mut Vec<u8>, scratch: &mut Vec<u8>) -> bool {
        key.clear();
        if let Some(group) = &self.group {
            let Some(text) = group.text(row, scratch) else { return false };
            push_part(Some(text), key);
        }
        for column in &self.strata {
            push_part(column.text(row, scratch), key);
        }
        true
    }

    /// Writes only the group of `row`, as the first part of a key.
    pub(crate) fn write_group(&self, row: usize, key: &mut Vec<u8>, scratch: &mut Vec<u8>) -> bool {
        key.clear();
        let text = self.group.as_ref().and_then(|group| group.text(row, scratch));
        push_part(text, key);
        text.is_some()
    }

    /// Whether all rows have the same, empty key.
    pub(crate) fn is_plain(&self) -> bool {
        self.group.is_none() && self.strata.is_empty()
    }
}

/// Rows per key.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    keys: KeyTable,
    rows: Vec<u64>,
}

impl Counts {
    pub(crate) fn add_batch(&mut self, keys: &Keys) -> Result<()> {
        if keys.is_plain() {
            return if keys.rows == 0 { Ok(()) } else { self.add_rows(&[], keys.rows as u64) };
        }
        let (mut key, mut scratch) = (Vec::new(), Vec::new());
        for row in 0..keys.rows {
            if keys.write(row, &mut key, &mut scratch) {
                self.add_rows(&key, 1)?;
            }
        }
        Ok(())
    }

    pub(crate) fn add_rows(&mut self, key: &[u8], rows: u64) -> Result<()> {
        let number = self.keys.insert(key).map_err(too_many)?;
        if number == self.rows.len() {
            self.rows.push(0);
        }
        if let Some(count) = self.rows.get_mut(number) {
            *count = count.checked_add(rows).ok_or_else(|| Error::input("more rows than 64 bits count"))?;
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, other: &Self) -> Result<()> {
        other
            .rows
            .iter()
            .enumerate()
            .try_for_each(|(number, rows)| self.add_rows(other.keys.key(number), *rows))
    }

    /// Rows of one key.
    pub(crate) fn of(&self, key: &[u8]) -> u64 {
        self.keys.find(key).and_then(|number| self.rows.get(number)).copied().unwrap_or(0)
    }

    /// (key, rows) in byte order of the keys.
    pub(crate) fn sorted(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.keys
            .sorted()
            .into_iter()
            .map(|number| (self.keys.key(number), self.rows.get(number).copied().unwrap_or(0)))
    }

    pub(crate) fn total(&self) -> u64 {
        self.rows.iter().sum()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(TAG, VERSION);
        writer.number(self.keys.len() as u64);
        for (key, rows) in self.sorted() {
            writer.string(key);
            writer.number(rows);
        }
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, TAG, VERSION)?;
        let mut counts = Self::default();
        for _ in 0..reader.count()? {
            let key = reader.string()?;
            let rows = reader.number()?;
            counts.add_rows(key, rows)?;
        }
        reader.finish()?;
        Ok(counts)
    }
}

fn too_many(limit: TooManyKeys) -> Error {
    Error::input(format!(
        "the columns that rows are split by have {limit}; choose a column with fewer, or `hash`"
    ))
}
