//! The values of some columns, row by row: as hashes to compare, and as text for messages.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use arrow::util::display::array_value_to_string;
use twox_hash::XxHash3_64;

/// The hash of a missing value where it is the only one.
const MISSING: u64 = 0x9e37_79b9_7f4a_7c15;

/// Takes a hash as it is.
#[derive(Debug, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = XxHash3_64::oneshot(bytes);
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A map whose keys are hashes.
pub(super) type ByHash<T> = HashMap<u64, T, BuildHasherDefault<Spread>>;

/// Watched columns. Two batches of one schema give equal values equal hashes, also in other processes.
pub(super) struct Values {
    pub(super) columns: Vec<String>,
    converter: Option<RowConverter>,
    hashes: Vec<u64>,
}

impl Values {
    pub(super) fn new(columns: Vec<String>) -> Self {
        Self { columns, converter: None, hashes: Vec::new() }
    }

    /// A hash per row; `None` if the batch lacks one of the columns.
    pub(super) fn hashes(&mut self, batch: &RecordBatch) -> Result<Option<&[u64]>, ArrowError> {
        let Some(arrays) = arrays(batch, &self.columns) else { return Ok(None) };
        self.hashes.clear();
        if let [only] = arrays.as_slice()
            && let Some(texts) = only.as_string_opt::<i32>()
        {
            let hash = |text: Option<&str>| text.map_or(MISSING, |text| XxHash3_64::oneshot(text.as_bytes()));
            self.hashes.extend(texts.iter().map(hash));
            return Ok(Some(&self.hashes));
        }
        let converter = match &mut self.converter {
            Some(converter) => converter,
            none => {
                let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone())).collect();
                none.insert(RowConverter::new(fields)?)
            }
        };
        let rows = converter.convert_columns(&arrays)?;
        self.hashes.extend(rows.iter().map(|row| XxHash3_64::oneshot(row.as_ref())));
        Ok(Some(&self.hashes))
    }

    /// The values in `row`, for a message.
    pub(super) fn text(&self, batch: &RecordBatch, row: usize) -> String {
        text(batch, &self.columns, row)
    }
}

fn arrays(batch: &RecordBatch, columns: &[String]) -> Option<Vec<ArrayRef>> {
    columns.iter().map(|name| batch.column_by_name(name).cloned()).collect()
}

/// The values of `columns` in `row`.
pub(super) fn text(batch: &RecordBatch, columns: &[String], row: usize) -> String {
    let shown = |array: &ArrayRef| match array.is_null(row) {
        true => "null".to_owned(),
        false => array_value_to_string(array, row).unwrap_or_else(|_| "?".to_owned()),
    };
    let values: Vec<_> = arrays(batch, columns).unwrap_or_default().iter().map(shown).collect();
    values.join(", ")
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use millrace_data::outputs::OutputId;

    use super::*;

    /// Rows with these keys and a number.
    pub(in crate::runner) fn batch(keys: &[Option<&str>]) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(0..keys.len() as i64);
        let columns: [(&str, ArrayRef); 2] =
            [("key", Arc::new(StringArray::from(keys.to_vec()))), ("number", Arc::new(numbers))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    pub(in crate::runner) fn even_odd(row: usize) -> Option<OutputId> {
        Some(OutputId((row % 2) as u32))
    }

    #[test]
    fn equal_values_have_equal_hashes_and_a_missing_one_is_a_value() {
        let rows = batch(&[Some("a"), None, Some(""), Some("a"), None]);
        for columns in [vec!["key"], vec!["number", "key"]] {
            let mut values = Values::new(columns.iter().map(|name| (*name).to_owned()).collect());
            let hashes = values.hashes(&rows).unwrap().unwrap().to_vec();
            let distinct: std::collections::BTreeSet<u64> = hashes.iter().copied().collect();
            assert_eq!(distinct.len(), if columns.len() == 1 { 3 } else { 5 });
            assert_eq!(values.hashes(&rows).unwrap().unwrap(), hashes);
        }
        assert!(Values::new(vec!["absent".into()]).hashes(&rows).unwrap().is_none());
    }
}
