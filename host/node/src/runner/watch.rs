//! Rows per class, and which output each key went to.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};
use arrow::util::display::array_value_to_string;
use millrace_data::outputs::OutputId;

/// Classes that are counted where no law asks for them: more are nobody's table.
const CLASSES: usize = 10_000;
/// Keys that are remembered per column and shard (16 MiB); beyond, every second hash is, and so on.
const KEYS: usize = 1 << 20;

/// Hashes are spread already.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |all, byte| all.rotate_left(8) ^ u64::from(*byte));
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

type ByHash<T> = HashMap<u64, T, BuildHasherDefault<Spread>>;

/// The values of some columns, row by row, as comparable bytes.
struct Values {
    columns: Vec<String>,
    converter: Option<RowConverter>,
}

impl Values {
    fn new(columns: Vec<String>) -> Self {
        Self { columns, converter: None }
    }

    /// `None` if the batch lacks one of the columns.
    fn rows(&mut self, batch: &RecordBatch) -> Result<Option<Rows>, ArrowError> {
        let Some(arrays) = arrays(batch, &self.columns) else { return Ok(None) };
        let converter = match &mut self.converter {
            Some(converter) => converter,
            none => {
                let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone())).collect();
                none.insert(RowConverter::new(fields)?)
            }
        };
        converter.convert_columns(&arrays).map(Some)
    }
}

fn arrays(batch: &RecordBatch, columns: &[String]) -> Option<Vec<ArrayRef>> {
    columns.iter().map(|name| batch.column_by_name(name).cloned()).collect()
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn text(batch: &RecordBatch, columns: &[String], row: usize) -> String {
    let shown = |array: &ArrayRef| match array.is_null(row) {
        true => "null".to_owned(),
        false => array_value_to_string(array, row).unwrap_or_else(|_| "?".to_owned()),
    };
    let values: Vec<_> = arrays(batch, columns).unwrap_or_default().iter().map(shown).collect();
    values.join(", ")
}

/// Rows per class and output.
pub(super) struct Classes {
    values: Values,
    /// Whether a law needs the counts, however many classes there are.
    wanted: bool,
    counts: ByHash<(String, Vec<u64>)>,
}

impl Classes {
    pub(super) fn new(columns: Vec<String>, wanted: bool) -> Self {
        Self { values: Values::new(columns), wanted, counts: ByHash::default() }
    }

    pub(super) fn count(
        &mut self,
        batch: &RecordBatch,
        target: impl Fn(usize) -> Option<OutputId>,
    ) -> Result<(), ArrowError> {
        let Some(rows) = self.values.rows(batch)? else { return Ok(()) };
        for (row, value) in rows.iter().enumerate() {
            let Some(OutputId(output)) = target(row) else { continue };
            let columns = &self.values.columns;
            let (_, counts) = self
                .counts
                .entry(hash(value.as_ref()))
                .or_insert_with(|| (text(batch, columns, row), Vec::new()));
            let place = output as usize;
            if counts.len() <= place {
                counts.resize(place + 1, 0);
            }
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
        Ok(())
    }

    /// Whether there are more classes than anybody looks at.
    pub(super) fn is_beyond(&self) -> bool {
        !self.wanted && self.counts.len() > CLASSES
    }

    /// Class → output → rows.
    pub(super) fn table(self, names: &[String]) -> BTreeMap<String, BTreeMap<String, u64>> {
        let row =
            |counts: Vec<u64>| names.iter().cloned().zip(counts).filter(|(_, rows)| *rows > 0).collect();
        self.counts.into_values().map(|(class, counts)| (class, row(counts))).collect()
    }
}

/// Where each value of a column went.
///
/// Beyond [`KEYS`] values only those are kept whose hash ends in a growing number of zero bits: the
/// same ones in every shard, so that shards can still be compared.
pub(super) struct Keys {
    pub(super) columns: Vec<String>,
    values: Values,
    zero_bits: u32,
    seen: ByHash<u32>,
}

impl Keys {
    pub(super) fn new(columns: Vec<String>) -> Self {
        Self { values: Values::new(columns.clone()), columns, zero_bits: 0, seen: ByHash::default() }
    }

    /// The first row whose value was in another output before, and both outputs.
    pub(super) fn meet(
        &mut self,
        batch: &RecordBatch,
        target: impl Fn(usize) -> Option<OutputId>,
    ) -> Result<Option<(usize, OutputId, OutputId)>, ArrowError> {
        let Some(rows) = self.values.rows(batch)? else { return Ok(None) };
        for (row, value) in rows.iter().enumerate() {
            let Some(output) = target(row) else { continue };
            let key = hash(value.as_ref());
            if key.trailing_zeros() < self.zero_bits {
                continue;
            }
            let before = *self.seen.entry(key).or_insert(output.0);
            if before != output.0 {
                return Ok(Some((row, OutputId(before), output)));
            }
            self.thin_out();
        }
        Ok(None)
    }

    fn thin_out(&mut self) {
        while self.seen.len() > KEYS {
            self.zero_bits += 1;
            let zero_bits = self.zero_bits;
            self.seen.retain(|key, _| key.trailing_zeros() >= zero_bits);
        }
    }

    /// The value in `row`, for a message.
    pub(super) fn text(&self, batch: &RecordBatch, row: usize) -> String {
        text(batch, &self.columns, row)
    }

    /// Writes the keys for whoever compares shards: the names as JSON in one line, the zero bits,
    /// then 12 bytes a key.
    pub(super) fn write(&self, path: &Path, names: &[String]) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        serde_json::to_writer(&mut out, names)?;
        out.write_all(b"\n")?;
        out.write_all(&self.zero_bits.to_le_bytes())?;
        for (key, output) in &self.seen {
            out.write_all(&key.to_le_bytes())?;
            out.write_all(&output.to_le_bytes())?;
        }
        out.flush()
    }
}

/// The keys of a shard as they were written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ShardKeys {
    /// Names of the outputs that the numbers in `keys` count.
    pub(crate) outputs: Vec<String>,
    /// Only keys whose hash ends in so many zero bits are there.
    pub(crate) zero_bits: u32,
    /// Hash and output.
    pub(crate) keys: Vec<(u64, u32)>,
}

