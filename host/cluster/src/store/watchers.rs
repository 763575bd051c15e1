//! Who follows a resource: bounded queues, filled as changes happen.
//! A watcher that does not keep up is dropped and told so; it never holds up a writer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::sync::mpsc;

use super::{Change, Store, at_revision};
use crate::registry::ResourceKey;
use crate::selector::Selector;

/// How many events wait for one watcher. A controller's reflector drains its queue in
/// microseconds; what falls this far behind lists again, which costs less than catching up.
const QUEUED: usize = 1024;

/// Which changes a watcher wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    namespace: Option<String>,
    selector: Selector,
}

/// One event for one watcher: what happened, in its eyes.
#[derive(Debug, Clone)]
pub(crate) enum Delivery {
    Added(Arc<Value>),
    Modified(Arc<Value>),
    Deleted(Arc<Value>),
    /// Nothing: everything up to this revision has been delivered.
    Mark(u64),
}

impl Wanted {
    pub(crate) fn new(namespace: Option<String>, selector: Selector) -> Self {
        Self { namespace, selector }
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The stored objects, as additions.
    pub(super) fn existing(&self, objects: Vec<Arc<Value>>) -> VecDeque<Delivery> {
        objects.into_iter().filter(|object| self.selector.matches(object)).map(Delivery::Added).collect()
    }

    /// What the change is to this watcher. An object that begins to match was added, one that
    /// ceases to match was deleted, whatever really happened.
    pub(super) fn delivery(&self, change: &Change) -> Option<Delivery> {
        if self.namespace.as_ref().is_some_and(|namespace| *namespace != change.namespace) {
            return None;
        }
        let matching =
            |object: &Option<Arc<Value>>| object.clone().filter(|object| self.selector.matches(object));
        match (matching(&change.before), matching(&change.after)) {
            (None, Some(after)) => Some(Delivery::Added(after)),
            (Some(_), Some(after)) => Some(Delivery::Modified(after)),
            // The last seen state, at the revision of its end.
            (Some(before), None) => {
                Some(Delivery::Deleted(at_revision(Value::clone(&before), change.revision)))
            }
            (None, None) => None,
        }
    }
}

/// The watchers of one resource.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    next: u64,
    list: Vec<Watcher>,
}

#[derive(Debug)]
struct Watcher {
    id: u64,
    wanted: Wanted,
    queue: mpsc::Sender<Delivery>,
    overflowed: Arc<AtomicBool>,
}

impl Watchers {
    pub(super) fn add(&mut self, wanted: Wanted) -> (mpsc::Receiver<Delivery>, u64, Arc<AtomicBool>) {
        let (queue, receiver) = mpsc::channel(QUEUED);
        let overflowed = Arc::new(AtomicBool::new(false));
        self.next += 1;
        self.list.push(Watcher { id: self.next, wanted, queue, overflowed: Arc::clone(&overflowed) });
        (receiver, self.next, overflowed)
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.list.retain(|watcher| watcher.id != id);
    }

    pub(super) fn tell(&mut self, change: &Change) {
        self.list
            .retain(|watcher| watcher.wanted.delivery(change).is_none_or(|delivery| watcher.offer(delivery)));
    }

    pub(super) fn mark(&mut self, id: u64, revision: u64) {
        let mark = Delivery::Mark(revision);
        self.list.retain(|watcher| watcher.id != id || watcher.offer(mark.clone()));
    }
}

impl Watcher {
    /// Queues an event; false if the watcher has to go.
    fn offer(&self, delivery: Delivery) -> bool {
        match self.queue.try_send(delivery) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.overflowed.store(true, Ordering::Release);
                false
            }
        }
    }
}

/// A running watch: first what already happened, then the queue. Dropping it ends the watch.
#[derive(Debug)]
pub(crate) struct Subscription {
    first: VecDeque<Delivery>,
    revision: u64,
    queue: mpsc::Receiver<Delivery>,
    overflowed: Arc<AtomicBool>,
    store: Arc<Store>,
    resource: ResourceKey,
    id: u64,
}

impl Subscription {
    pub(super) fn new(
        first: VecDeque<Delivery>,
        revision: u64,
        queue: mpsc::Receiver<Delivery>,
        overflowed: Arc<AtomicBool>,
        store: Arc<Store>,
        resource: ResourceKey,
        id: u64,
    ) -> Self {
        Self { first, revision, queue, overflowed, store, resource, id }
    }

    /// The revision at which the watch began: the first events reach up to it.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The next event of those that precede the queue.
    pub(crate) fn next_first(&mut self) -> Option<Delivery> {
        self.first.pop_front()
    }

    /// The next event; `None` after the watcher was dropped for being slow.
    pub(crate) async fn next(&mut self) -> Option<Delivery> {
        match self.first.pop_front() {
            Some(delivery) => Some(delivery),
            None => self.queue.recv().await,
        }
    }

    /// Whether the watch ended because its queue was full.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Acquire)
    }

    /// Asks for a mark behind everything that has happened so far.
    pub(crate) fn request_mark(&self) {
        self.store.mark(&self.resource, self.id);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.store.unwatch(&self.resource, self.id);
    }
}
