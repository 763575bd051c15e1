//! How many requests may be in flight at one endpoint, and how many of those one namespace's.
//!
//! The counts are shared by every store of the process that talks to the same host and port.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type Registry = Mutex<HashMap<(String, String), Weak<Semaphore>>>;

/// The limits that one store's requests pass.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    shared: Arc<Semaphore>,
    namespace: Arc<Semaphore>,
}

/// Leave to have one request in flight; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _namespace: OwnedSemaphorePermit,
    _shared: OwnedSemaphorePermit,
}

impl Endpoint {
    /// The limits of `authority` (`host:port`) for `namespace`; the first store of a process
    /// decides how many. A namespace gets half, so that one cannot starve the others.
    pub(super) fn of(authority: &str, namespace: &str, in_flight: usize) -> Self {
        let share = in_flight.div_ceil(2).max(1);
        let (shared, share) = if namespace.is_empty() { (in_flight, in_flight) } else { (in_flight, share) };
        Self {
            shared: semaphore(authority, "", shared.max(1)),
            namespace: semaphore(authority, &format!("{namespace}/"), share.max(1)),
        }
    }

    /// Waits for leave. The wait ends: every holder is bound by the no-progress time.
    pub(super) async fn slot(&self) -> Option<Slot> {
        let namespace = self.namespace.clone().acquire_owned().await.ok()?;
        let shared = self.shared.clone().acquire_owned().await.ok()?;
        Some(Slot { _namespace: namespace, _shared: shared })
    }
}

fn semaphore(authority: &str, scope: &str, permits: usize) -> Arc<Semaphore> {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    let mut known = REGISTRY.get_or_init(Registry::default).lock().unwrap_or_else(PoisonError::into_inner);
    let key = (authority.to_owned(), scope.to_owned());
    if let Some(found) = known.get(&key).and_then(Weak::upgrade) {
        return found;
    }
    known.retain(|_, semaphore| semaphore.strong_count() > 0);
    let made = Arc::new(Semaphore::new(permits));
    known.insert(key, Arc::downgrade(&made));
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stores_of_one_endpoint_share_its_limit_and_a_namespace_has_half() {
        let one = Endpoint::of("host:1", "a", 4);
        let other = Endpoint::of("host:1", "b", 4);
        let held = [one.slot().await.unwrap(), one.slot().await.unwrap()];
        assert_eq!(one.namespace.available_permits(), 0);
        let rest = [other.slot().await.unwrap(), other.slot().await.unwrap()];
        assert_eq!(one.shared.available_permits(), 0);
        drop((held, rest));
        assert_eq!(Endpoint::of("host:1", "a", 4).shared.available_permits(), 4);
        assert_eq!(Endpoint::of("host:2", "a", 6).shared.available_permits(), 6);
    }
}
