//! A set of byte strings that numbers them in the order they came, in one allocation for all bytes.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Byte strings, each with a number from 0.
#[derive(Debug, Clone, Default)]
pub struct KeyTable {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    numbers: HashTable<u32>,
}

/// The set would be larger than a processor may let it grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {keys} different values, or more than {} MiB of them", bytes >> 20)]
pub struct TooManyKeys {
    /// The largest number of keys.
    pub keys: usize,
    /// The largest number of bytes.
    pub bytes: usize,
}

impl KeyTable {
    /// As many keys as algorithms.md allows a state to have.
    pub const LIMIT: TooManyKeys = TooManyKeys { keys: 1_000_000, bytes: 64 << 20 };

    /// The key's number; a new one where it was not seen before.
    ///
    /// # Errors
    /// [`TooManyKeys`] where it is new and [`Self::LIMIT`] is reached.
    pub fn insert(&mut self, key: &[u8]) -> Result<usize, TooManyKeys> {
        let hash = hash(key);
        if let Some(number) = self.numbers.find(hash, |number| self.key(*number as usize) == key) {
            return Ok(*number as usize);
        }
        let number = self.ends.len();
        if number >= Self::LIMIT.keys || self.bytes.len() + key.len() > Self::LIMIT.bytes {
            return Err(Self::LIMIT);
        }
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
        let Self { bytes, ends, numbers } = self;
        numbers
            .insert_unique(hash, number as u32, |number| self::hash(key_of(bytes, ends, *number as usize)));
        Ok(number)
    }

    /// The key's number.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<usize> {
        self.numbers
            .find(hash(key), |number| self.key(*number as usize) == key)
            .map(|number| *number as usize)
    }

    /// The key with this number; empty where there is none.
    #[must_use]
    pub fn key(&self, number: usize) -> &[u8] {
        key_of(&self.bytes, &self.ends, number)
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The numbers in byte order of their keys.
    #[must_use]
    pub fn sorted(&self) -> Vec<usize> {
        let mut numbers: Vec<_> = (0..self.len()).collect();
        numbers.sort_unstable_by_key(|number| self.key(*number));
        numbers
    }
}

fn key_of<'a>(bytes: &'a [u8], ends: &[usize], number: usize) -> &'a [u8] {
    let start = number.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(number).and_then(|end| bytes.get(start..*end)).unwrap_or_default()
}

/// The same everywhere: no result depends on it, but a run's time would.
fn hash(key: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_order_of_arrival() {
        let mut table = KeyTable::default();
        for (key, number) in [("b", 0), ("", 1), ("a", 2), ("b", 0), ("ab", 3), ("", 1)] {
            assert_eq!(table.insert(key.as_bytes()).unwrap(), number);
        }
        assert_eq!((table.len(), table.is_empty()), (4, false));
        assert_eq!(table.find(b"ab"), Some(3));
        assert_eq!(table.find(b"abc"), None);
        assert_eq!(table.sorted(), [1, 2, 3, 0]);
        assert_eq!((table.key(3), table.key(4)), (b"ab".as_slice(), b"".as_slice()));
    }

    #[test]
    fn it_stops_growing() {
        let mut table = KeyTable::default();
        for number in 0..KeyTable::LIMIT.keys as u32 {
            table.insert(&number.to_le_bytes()).unwrap();
        }
        assert_eq!(table.insert(b"one more"), Err(KeyTable::LIMIT));
        assert_eq!(table.insert(&7_u32.to_le_bytes()), Ok(7));
        let mut table = KeyTable::default();
        assert!(table.insert(&vec![0; KeyTable::LIMIT.bytes]).is_ok());
        assert_eq!(
            table.insert(b"1").unwrap_err().to_string(),
            "more than 1000000 different values, or more than 64 MiB of them"
        );
    }
}
