//! By hash of a value: a row never moves when others come.

use millrace_sdk::{Batch, KeyColumn, KeyHasher, Result};

use crate::sizes::Parsed;

/// What is hashed for a missing value: no text is this byte.
const MISSING: &[u8] = &[0xff];

/// Thresholds and a hasher.
#[derive(Debug)]
pub struct Task {
    hasher: KeyHasher,
    /// For each output but the last, the first hash that is no longer its own.
    thresholds: Vec<u64>,
    hashes: Vec<u64>,
}

impl Task {
    pub(crate) fn open(sizes: &Parsed, seed: u64) -> Result<Self> {
        let weights = sizes.weights(0)?;
        let mut sum = 0;
        let mut thresholds: Vec<u128> = Vec::new();
        for weight in &weights.parts {
            sum += weight;
            thresholds.push((sum << 64) / weights.whole);
        }
        // The last threshold is 2^64 itself, and so is each one after which there are only outputs of 0 %.
        let thresholds =
            thresholds.into_iter().map_while(|threshold| u64::try_from(threshold).ok()).collect();
        Ok(Self { hasher: KeyHasher::new(seed), thresholds, hashes: Vec::new() })
    }

    pub(crate) fn assign(&mut self, batch: &Batch<'_>, name: &str) -> Result<Vec<u16>> {
        let column = batch.column(name)?;
        self.hashes.clear();
        self.hashes.reserve(batch.rows());
        if column.dtype().is_bytes() && !column.has_nulls() {
            self.hasher.hash_all(column.byte_strings(), &mut self.hashes);
        } else {
            let keys = KeyColumn::new(column, name)?;
            let mut scratch = Vec::new();
            for row in 0..keys.rows() {
                self.hasher.push(keys.text(row, &mut scratch).unwrap_or(MISSING), &mut self.hashes);
            }
            self.hasher.flush(&mut self.hashes);
        }
        Ok(self.hashes.iter().map(|hash| self.output(*hash)).collect())
    }

    /// The number of thresholds at or below the hash.
    fn output(&self, hash: u64) -> u16 {
        const FEW: usize = 16;
        if self.thresholds.len() <= FEW {
            return self.thresholds.iter().map(|threshold| u16::from(hash >= *threshold)).sum();
        }
        self.thresholds.partition_point(|threshold| *threshold <= hash) as u16
    }
}
