//! What is to be looked at, each object once at a time: due now, or at a time.
//!
//! It holds at most one entry and one timer per object, so it is bounded by the number of objects.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::key::Key;

/// A queue that many workers take from.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Something became due.
    due: Notify,
    /// The first timer changed.
    timer: Notify,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Key>,
    queued: HashSet<Key>,
    running: HashSet<Key>,
    /// Added while a worker had it: due again once that worker is done.
    again: HashSet<Key>,
    timers: BTreeSet<(Timestamp, Key)>,
    timer_of: HashMap<Key, Timestamp>,
    /// Errors in a row.
    failures: HashMap<Key, u32>,
    closed: bool,
}

impl State {
    fn push(&mut self, key: Key) {
        if self.running.contains(&key) {
            self.again.insert(key);
        } else if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn set_timer(&mut self, key: &Key, at: Option<Timestamp>) {
        if let Some(old) = self.timer_of.remove(key) {
            self.timers.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.timer_of.insert(key.clone(), at);
            self.timers.insert((at, key.clone()));
        }
    }
}

impl Queue {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), due: Notify::new(), timer: Notify::new(), clock }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock leaves it whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes objects due.
    pub(crate) fn add(&self, keys: impl IntoIterator<Item = Key>) {
        let mut state = self.state();
        for key in keys {
            state.push(key);
        }
        drop(state);
        self.due.notify_one();
    }

    /// How many objects are due.
    pub(crate) fn len(&self) -> usize {
        self.state().ready.len()
    }

    /// The next object; none once the queue is closed.
    pub(crate) async fn next(&self) -> Option<Key> {
        loop {
            let due = self.due.notified();
            {
                let mut state = self.state();
                if state.closed {
                    break;
                }
                if let Some(key) = state.ready.pop_front() {
                    state.queued.remove(&key);
                    state.running.insert(key.clone());
                    let more = !state.ready.is_empty();
                    drop(state);
                    if more {
                        self.due.notify_one();
                    }
                    return Some(key);
                }
            }
            due.await;
        }
        // One permit wakes one worker: hand it on, so that all of them end.
        self.due.notify_one();
        None
    }

    /// A worker is done with `key`; it is due again `at`, or sooner if something changed.
    pub(crate) fn done(&self, key: &Key, at: Option<Timestamp>) {
        let mut state = self.state();
        state.running.remove(key);
        state.failures.remove(key);
        self.put_back(state, key, at);
    }

    /// A worker failed with `key`; says how often in a row, this time included.
    pub(crate) fn failed(&self, key: &Key, at: impl FnOnce(u32) -> Timestamp) -> u32 {
        let mut state = self.state();
        state.running.remove(key);
        let failures = state.failures.entry(key.clone()).or_default();
        *failures = failures.saturating_add(1);
        let failures = *failures;
        self.put_back(state, key, Some(at(failures)));
        failures
    }

    fn put_back(&self, mut state: MutexGuard<'_, State>, key: &Key, at: Option<Timestamp>) {
        state.set_timer(key, at);
        if state.again.remove(key) {
            state.push(key.clone());
        }
        drop(state);
        self.due.notify_one();
        self.timer.notify_one();
    }

    /// Makes objects due whose time has come, until the queue is closed.
    pub(crate) async fn run_timers(&self) {
        loop {
            let changed = self.timer.notified();
            let first = {
                let mut state = self.state();
                if state.closed {
                    return;
                }
                self.fire(&mut state)
            };
            self.due.notify_one();
            match first {
                None => changed.await,
                Some(at) => tokio::select! {
                    () = changed => {}
                    () = self.clock.sleep_until(at) => {}
                },
            }
        }
    }

    /// Makes due what is due, and says when the next is.
    fn fire(&self, state: &mut State) -> Option<Timestamp> {
        let now = self.clock.now();
        while let Some((at, key)) = state.timers.first().cloned() {
            if at > now {
                return Some(at);
            }
            state.set_timer(&key, None);
            state.push(key);
        }
        None
    }

    /// No more work: workers end once they are done with what they have.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.due.notify_one();
        self.timer.notify_one();
    }
}
