//! Which output each value of a column went to, where a module promises that it went to one.
//!
//! A table belongs to a thread, not to a shard: most values come again in the next shard. The tables
//! of all threads and agents are compared before anything is published.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use millrace_data::outputs::OutputId;
use serde::{Deserialize, Serialize};

use super::values::Values;

/// Values that are remembered (16 MiB); beyond, every second hash is, and so on.
const MOST: usize = 1 << 19;

/// Where each value of some columns went.
///
/// Beyond [`MOST`] values only those are kept whose hash ends in a growing number of zero bits: the
/// same ones everywhere, so that tables can still be compared.
///
/// Every row of an input asks here, and the table is larger than a core's cache: one place holds all
/// that is known of a value, and [`Table::fetch`] brings the place of a row to come.
pub(crate) struct Table {
    pub(crate) zero_bits: u32,
    /// A power of two of places, at most half full: a hash and its output plus one, or zeros.
    places: Vec<(u64, u32)>,
    count: usize,
}

/// Places of an empty table.
const FEWEST: usize = 1 << 12;

impl Default for Table {
    fn default() -> Self {
        Self { zero_bits: 0, places: vec![(0, 0); FEWEST], count: 0 }
    }
}

impl Table {
    /// Notes that a value went to `output`; the other output, if it went there before.
    #[inline]
    pub(crate) fn note(&mut self, hash: u64, output: u32) -> Option<u32> {
        if hash.trailing_zeros() < self.zero_bits {
            return None;
        }
        match self.find(hash) {
            (0, place) => {
                self.put(place, (hash, output.saturating_add(1)));
                None
            }
            (known, _) => Some(known - 1).filter(|before| *before != output),
        }
    }

    /// Brings the place of `hash` near, for a [`Table::note`] that follows soon.
    #[inline]
    fn fetch(&self, hash: u64) {
        #[cfg(target_arch = "x86_64")]
        if let Some(place) = self.places.get(self.start(hash)) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            #[expect(unsafe_code, reason = "a hint to the processor")]
            // SAFETY: a prefetch reads nothing that the program sees, and every x86-64 has it.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
            }
        }
    }

    /// Where a search for `hash` begins. Upper bits: the lower ones of those that are kept may be zero.
    #[inline]
    fn start(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.places.len() - 1)
    }

    /// What stands for `hash`, zero where it is not there, and its place.
    #[inline]
    fn find(&self, hash: u64) -> (u32, usize) {
        let mut place = self.start(hash);
        loop {
            match self.places.get(place) {
                Some((other, output)) if *output != 0 && *other != hash => {
                    place = (place + 1) & (self.places.len() - 1);
                }
                found => return (found.map_or(0, |(_, output)| *output), place),
            }
        }
    }

    fn put(&mut self, place: usize, entry: (u64, u32)) {
        if let Some(free) = self.places.get_mut(place) {
            *free = entry;
            self.count += 1;
        }
        if self.count > MOST {
            self.thin_out(self.zero_bits + 1);
        } else if self.count * 2 > self.places.len() {
            self.rebuild(self.places.len() * 2);
        }
    }

    /// Keeps only hashes that end in so many zero bits.
    pub(crate) fn thin_out(&mut self, zero_bits: u32) {
        if zero_bits > self.zero_bits {
            self.zero_bits = zero_bits;
            self.rebuild(self.places.len());
        }
    }

    fn rebuild(&mut self, places: usize) {
        let zero_bits = self.zero_bits;
        let old = std::mem::replace(&mut self.places, vec![(0, 0); places]);
        self.count = 0;
        for (hash, output) in old {
            if output != 0 && hash.trailing_zeros() >= zero_bits {
                let (_, place) = self.find(hash);
                self.put(place, (hash, output));
            }
        }
    }

    /// How many values are remembered.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Every value that is remembered, and its output.
    fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        self.places.iter().filter(|(_, output)| *output != 0).map(|(hash, output)| (*hash, output - 1))
    }
}

/// Rows ahead whose places are brought near.
const AHEAD: usize = 12;

/// A value that is in two outputs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overlap {
    /// The row of the batch in hand that has it.
    pub(super) row: usize,
    pub(super) first: String,
    pub(super) second: String,
}

/// A thread's table, and the names of the outputs that it counts in.
pub(super) struct Keys {
    values: Values,
    table: Table,
    outputs: Vec<String>,
    /// For each output of the shard in hand its place in `outputs`.
    places: Vec<u32>,
}

impl Keys {
    pub(super) fn new(columns: Vec<String>) -> Self {
        Self {
            values: Values::new(columns),
            table: Table::default(),
            outputs: Vec::new(),
            places: Vec::new(),
        }
    }

    /// The watched columns, as a message has them.
    pub(super) fn columns(&self) -> String {
        self.values.columns.join(", ")
    }

    /// The value in `row`, for a message.
    pub(super) fn text(&self, batch: &RecordBatch, row: usize) -> String {
        self.values.text(batch, row)
    }

