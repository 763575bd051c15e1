//! The last changes of one resource, for watches and lists that begin in the past.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::TooOld;

/// How many changes of one resource are kept. A watcher that lost its connection resumes within
/// milliseconds, and 4,096 changes are some seconds of the busiest controller; a real API server
/// keeps five minutes.
const KEPT: usize = 4096;

/// One change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// `None`: the object was created.
    pub(crate) before: Option<Arc<Value>>,
    /// `None`: the object was removed.
    pub(crate) after: Option<Arc<Value>>,
}

/// The changes after revision `floor`, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    changes: VecDeque<Change>,
    /// Changes at or below this revision are forgotten.
    floor: u64,
}

impl History {
    pub(super) fn push(&mut self, change: Change) {
        self.changes.push_back(change);
        if self.changes.len() > KEPT
            && let Some(forgotten) = self.changes.pop_front()
        {
            self.floor = forgotten.revision;
        }
    }

    /// The changes after a revision.
    pub(super) fn since(&self, revision: u64) -> Result<Vec<&Change>, TooOld> {
        if revision < self.floor {
            return Err(TooOld { asked: revision, oldest: self.floor });
        }
        Ok(self.changes.iter().skip_while(|change| change.revision <= revision).collect())
    }
}
