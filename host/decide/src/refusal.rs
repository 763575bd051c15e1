//! Why something does not start: refused for good, or waiting.

use millrace_crds::Reason;

/// The manifest or what it names cannot work; the message says what, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Refusal {
    /// From the closed list.
    pub reason: Reason,
    /// For a person.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Why something does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// It may still start; the words complete "waits for …".
    #[error("waits for {0}")]
    Wait(String),
    /// It never will.
    #[error(transparent)]
    Refuse(#[from] Refusal),
}

impl Hold {
    /// Never.
    #[must_use]
    pub fn refuse(reason: Reason, message: impl Into<String>) -> Self {
        Self::Refuse(Refusal::new(reason, message))
    }
}

/// What becomes of an operation whose named objects are not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Missing {
    /// It waits, and says for what: somebody may still create them.
    #[default]
    Wait,
    /// It ends: nothing else can create them, as in an attached local run.
    Fail,
}

impl Missing {
    /// What to do about a missing object: `what` names it, `advice` says what helps.
    #[must_use]
    pub fn hold(self, what: &str, reason: Reason, advice: &str) -> Hold {
        match self {
            Self::Wait => Hold::Wait(format!(
                "{what}, which is not there yet{}{advice}",
                if advice.is_empty() { "" } else { "." }
            )),
            Self::Fail => Hold::refuse(
                reason,
                format!(
                    "{what} is not there, and nothing else can create it in this run.{advice} Add it to the manifests, or correct the name."
                ),
            ),
        }
    }
}
