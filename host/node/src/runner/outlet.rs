//! The runner's standard output: JSON lines for the agent.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use millrace_crds::common::Progress;
use millrace_engine::{Level, Observer};

use super::spec::Message;

/// Lines of progress are at least so far apart.
const INTERVAL: Duration = Duration::from_millis(250);

/// Where every thread says things; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Outlet {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    progress: Progress,
    said: Option<Instant>,
}

impl Outlet {
    /// Says one thing.
    ///
    /// # Errors
    /// The agent does not listen any more.
    pub(crate) fn say(&self, message: &Message) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    }

    /// Begins a stage with so many bytes to read.
    pub(crate) fn stage(&self, stage: &str, bytes_total: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let files_done = inner.progress.files_done;
        inner.progress = Progress {
            stage: stage.to_owned(),
            bytes_total: signed(bytes_total),
            files_done,
            ..Progress::default()
        };
        inner.said = None;
    }

    /// Adds to the counts of the stage, and says so now and then.
    pub(crate) fn advance(&self, bytes: u64, rows: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.progress.bytes_done = inner.progress.bytes_done.saturating_add(signed(bytes));
        inner.progress.rows_done = inner.progress.rows_done.saturating_add(signed(rows));
        if inner.said.is_none_or(|said| said.elapsed() >= INTERVAL) {
            inner.said = Some(Instant::now());
            // A deaf agent is noticed at the end of standard input.
            let _ = self.say(&Message::Progress(inner.progress.clone()));
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Observer for Outlet {
    fn log(&mut self, level: Level, message: &str) {
        let level = match level {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let _ = self.say(&Message::Log(format!("{level}: {message}\n")));
    }

    /// The host's own counts are what a task reports.
    fn progress(&mut self, _done: f64, _message: &str) {}
}