    /// A shard has opened an output; the next shard may number its outputs otherwise.
    pub(super) fn opened(&mut self, id: OutputId, name: &str) {
        let found = self.outputs.iter().position(|known| known == name);
        let place = found.unwrap_or_else(|| {
            self.outputs.push(name.to_owned());
            self.outputs.len() - 1
        });
        let number = id.0 as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, u32::MAX);
        }
        if let (Some(own), Ok(place)) = (self.places.get_mut(number), u32::try_from(place)) {
            *own = place;
        }
    }

    /// The first row whose value was in another output before, and both outputs.
    pub(super) fn meet(
        &mut self,
        batch: &RecordBatch,
        target: impl Fn(usize) -> Option<OutputId>,
    ) -> Result<Option<Overlap>, ArrowError> {
        let Some(hashes) = self.values.hashes(batch)? else { return Ok(None) };
        let coming = hashes.iter().skip(AHEAD).chain(std::iter::repeat(&0));
        for ((row, hash), coming) in hashes.iter().enumerate().zip(coming) {
            self.table.fetch(*coming);
            let output = target(row).and_then(|OutputId(output)| self.places.get(output as usize));
            let Some(output) = output.copied() else { continue };
            if let Some(before) = self.table.note(*hash, output) {
                let name = |place: u32| self.outputs.get(place as usize).cloned().unwrap_or_default();
                return Ok(Some(Overlap { row, first: name(before), second: name(output) }));
            }
        }
        Ok(None)
    }

    /// Writes the table, all or nothing: a line of JSON, then 12 bytes a value.
    fn write(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("new");
        let head =
            Head { columns: self.columns(), outputs: self.outputs.clone(), zero_bits: self.table.zero_bits };
        let mut out = BufWriter::new(File::create(&new)?);
        serde_json::to_writer(&mut out, &head)?;
        out.write_all(b"\n")?;
        for (hash, output) in self.table.iter() {
            out.write_all(&hash.to_le_bytes())?;
            out.write_all(&output.to_le_bytes())?;
        }
        out.flush()?;
        std::fs::rename(new, path)
    }
}

/// The tables of the threads that are between two shards.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Vec<Keys>>>);

impl Pool {
    /// Tables to go on with; none for a thread's first shard.
    pub(super) fn take(&self) -> Option<Vec<Keys>> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        tables.iter_mut().for_each(|keys| keys.places.clear());
        Some(tables)
    }

    /// Gives them back after a shard.
    pub(super) fn give(&self, tables: Vec<Keys>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tables);
    }

    /// Writes every table for whoever compares them; `share` tells agents apart.
    pub(super) fn write(&self, folder: &Path, share: u32) -> io::Result<()> {
        let tables = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (number, keys) in tables.iter().flatten().enumerate() {
            keys.write(&folder.join(format!("{share:08}-{number}.{EXTENSION}")))?;
        }
        Ok(())
    }
}

/// How names of files with tables end.
pub(crate) const EXTENSION: &str = "keys";

/// What stands before the values of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The watched columns.
    pub(crate) columns: String,
    /// Names of the outputs that the numbers count.
    pub(crate) outputs: Vec<String>,
    /// Only values are there whose hash ends in so many zero bits.
    pub(crate) zero_bits: u32,
}

/// Reads what a runner wrote: the head, then every hash and output.
///
/// # Errors
/// The file cannot be read or is not such a file.
pub(crate) fn read(path: &Path) -> io::Result<(Head, Vec<(u64, u32)>)> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    io::BufRead::read_until(&mut reader, b'\n', &mut line)?;
    let head = serde_json::from_slice(&line)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let (entries, _) = bytes.as_chunks::<12>();
    let entry = |[a, b, c, d, e, f, g, h, i, j, k, l]: [u8; 12]| {
        (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u32::from_le_bytes([i, j, k, l]))
    };
    Ok((head, entries.iter().map(|bytes| entry(*bytes)).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::values::tests::{batch, even_odd};
    use super::*;

    fn keys(names: [&str; 2]) -> Keys {
        let mut keys = Keys::new(vec!["key".into()]);
        (0..).zip(names).for_each(|(number, name)| keys.opened(OutputId(number), name));
        keys
    }

    #[test]
    fn a_value_in_two_outputs_is_met_also_in_the_next_shard() {
        let pool = Pool::default();
        let mut first = keys(["even", "odd"]);
        assert_eq!(first.meet(&batch(&[Some("a"), Some("b"), Some("a"), None]), even_odd).unwrap(), None);
        pool.give(vec![first]);
        let mut next = pool.take().unwrap().remove(0);
        // The other way round: what was even is number 1 now.
        next.opened(OutputId(0), "odd");
        next.opened(OutputId(1), "even");
        let later = batch(&[Some("b"), Some("a"), Some("c"), None]);
        let overlap = Overlap { row: 3, first: "odd".into(), second: "even".into() };
        assert_eq!(next.meet(&later, even_odd).unwrap(), Some(overlap));
        assert_eq!(next.text(&later, 3), "null");
    }

    #[test]
    fn beyond_the_most_a_share_of_the_values_is_kept_and_still_compared() {
        let mut table = Table::default();
        let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        assert!((0..3 << 20).all(|number| table.note(spread(number), 0).is_none()));
        assert!(table.zero_bits >= 2 && table.len() <= MOST && table.len() > MOST / 4);
        let noticed = (0..3 << 20).filter(|number| table.note(spread(*number), 1) == Some(0)).count();
        assert_eq!(noticed, table.len());
    }

    #[test]
    fn tables_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = keys(["x", "y"]);
        keys.meet(&batch(&[Some("a"), Some("b")]), even_odd).unwrap();
        let pool = Pool::default();
        pool.give(vec![keys]);
        pool.write(folder.path(), 7).unwrap();
        let (head, entries) = read(&folder.path().join("00000007-0.keys")).unwrap();
        let targets: std::collections::BTreeSet<u32> = entries.iter().map(|(_, output)| *output).collect();
        let expected = Head { columns: "key".into(), outputs: vec!["x".into(), "y".into()], zero_bits: 0 };
        assert_eq!((head, targets.into_iter().collect::<Vec<_>>()), (expected, vec![0, 1]));
    }
}
