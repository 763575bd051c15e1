//! A module's log: the first lines, the last lines, and how many fell out between.

use std::collections::VecDeque;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// What it says; at most `Limits::message_bytes`.
    pub message: String,
}

/// What a line costs beside its text.
const LINE_BYTES: usize = 32;

/// A bounded log.
#[derive(Debug, Default)]
pub struct Log {
    half: usize,
    head: Vec<Line>,
    head_bytes: usize,
    tail: VecDeque<Line>,
    tail_bytes: usize,
    dropped: u64,
}

impl Log {
    /// A log that keeps about `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { half: bytes / 2, ..Self::default() }
    }

    /// Adds a line; says whether it went into the head, which is what a live view should show.
    pub(crate) fn push(&mut self, line: Line) -> bool {
        let cost = line.message.len() + LINE_BYTES;
        if self.tail.is_empty() && self.dropped == 0 && self.head_bytes + cost <= self.half {
            self.head_bytes += cost;
            self.head.push(line);
            return true;
        }
        self.tail_bytes += cost;
        self.tail.push_back(line);
        while self.tail_bytes > self.half
            && let Some(oldest) = self.tail.pop_front()
        {
            self.tail_bytes -= oldest.message.len() + LINE_BYTES;
            self.dropped += 1;
        }
        false
    }

    /// The first lines, in order.
    #[must_use]
    pub fn head(&self) -> &[Line] {
        &self.head
    }

    /// The last lines, in order.
    pub fn tail(&self) -> impl Iterator<Item = &Line> {
        self.tail.iter()
    }

    /// How many lines between head and tail were not kept.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The newest line logged as an error, if it is still there: a panic's message.
    #[must_use]
    pub(crate) fn last_error(&self) -> Option<&str> {
        let mut newest_first = self.tail.iter().rev().chain(self.head.iter().rev());
        newest_first.find(|line| line.level == Level::Error).map(|line| line.message.as_str())
    }
}

/// Cuts a text to at most `bytes`, at a character's edge, and says that it was cut.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
    }
    text
}
