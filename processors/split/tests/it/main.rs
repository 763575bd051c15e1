//! `split`, run natively: vectors worked out independently, laws, and what users meet.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails this way has failed")]

mod laws;
mod refusals;
mod vectors;

use millrace_sdk::Column;
use millrace_sdk::testing::Batch;

/// Rows of text columns as partitions that end at `cuts`, in batches of at most `batch` rows; no rows
/// are one empty batch.
fn partitions(
    columns: &[&str],
    rows: &[Vec<Option<String>>],
    cuts: &[usize],
    batch: usize,
) -> Vec<Vec<Batch>> {
    let whole = if columns.is_empty() {
        Batch::of_rows(rows.len())
    } else {
        let column = |index: usize| rows.iter().map(|row| row[index].clone()).collect::<Vec<_>>();
        let named =
            columns.iter().enumerate().map(|(index, name)| (*name, Column::from_texts(&column(index))));
        Batch::new(named.collect()).unwrap()
    };
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (rows.len() + 1)).collect();
    ends.extend([0, rows.len()]);
    ends.sort_unstable();
    let batches = |from: usize, to: usize| {
        (from..to)
            .step_by(batch)
            .map(|start| whole.slice(start, to.min(start + batch)).unwrap())
            .collect::<Vec<_>>()
    };
    let mut parts: Vec<Vec<Batch>> = ends.windows(2).map(|pair| batches(pair[0], pair[1])).collect();
    if rows.is_empty() {
        parts[0].push(whole);
    }
    parts
}

#[test]
fn the_descriptor_agrees_with_the_parameters() {
    let minimal = serde_json::json!({ "sizes": { "a": "100%" } });
    millrace_sdk::testing::check_descriptor::<split::Split>(env!("CARGO_PKG_VERSION"), &minimal);
}
