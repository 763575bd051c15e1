//! A seeded bijection of ranks within a stratum.

/// Rounds of the network.
const ROUNDS: usize = 8;

/// Eight keys, from BLAKE3.
#[derive(Debug, Clone)]
pub(crate) struct Keys([u64; ROUNDS]);

impl Keys {
    /// The first 64 bytes of BLAKE3(seed, stratum) in its extended output, as little-endian words;
    /// the seed is eight little-endian bytes.
    pub(crate) fn new(seed: u64, stratum: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(stratum);
        let mut bytes = [0; ROUNDS * 8];
        hasher.finalize_xof().fill(&mut bytes);
        let mut keys = [0; ROUNDS];
        for (key, chunk) in keys.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *key = u64::from_le_bytes(*chunk);
        }
        Self(keys)
    }

    /// Where `rank` of `0..size` goes: a balanced Feistel network on the smallest even number of
    /// bits that holds `size`, walked until it is back below `size`.
    pub(crate) fn permute(&self, rank: u64, size: u64) -> u64 {
        if size <= 1 {
            return rank;
        }
        let half = (u64::BITS - (size - 1).leading_zeros()).div_ceil(2);
        let mut place = self.network(rank, half);
        while place >= size {
            place = self.network(place, half);
        }
        place
    }

    fn network(&self, value: u64, half: u32) -> u64 {
        let mask = u64::MAX >> (u64::BITS - half);
        let (mut left, mut right) = (value >> half, value & mask);
        for key in self.0 {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << half | right
    }
}

/// The finaliser of MurmurHash3 for 64 bits.
fn mix(mut word: u64) -> u64 {
    word ^= word >> 33;
    word = word.wrapping_mul(0xff51_afd7_ed55_8ccd);
    word ^= word >> 33;
    word = word.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ word >> 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_place_is_taken_once(seed in any::<u64>(), size in 1_u64..3000) {
            let keys = Keys::new(seed, b"stratum");
            let mut places: Vec<u64> = (0..size).map(|rank| keys.permute(rank, size)).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..size).collect::<Vec<_>>());
        }

        #[test]
        fn large_sizes_stay_in_range(seed in any::<u64>(), size in 1_u64.., rank in any::<u64>()) {
            let rank = rank % size;
            prop_assert!(Keys::new(seed, b"").permute(rank, size) < size);
        }
    }

    #[test]
    fn one_row_stays() {
        assert_eq!(Keys::new(9, b"x").permute(0, 1), 0);
    }
}
