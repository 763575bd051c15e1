//! Cuts CSV into records, and finds in each the borders of the wanted fields only.
//!
//! The scan walks over mask words (`structure`), not bytes: fields that nobody asked for cost a
//! population count. Values are not looked at here; that is `columns`' business.

use super::quotes;
use super::structure::{BLOCK, CHUNK_BLOCKS, Kernel, Masks, Needles};

/// Longest batch in bytes of records, whatever the number of its rows.
const BATCH_BYTES: usize = 8 << 20;

/// Records that were found, relative to `origin`.
#[derive(Debug, Default)]
pub(crate) struct RowTable {
    /// Place of the first record in the file.
    pub(crate) origin: usize,
    /// `[start, end)` of each record with its terminator, from `origin`.
    pub(crate) spans: Vec<(u32, u32)>,
    /// Per record one place per cut: where the delimiter of that number is, from the record's start.
    pub(crate) marks: Vec<u32>,
    /// Records that are not rows.
    pub(crate) flaws: Vec<Flaw>,
    /// Whether any byte may be outside ASCII.
    pub(crate) any_high: bool,
    /// An overlong record was met; the batch ends here so that spans stay small.
    full: bool,
}

/// A record that cannot be a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Place in the file.
    pub(crate) start: usize,
    /// One past its terminator.
    pub(crate) end: usize,
    /// What is wrong.
    pub(crate) kind: FlawKind,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlawKind {
    /// Number of fields found.
    Ragged(u32),
    /// A quote inside an unquoted field, or text after a closing quote.
    StrayQuote,
    /// The file ends inside quotes.
    OpenQuote,
    /// Longer than the limit.
    TooLong,
}

impl RowTable {
    /// Empties the table and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.marks.clear();
        self.flaws.clear();
        self.any_high = false;
        self.full = false;
    }

    /// One past the last row, as a place in the file.
    pub(crate) fn end(&self) -> usize {
        self.spans.last().map_or(self.origin, |span| self.origin + span.1 as usize)
    }

    /// Takes out the rows of these numbers (ascending), with their `stride` cuts each; gives their spans.
    pub(crate) fn remove(&mut self, rows: impl Iterator<Item = usize>, stride: usize) -> Vec<(u32, u32)> {
        let mut removed = Vec::new();
        for (before, row) in rows.enumerate() {
            // Each earlier removal moved the later rows down by one.
            let row = row - before;
            if row < self.spans.len() {
                removed.push(self.spans.remove(row));
                self.marks.drain(row * stride..((row + 1) * stride).min(self.marks.len()));
            }
        }
        removed
    }

    fn has_room(&self, rows: usize) -> bool {
        let bytes = self.spans.last().map_or(0, |span| span.1 as usize);
        !self.full && self.spans.len() < rows && self.flaws.len() < rows && bytes < BATCH_BYTES
    }
}

/// What a scan looks for.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) needles: Needles,
    /// Fields per record.
    pub(crate) fields: u32,
    /// Numbers of the delimiters whose places are wanted, ascending.
    pub(crate) cuts: Vec<u32>,
    /// Longest record, in bytes.
    pub(crate) longest: usize,
}

/// A scan over the records that begin in `[start, end)` of a file.
#[derive(Debug)]
pub(crate) struct Scan {
    pattern: Pattern,
    kernel: Kernel,
    masks: Box<Masks>,
    /// Place of the chunk in `masks`, and of the one after it.
    base: usize,
    next: usize,
    /// The word in hand and what is left of it: delimiters, line feeds, flaws.
    word: usize,
    left: (u64, u64, u64),
    /// All ones inside quotes.
    inside: u64,
    first: bool,
    record: Record,
    /// Records that begin here or later are not ours.
    end: usize,
    done: bool,
}

/// The record in hand.
#[derive(Debug, Clone, Copy)]
struct Record {
    start: usize,
    delimiters: u32,
    cut: usize,
    stray: bool,
}

impl Record {
    fn at(start: usize) -> Self {
        Self { start, delimiters: 0, cut: 0, stray: false }
    }
}

impl Scan {
    /// A scan from `start`, which begins a record, for the records that begin before `end`.
    pub(crate) fn new(pattern: Pattern, start: usize, end: usize, kernel: Kernel) -> Self {
        Self {
            pattern,
            kernel,
            masks: Masks::new(),
            base: start,
            next: start,
            word: 0,
            left: (0, 0, 0),
            inside: 0,
            first: true,
            record: Record::at(start),
            end,
            done: start >= end,
        }
    }

    /// Fills `rows` with at most `limit` records; false when there are no more.
    pub(crate) fn fill(&mut self, bytes: &[u8], limit: usize, rows: &mut RowTable) -> bool {
        rows.clear();
        rows.any_high = self.masks.any_high;
        while !self.done && rows.has_room(limit) {
            if self.word < self.masks.blocks || self.load(bytes, rows) {
                self.walk(bytes, limit, rows);
            } else {
                self.last(bytes, rows);
            }
        }
        !rows.spans.is_empty() || !rows.flaws.is_empty()
    }

