//! Where the server takes time and identifiers from, so that a simulation repeats by its seed.
//! It is not a configuration of the server's behaviour.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

/// The clock and the source of unique identifiers of one server.
#[derive(Clone)]
pub struct Environment {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    unique: Arc<dyn Fn() -> Uuid + Send + Sync>,
}

/// The letters a generated name ends in: no vowels and nothing that looks like another letter,
/// so that no word appears (Kubernetes' `rand.SafeEncodeString`).
const SUFFIX_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

impl Environment {
    /// An environment whose clock is `now` and whose object UIDs come from `unique`.
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        unique: impl Fn() -> Uuid + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), unique: Arc::new(unique) }
    }

    /// The present as an API object writes it: RFC 3339, whole seconds, UTC.
    pub(crate) fn timestamp(&self) -> String {
        (self.now)().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The present instant.
    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// A new UID.
    pub(crate) fn uid(&self) -> String {
        (self.unique)().to_string()
    }

    /// The five letters that `generateName` is completed with.
    pub(crate) fn suffix(&self) -> String {
        let mut number = (self.unique)().as_u128();
        let base = SUFFIX_LETTERS.len() as u128;
        (0..5)
            .map(|_| {
                let letter = usize::try_from(number % base).unwrap_or_default();
                number /= base;
                char::from(SUFFIX_LETTERS.get(letter).copied().unwrap_or(b'x'))
            })
            .collect()
    }
}

impl Default for Environment {
    /// The machine's clock and random (version 4) UIDs.
    fn default() -> Self {
        Self::new(Timestamp::now, Uuid::new_v4)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Environment").finish_non_exhaustive()
    }
}
