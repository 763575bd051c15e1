//! Sharing numbered work over threads so that the outcome does not depend on how many there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::failure::Failure;

/// Does `work` for each of `items` on `threads` threads; answers in the order of the items.
///
/// # Errors
/// The failure of the first item (by number) that failed: items before it were all begun before it
/// and are finished, so it is the same one however many threads there are.
pub(super) fn share<I: Sync, T: Send>(
    threads: usize,
    items: &[I],
    work: impl Fn(&I) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number).filter(|_| number < failed.load(Ordering::Relaxed)) else {
                break;
            };
            let result = work(item);
            if result.is_err() {
                failed.fetch_min(number, Ordering::Relaxed);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(worker)).collect();
        worker();
        others.into_iter().for_each(|other| drop(other.join()));
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    let done: Result<Vec<_>, _> = results.into_iter().map(|(_, result)| result).collect();
    match done {
        Ok(done) if done.len() < items.len() => {
            Err(Failure::internal("a thread of the runner panicked; see its log"))
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_in_order_and_the_first_failure_wins() {
        let items: Vec<usize> = (0..100).collect();
        for threads in [1, 2, 7] {
            let squares = share(threads, &items, |item| Ok(item * item)).unwrap();
            assert_eq!(squares, items.iter().map(|item| item * item).collect::<Vec<_>>());
            let failing = |item: &usize| match item % 30 {
                17 => Err(Failure::internal(item.to_string())),
                _ => Ok(()),
            };
            assert_eq!(share(threads, &items, failing).unwrap_err().message, "17");
        }
    }
}
