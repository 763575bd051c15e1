//! What can go wrong in a reconcile, and what that means for the next try.

use std::time::Duration;

use millrace_decide::Name;

/// A failed action.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object could not be read.
    #[error("cannot read {what}")]
    Read {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// An object could not be created.
    #[error("cannot create {what}")]
    Create {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// An object could not be changed.
    #[error("cannot change {what}")]
    Change {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// An object could not be deleted.
    #[error("cannot delete {what}")]
    Delete {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// A name that is fixed by what an object is belongs to another one.
    #[error("{kind} {name} is there and was not made by this controller: rename or delete it")]
    NameTaken {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: Name,
    },
    /// A status could not be written as JSON.
    #[error("cannot write a status as JSON")]
    Json(#[from] serde_json::Error),
    /// A part of the controller ended by itself.
    #[error("a {part} of the controller ended by itself{why}")]
    Ended {
        /// Which.
        part: &'static str,
        /// Why, if it said so.
        why: String,
    },
}

/// What an error means for the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    /// Somebody else changed the object first: look again at once.
    Conflict,
    /// The API server: try again, less and less often.
    Server,
    /// Somebody has to change something.
    Config,
}

impl Category {
    /// One word, for metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Server => "server",
            Self::Config => "config",
        }
    }
}

impl Error {
    pub(crate) fn category(&self) -> Category {
        match self {
            Self::Read { source, .. }
            | Self::Create { source, .. }
            | Self::Change { source, .. }
            | Self::Delete { source, .. } => of_server(source),
            Self::NameTaken { .. } => Category::Config,
            Self::Json(_) | Self::Ended { .. } => Category::Server,
        }
    }
}

fn of_server(error: &kube::Error) -> Category {
    match code(error) {
        // Gone as well: what is not there any more is seen as gone at the next look.
        Some(404 | 409) => Category::Conflict,
        Some(400 | 401 | 403 | 422) => Category::Config,
        _ => Category::Server,
    }
}

/// The HTTP status that the API server answered with.
pub(crate) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// The pause before the next try: doubles with each failure in a row, up to 30 s.
pub(crate) fn pause(category: Category, failures: u32) -> Duration {
    let first = match category {
        Category::Conflict => Duration::from_millis(5),
        Category::Server => Duration::from_millis(100),
        Category::Config => Duration::from_secs(5),
    };
    first.saturating_mul(1 << failures.saturating_sub(1).min(12)).min(Duration::from_secs(30))
}

/// A part that should never end did.
pub(crate) fn ended(part: &'static str, outcome: &Result<(), tokio::task::JoinError>) -> Error {
    let why = outcome.as_ref().err().map(|error| format!(": {error}")).unwrap_or_default();
    Error::Ended { part, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_thirty_seconds() {
        assert_eq!(pause(Category::Server, 1), Duration::from_millis(100));
        assert_eq!(pause(Category::Server, 3), Duration::from_millis(400));
        assert_eq!(pause(Category::Server, 1000), Duration::from_secs(30));
        assert_eq!(pause(Category::Conflict, 1), Duration::from_millis(5));
    }
}
