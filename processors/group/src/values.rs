//! The fit state: how many rows each value has.

use millrace_sdk::{Error, KeyColumn, KeyTable, Reader, Result, TooManyKeys, Writer, push_part};

const TAG: [u8; 4] = *b"mrgv";
const VERSION: u8 = 1;

/// Rows per value; a value is the one part of its key.
#[derive(Debug, Clone, Default)]
pub struct Values {
    keys: KeyTable,
    rows: Vec<u64>,
}

impl Values {
    pub(crate) fn add_batch(&mut self, keys: &KeyColumn) -> Result<()> {
        let (mut key, mut scratch) = (Vec::new(), Vec::new());
        for row in 0..keys.rows() {
            key.clear();
            push_part(keys.text(row, &mut scratch), &mut key);
            self.add_rows(&key, 1)?;
        }
        Ok(())
    }

    fn add_rows(&mut self, key: &[u8], rows: u64) -> Result<()> {
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

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The values' keys, those of most rows first, then in byte order.
    pub(crate) fn by_rows(&self) -> Vec<&[u8]> {
        let mut numbers = self.keys.sorted();
        numbers.sort_by_key(|number| std::cmp::Reverse(self.rows.get(*number).copied()));
        numbers.into_iter().map(|number| self.keys.key(number)).collect()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(TAG, VERSION);
        writer.number(self.keys.len() as u64);
        for number in self.keys.sorted() {
            writer.string(self.keys.key(number));
            writer.number(self.rows.get(number).copied().unwrap_or(0));
        }
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, TAG, VERSION)?;
        let mut values = Self::default();
        for _ in 0..reader.count()? {
            let key = reader.string()?;
            let rows = reader.number()?;
            values.add_rows(key, rows)?;
        }
        reader.finish()?;
        Ok(values)
    }
}

fn too_many(limit: TooManyKeys) -> Error {
    Error::input(format!("the column to group by has {limit}; choose one with fewer"))
}
