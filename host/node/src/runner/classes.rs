//! Rows per class and output.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use millrace_data::outputs::OutputId;

use super::values::{ByHash, Values, text};

/// Classes that are counted where no law asks for them: more are nobody's table.
const CLASSES: usize = 10_000;

/// Rows of one shard by class and output.
pub(super) struct Classes {
    columns: Vec<String>,
    values: Values,
    /// Whether a law needs the counts, however many classes there are.
    wanted: bool,
    counts: ByHash<(String, Vec<u64>)>,
}

impl Classes {
    pub(super) fn new(columns: Vec<String>, wanted: bool) -> Self {
        Self { values: Values::new(columns.clone()), columns, wanted, counts: ByHash::default() }
    }

    pub(super) fn count(
        &mut self,
        batch: &RecordBatch,
        target: impl Fn(usize) -> Option<OutputId>,
    ) -> Result<(), ArrowError> {
        let Some(hashes) = self.values.hashes(batch)? else { return Ok(()) };
        for (row, hash) in hashes.iter().enumerate() {
            let Some(OutputId(output)) = target(row) else { continue };
            let class = || (text(batch, &self.columns, row), Vec::new());
            let (_, counts) = self.counts.entry(*hash).or_insert_with(class);
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

#[cfg(test)]
mod tests {
    use super::super::values::tests::{batch, even_odd};
    use super::*;

    #[test]
    fn classes_are_counted_per_output() {
        let mut classes = Classes::new(vec!["key".into()], false);
        classes.count(&batch(&[Some("a"), Some("a"), Some("a"), None]), even_odd).unwrap();
        let table = classes.table(&["even".into(), "odd".into()]);
        assert_eq!(table["a"], BTreeMap::from([("even".into(), 2), ("odd".into(), 1)]));
        assert_eq!(table["null"], BTreeMap::from([("odd".into(), 1)]));
    }
}
