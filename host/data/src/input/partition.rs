//! Partitions and shards: the units of work, cut from the data alone (algorithms.md, "Units").

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::FileReader;

/// The records of one file that begin in one window of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its number within the input, from 0.
    pub index: u32,
    /// Number of its file in the list.
    pub file: u32,
    /// Start of the window: bytes of the unpacked file (text), or rows (Parquet, npy).
    pub start: u64,
    /// End of the window.
    pub end: u64,
}

/// Cuts every file, in order.
pub(crate) fn cut(files: &[Arc<dyn FileReader>], partition_bytes: u64) -> Vec<Partition> {
    let windows = files.iter().zip(0..).flat_map(|(file, number)| {
        file.windows(partition_bytes).into_iter().map(move |window| (number, window))
    });
    windows
        .zip(0..)
        .map(|((file, window), index)| Partition { index, file, start: window.start, end: window.end })
        .collect()
}

/// Windows of `size` that cover `length`.
pub(crate) fn even(length: u64, size: u64) -> Vec<Range<u64>> {
    let size = size.max(1);
    (0..length.div_ceil(size)).map(|window| window * size..((window + 1) * size).min(length)).collect()
}

/// Cuts `partitions` partitions into shards: each is a run of R consecutive ones, where R is the
/// smallest power of two with `partition_bytes` x R / `outputs` ≥ `target_file_size`.
#[must_use]
pub fn shards(partitions: u32, partition_bytes: u64, outputs: u64, target_file_size: u64) -> Vec<Range<u32>> {
    let enough = u128::from(target_file_size) * u128::from(outputs.max(1));
    let mut run = 1_u32;
    while u128::from(partition_bytes) * u128::from(run) < enough && run < partitions {
        run = run.saturating_mul(2);
    }
    (0..partitions.div_ceil(run))
        .map(|shard| shard * run..(shard.saturating_add(1).saturating_mul(run)).min(partitions))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_shard_is_the_smallest_power_of_two_that_fills_the_files() {
        let lengths = |partitions, outputs, target| -> Vec<u32> {
            shards(partitions, 64 * MIB, outputs, target)
                .into_iter()
                .map(|shard| shard.end - shard.start)
                .collect()
        };
        assert_eq!(lengths(5, 1, 16 * MIB), [1, 1, 1, 1, 1]);
        assert_eq!(lengths(5, 4, 16 * MIB), [1, 1, 1, 1, 1]);
        assert_eq!(lengths(5, 5, 16 * MIB), [2, 2, 1]);
        assert_eq!(lengths(5, 1000, 16 * MIB), [5]);
        assert_eq!(lengths(4, 1, 256 * MIB), [4]);
        assert_eq!(lengths(0, 3, 16 * MIB), [0_u32; 0]);
        assert_eq!(lengths(1, 0, 0), [1]);
        assert_eq!(shards(7, 64 * MIB, 3, 64 * MIB), [0..4, 4..7]);
    }

    #[test]
    fn windows_cover_a_length_without_overlap() {
        assert_eq!(even(10, 4), [0..4, 4..8, 8..10]);
        assert_eq!(even(8, 4), [0..4, 4..8]);
        assert_eq!(even(0, 4), []);
    }
}
