//! Where the time comes from: the system, or a test.

use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;

/// A source of time.
pub trait Clock: Debug + Send + Sync {
    /// What time it is.
    fn now(&self) -> Timestamp;

    /// Completes once it is `at`; at once where that is past.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The longest single sleep, so that a clock that is set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Some(left) = left(Timestamp::now(), at) {
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            }
        })
    }
}

/// The time from `now` to `at`; none once it is over.
#[must_use]
pub fn left(now: Timestamp, at: Timestamp) -> Option<Duration> {
    Duration::try_from(at.duration_since(now)).ok().filter(|left| !left.is_zero())
}
