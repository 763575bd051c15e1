//! How often and how soon a request is tried again.

use std::time::Duration;

use super::error::StoreError;
use super::policy::StorePolicy;

/// The tries of one request. Waits grow from 100 ms to 5 s and differ by request, so that many
/// files that failed together do not come back together; the same request waits the same each time.
#[derive(Debug, Clone)]
pub(super) struct Retry {
    left: u32,
    tries: u32,
    seed: u64,
    failed: u32,
}

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Retry {
    /// `what` is the file or page; it seeds the waits.
    pub(super) fn new(policy: &StorePolicy, what: &str) -> Self {
        let hash = blake3::hash(what.as_bytes());
        let seed = hash.as_bytes().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        let tries = policy.tries.max(1);
        Self { left: tries, tries, seed, failed: 0 }
    }

    /// Runs `request` until it succeeds, fails for good, or the tries are used up.
    pub(super) async fn run<T, F>(mut self, mut request: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match request().await {
                Ok(value) => return Ok(value),
                Err(error) => self.after(error).await?,
            }
        }
    }

    /// Waits before the next try, or gives `error` back if there is none.
    pub(super) async fn after(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || !error.is_transient() {
            return Err(error);
        }
        tracing::debug!(%error, left = self.left, "trying again");
        tokio::time::sleep(self.wait()).await;
        Ok(())
    }

    /// Progress was made: the full number of tries is there again.
    pub(super) fn reset(&mut self) {
        self.left = self.tries;
        self.failed = 0;
    }

    fn wait(&mut self) -> Duration {
        let longest = FIRST_WAIT.saturating_mul(1 << self.failed.min(10)).min(LONGEST_WAIT);
        self.failed += 1;
        // Half fixed, half by seed: splitmix64's mixing step.
        let mixed = (self.seed ^ u64::from(self.failed)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let share = (mixed >> 40) as u32;
        longest / 2 + (longest / 2).mul_f64(f64::from(share) / f64::from(1 << 24))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn busy() -> StoreError {
        StoreError::Busy { what: "x".into(), why: "503".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn transient_errors_are_tried_a_bounded_number_of_times() {
        let calls = Cell::new(0);
        let result: Result<(), _> = Retry::new(&StorePolicy::default(), "x")
            .run(|| {
                calls.set(calls.get() + 1);
                async { Err(busy()) }
            })
            .await;
        assert!(result.is_err());
        assert_eq!(calls.get(), StorePolicy::default().tries);
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_get_better_is_not_tried_again() {
        let calls = Cell::new(0);
        let result: Result<(), _> = Retry::new(&StorePolicy::default(), "x")
            .run(|| {
                calls.set(calls.get() + 1);
                async { Err(StoreError::NotFound { what: "x".into(), why: "404".into() }) }
            })
            .await;
        assert!(result.is_err());
        assert_eq!(calls.get(), 1);
    }

    #[test]
    fn waits_grow_within_bounds_and_repeat_for_the_same_request() {
        let waits = |what| {
            let mut retry = Retry::new(&StorePolicy::default(), what);
            (0..12).map(|_| retry.wait()).collect::<Vec<_>>()
        };
        assert_eq!(waits("a"), waits("a"));
        assert_ne!(waits("a"), waits("b"));
        assert!(waits("a").iter().all(|wait| (FIRST_WAIT / 2..=LONGEST_WAIT).contains(wait)));
    }
}
