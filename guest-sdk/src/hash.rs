//! BLAKE3 of many short keys at once: four keys lie side by side in the lanes of one vector.
//!
//! A key of at most 64 bytes (seed included) is one block and one compression; longer ones go
//! through the blake3 crate, one after the other. The result is the same.

mod lanes;

use lanes::Lanes;

/// Keys that one compression hashes.
const LANES: usize = 4;
/// Bytes of a block.
const BLOCK: usize = 64;

/// Hashes keys to the first 64 bits of `BLAKE3(seed, key)`, read as a big-endian number; the seed
/// is eight little-endian bytes, and is left out where it is 0.
#[derive(Debug)]
pub struct KeyHasher {
    seed: Option<[u8; 8]>,
    waiting: usize,
    slots: [usize; LANES],
    lengths: [u32; LANES],
    /// `words[w][lane]`; zero from `used` on.
    words: [[u32; LANES]; BLOCK / 4],
    used: usize,
}

impl KeyHasher {
    /// A hasher for one seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let seed = (seed != 0).then(|| seed.to_le_bytes());
        Self {
            seed,
            waiting: 0,
            slots: [0; LANES],
            lengths: [0; LANES],
            words: [[0; LANES]; BLOCK / 4],
            used: 0,
        }
    }

    /// The hash of one key.
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.seed.as_ref().map_or(&[], |seed| seed.as_slice()));
        hasher.update(key);
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        u64::from_be_bytes(first)
    }

    /// Appends the hashes of `keys` to `out`, in their order.
    pub fn hash_all<'a>(&mut self, keys: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u64>) {
        for key in keys {
            self.push(key, out);
        }
        self.flush(out);
    }

    /// Appends a place for the key's hash to `out`; it is filled by [`Self::flush`] at the latest.
    /// Every call until then has to give the same vector.
    #[inline]
    pub fn push(&mut self, key: &[u8], out: &mut Vec<u64>) {
        let prefix = if self.seed.is_some() { 8 } else { 0 };
        if prefix + key.len() > BLOCK {
            out.push(self.hash(key));
            return;
        }
        self.place(prefix, key, out.len());
        out.push(0);
        if self.waiting == LANES {
            self.flush(out);
        }
    }

    /// Writes the key's words into the next lane; the lane's other words are zero.
    #[inline]
    fn place(&mut self, prefix: usize, key: &[u8], slot: usize) {
        let lane = self.waiting % LANES;
        let mut pairs = self.words.as_chunks_mut::<2>().0.iter_mut();
        if let Some(seed) = self.seed {
            write(pairs.next(), lane, u64::from_le_bytes(seed));
        }
        let (eights, rest) = key.as_chunks::<8>();
        for eight in eights {
            write(pairs.next(), lane, u64::from_le_bytes(*eight));
        }
        if !rest.is_empty() {
            write(pairs.next(), lane, load(rest));
        }
        self.used = self.used.max((prefix + key.len()).div_ceil(8) * 2);
        if let (Some(length), Some(place)) = (self.lengths.get_mut(lane), self.slots.get_mut(lane)) {
            *length = (prefix + key.len()) as u32;
            *place = slot;
        }
        self.waiting += 1;
    }

    /// Fills the places of `out` that still wait.
    pub fn flush(&mut self, out: &mut [u64]) {
        if self.waiting == 0 {
            return;
        }
        let hashes = Lanes::first_words(&self.words, self.lengths);
        for (slot, hash) in self.slots.iter().zip(hashes).take(self.waiting) {
            if let Some(place) = out.get_mut(*slot) {
                *place = hash;
            }
        }
        self.words.iter_mut().take(self.used).for_each(|lanes| *lanes = [0; LANES]);
        (self.used, self.waiting) = (0, 0);
    }
}

/// Eight bytes of a block as two of the lane's words.
#[inline]
fn write(pair: Option<&mut [[u32; LANES]; 2]>, lane: usize, word: u64) {
    let Some([low, high]) = pair else { return };
    if let (Some(low), Some(high)) = (low.get_mut(lane), high.get_mut(lane)) {
        *low = word as u32;
        *high = (word >> 32) as u32;
    }
}

/// At most seven bytes as a little-endian number, without a call to copy them.
#[inline]
fn load(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let high = u64::from(u32::from_le_bytes(*last)) << ((bytes.len() - 4) * 8);
        return u64::from(u32::from_le_bytes(*first)) | high;
    }
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reference(seed: u64, key: &[u8]) -> u64 {
        let mut message = if seed == 0 { Vec::new() } else { seed.to_le_bytes().to_vec() };
        message.extend_from_slice(key);
        u64::from_be_bytes(*blake3::hash(&message).as_bytes().first_chunk().unwrap())
    }

    #[test]
    fn every_length_agrees_with_blake3() {
        let bytes: Vec<u8> = (0..200).map(|number| (number * 7 + 1) as u8).collect();
        let keys: Vec<&[u8]> = (0..bytes.len()).map(|length| &bytes[..length]).collect();
        for seed in [0, 1, u64::MAX] {
            let mut hashes = Vec::new();
            KeyHasher::new(seed).hash_all(keys.iter().copied(), &mut hashes);
            let expected: Vec<u64> = keys.iter().map(|key| reference(seed, key)).collect();
            assert_eq!(hashes, expected);
            assert_eq!(KeyHasher::new(seed).hash(keys[70]), expected[70]);
        }
    }

    #[test]
    fn the_empty_key_is_the_published_digest() {
        assert_eq!(KeyHasher::new(0).hash(b""), 0xaf13_49b9_f5f9_a1a6);
    }

    proptest! {
        #[test]
        fn any_keys_in_any_order(seed in any::<u64>(), keys in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..20)) {
            let mut hashes = Vec::new();
            KeyHasher::new(seed).hash_all(keys.iter().map(Vec::as_slice), &mut hashes);
            let expected: Vec<u64> = keys.iter().map(|key| reference(seed, key)).collect();
            prop_assert_eq!(hashes, expected);
        }
    }
}