    /// Takes up the next chunk; false at the end of the file.
    fn load(&mut self, bytes: &[u8], rows: &mut RowTable) -> bool {
        let rest = bytes.get(self.next..).unwrap_or_default();
        if rest.is_empty() {
            return false;
        }
        self.masks.fill(rest, self.pattern.needles, self.kernel);
        self.base = self.next;
        quotes::resolve(
            &mut self.masks,
            &mut self.inside,
            bytes,
            self.base,
            self.pattern.needles,
            self.first,
        );
        self.first = false;
        self.next = (self.base + self.masks.blocks * BLOCK).min(bytes.len());
        rows.any_high |= self.masks.any_high;
        self.word = 0;
        self.left = self.words();
        true
    }

    fn words(&self) -> (u64, u64, u64) {
        let word = self.word % CHUNK_BLOCKS;
        #[expect(clippy::indexing_slicing, reason = "the remainder is in range, and the compiler sees it")]
        (self.masks.delimiter[word], self.masks.newline[word], self.masks.quote[word])
    }

    /// Walks over the chunk until it ends, the table is full, or our records are.
    fn walk(&mut self, bytes: &[u8], limit: usize, rows: &mut RowTable) {
        let stride = self.pattern.cuts.len();
        while self.word < self.masks.blocks {
            let place = self.base + self.word * BLOCK;
            let (delimiters, newlines, strays) = self.left;
            rows.marks.resize((rows.spans.len() + 1) * stride, 0);
            if newlines == 0 {
                self.fields(delimiters, strays, place, rows);
                self.word += 1;
                self.left = self.words();
                continue;
            }
            let record = newlines ^ (newlines - 1);
            self.fields(delimiters & record, strays & record, place, rows);
            self.left = (delimiters & !record, newlines & !record, strays & !record);
            self.record_end(bytes, place + record.count_ones() as usize, rows);
            if self.done || !rows.has_room(limit) {
                return;
            }
        }
    }

    /// Counts delimiters of the record in hand, and notes those that are wanted.
    #[inline(always)]
    fn fields(&mut self, delimiters: u64, strays: u64, place: usize, rows: &mut RowTable) {
        let seen = self.record.delimiters + delimiters.count_ones();
        let (mut rest, mut number) = (delimiters, self.record.delimiters);
        while let Some(wanted) = self.pattern.cuts.get(self.record.cut).filter(|wanted| **wanted < seen) {
            while number < *wanted {
                rest &= rest - 1;
                number += 1;
            }
            let at = rows.spans.len() * self.pattern.cuts.len() + self.record.cut;
            if let Some(mark) = rows.marks.get_mut(at) {
                *mark = narrow(place + rest.trailing_zeros() as usize - self.record.start);
            }
            self.record.cut += 1;
        }
        self.record.delimiters = seen;
        self.record.stray |= strays != 0;
    }

    /// The record in hand ends before `end`.
    #[inline(always)]
    fn record_end(&mut self, bytes: &[u8], end: usize, rows: &mut RowTable) {
        let record = std::mem::replace(&mut self.record, Record::at(end));
        self.done = end >= self.end;
        if content_end(bytes, record.start, end) == record.start {
            return;
        }
        match self.judge(record, end) {
            None => {
                if rows.spans.is_empty() {
                    rows.origin = record.start;
                }
                rows.spans.push((narrow(record.start - rows.origin), narrow(end - rows.origin)));
            }
            Some(kind) => {
                rows.full = kind == FlawKind::TooLong;
                rows.flaws.push(Flaw { start: record.start, end, kind });
            }
        }
    }

    fn judge(&self, record: Record, end: usize) -> Option<FlawKind> {
        let fields = record.delimiters + 1;
        if end - record.start > self.pattern.longest {
            Some(FlawKind::TooLong)
        } else if record.stray {
            Some(FlawKind::StrayQuote)
        } else if fields != self.pattern.fields {
            Some(FlawKind::Ragged(fields))
        } else {
            None
        }
    }

    /// The file has ended; what is left of it is a record without terminator.
    fn last(&mut self, bytes: &[u8], rows: &mut RowTable) {
        if self.inside != 0 {
            let flaw = Flaw { start: self.record.start, end: bytes.len(), kind: FlawKind::OpenQuote };
            rows.flaws.push(flaw);
        } else if self.record.start < bytes.len() {
            self.record_end(bytes, bytes.len(), rows);
        }
        self.done = true;
    }
}

/// A place within a batch or record; both are bounded far below 4 GiB (`BATCH_BYTES`, `longest`),
/// and an overlong record's marks are never used.
#[inline(always)]
fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// One past the last byte of the record `[start, end)` that is not its terminator.
#[inline(always)]
pub(crate) fn content_end(bytes: &[u8], start: usize, end: usize) -> usize {
    let mut end = end;
    if end > start && bytes.get(end - 1) == Some(&b'\n') {
        end -= 1;
        if end > start && bytes.get(end - 1) == Some(&b'\r') {
            end -= 1;
        }
    }
    end
}
