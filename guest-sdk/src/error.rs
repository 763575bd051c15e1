//! What a processor may report on purpose. Traps, deadlines and memory limits are the host's words.

/// Why a processor did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The parameters are wrong: (JSON pointer, what is wrong and what would be right). Permanent.
    #[error("{}", parameters_text(.0))]
    InvalidParams(Vec<(String, String)>),
    /// The input does not fit what the processor needs. Permanent.
    #[error("{0}")]
    InvalidInput(String),
    /// A capability that the run does not grant. Permanent.
    #[error("{0}")]
    Denied(String),
    /// The same attempt may work elsewhere or later; it is retried.
    #[error("{0}")]
    Transient(String),
    /// The processor gave up because the host asked it to.
    #[error("cancelled")]
    Cancelled,
    /// The processor's own mistake.
    #[error("{0}")]
    Internal(String),
}

/// What a call into a processor gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// One wrong parameter. `pointer` is a JSON pointer such as `/sizes/train`.
    pub fn parameter(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidParams(vec![(pointer.into(), message.into())])
    }

    /// An input that cannot be worked on.
    pub fn input(message: impl Into<String>) -> Self {
        Self::InvalidInput(message.into())
    }

    /// A state that only a mistake in the processor or host can produce.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }
}

fn parameters_text(all: &[(String, String)]) -> String {
    let one = |(pointer, message): &(String, String)| match pointer.as_str() {
        "" => message.clone(),
        _ => format!("{pointer}: {message}"),
    };
    all.iter().map(one).collect::<Vec<_>>().join("; ")
}
