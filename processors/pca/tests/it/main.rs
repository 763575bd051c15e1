//! `pca`, run natively on the SDK's plain kernels.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails this way has failed")]

mod fit;
mod reference;
mod refusals;
mod transform;
mod vectors;

use millrace_sdk::testing::{Batch, Fitted, Run};
use millrace_sdk::{Column, ModelFile, Result};
use pca::Pca;
use serde_json::Value;

/// Rows as partitions of at most `size` rows, in batches of at most `batch`; columns `x0`, `x1`, ….
fn partitions(rows: &[Vec<f64>], size: usize, batch: usize) -> Vec<Vec<Batch>> {
    let names: Vec<String> = (0..rows.first().map_or(0, Vec::len)).map(|index| format!("x{index}")).collect();
    let column = |index: usize| Column::from_f64(&rows.iter().map(|row| row[index]).collect::<Vec<_>>());
    let whole =
        Batch::new(names.iter().enumerate().map(|(index, name)| (name.as_str(), column(index))).collect())
            .unwrap();
    cut(&whole, size, batch)
}

fn cut(whole: &Batch, size: usize, batch: usize) -> Vec<Vec<Batch>> {
    let batches = |from: usize, to: usize| {
        (from..to).step_by(batch).map(|start| whole.slice(start, to.min(start + batch)).unwrap()).collect()
    };
    (0..whole.rows()).step_by(size).map(|from| batches(from, whole.rows().min(from + size))).collect()
}

fn fit(parameters: Value, partitions: &[Vec<Batch>]) -> Result<Fitted> {
    Run::new(parameters).fit::<Pca>(partitions)
}

fn file<'a>(model: &'a [ModelFile], name: &str) -> &'a [u8] {
    &model.iter().find(|file| file.name == name).unwrap().bytes
}

/// The doubles of an npy file.
fn array(model: &[ModelFile], name: &str) -> Vec<f64> {
    let bytes = file(model, name);
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[header..].as_chunks::<8>().0.iter().map(|value| f64::from_le_bytes(*value)).collect()
}

fn json(model: &[ModelFile]) -> Value {
    serde_json::from_slice(file(model, "model.json")).unwrap()
}

fn close(left: &[f64], right: &[f64], tolerance: f64) -> bool {
    let largest = right.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| (left - right).abs() <= tolerance * largest.max(1e-300))
}

#[test]
fn the_descriptor_agrees_with_the_parameters() {
    millrace_sdk::testing::check_descriptor::<Pca>(env!("CARGO_PKG_VERSION"), &serde_json::json!({}));
}