/// Reads what [`Keys::write`] wrote.
///
/// # Errors
/// The file cannot be read or is not such a file.
pub(crate) fn read_keys(path: &Path) -> io::Result<ShardKeys> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    io::BufRead::read_until(&mut reader, b'\n', &mut line)?;
    let outputs = serde_json::from_slice(&line)?;
    let mut zero_bits = [0; 4];
    reader.read_exact(&mut zero_bits)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let (entries, _) = bytes.as_chunks::<12>();
    let entry = |[a, b, c, d, e, f, g, h, i, j, k, l]: [u8; 12]| {
        (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u32::from_le_bytes([i, j, k, l]))
    };
    Ok(ShardKeys {
        outputs,
        zero_bits: u32::from_le_bytes(zero_bits),
        keys: entries.iter().map(|bytes| entry(*bytes)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    fn batch(keys: &[Option<&str>]) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(0..keys.len() as i64);
        let columns: [(&str, ArrayRef); 2] =
            [("key", Arc::new(StringArray::from(keys.to_vec()))), ("number", Arc::new(numbers))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn even_odd(row: usize) -> Option<OutputId> {
        Some(OutputId((row % 2) as u32))
    }

    #[test]
    fn a_key_in_two_outputs_is_met_and_null_is_a_key() {
        let mut keys = Keys::new(vec!["key".into()]);
        assert_eq!(keys.meet(&batch(&[Some("a"), Some("b"), Some("a"), None]), even_odd).unwrap(), None);
        let later = batch(&[Some("c"), Some("d"), None]);
        assert_eq!(keys.meet(&later, even_odd).unwrap(), Some((2, OutputId(1), OutputId(0))));
        assert_eq!(keys.text(&later, 2), "null");
        assert_eq!(Keys::new(vec!["absent".into()]).meet(&later, even_odd).unwrap(), None);
    }

    #[test]
    fn classes_are_counted_per_output() {
        let mut classes = Classes::new(vec!["key".into()], false);
        classes.count(&batch(&[Some("a"), Some("a"), Some("a"), None]), even_odd).unwrap();
        let table = classes.table(&["even".into(), "odd".into()]);
        assert_eq!(table["a"], BTreeMap::from([("even".into(), 2), ("odd".into(), 1)]));
        assert_eq!(table["null"], BTreeMap::from([("odd".into(), 1)]));
    }

    #[test]
    fn keys_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = Keys::new(vec!["key".into()]);
        keys.meet(&batch(&[Some("a"), Some("b")]), even_odd).unwrap();
        keys.write(&folder.path().join("k"), &["x".into(), "y".into()]).unwrap();
        let read = read_keys(&folder.path().join("k")).unwrap();
        let targets: std::collections::BTreeSet<u32> = read.keys.iter().map(|(_, output)| *output).collect();
        assert_eq!((read.outputs, read.zero_bits), (vec!["x".to_owned(), "y".to_owned()], 0));
        assert_eq!(targets.into_iter().collect::<Vec<_>>(), [0, 1]);
    }
}
