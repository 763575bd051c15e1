//! Why a module did not do what it was asked, and whose fault it was.

use millrace_data::outputs::OutputError;

/// Whose fault a failure is: who has to change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Parameters, input or rights: whoever wrote the object.
    User,
    /// The module: its author.
    Module,
    /// This machine or this program: the administrator.
    Host,
}

/// A failure that the module reported on purpose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// Parameters are wrong: (JSON pointer, message).
    #[error("invalid parameters: {}", pointers(.0))]
    InvalidParams(Vec<(String, String)>),
    /// The input does not fit what the module needs.
    #[error("invalid input: {0}")]
    InvalidInput(String),
    /// The module asked for something that the run did not grant.
    #[error("denied: {0}")]
    Denied(String),
    /// The same attempt may work later or elsewhere.
    #[error("transient: {0}")]
    Transient(String),
    /// The module stopped because it was told to.
    #[error("stopped on request")]
    Cancelled,
    /// The module says that it is broken.
    #[error("internal error of the module: {0}")]
    Internal(String),
}

fn pointers(list: &[(String, String)]) -> String {
    let each = list.iter().map(|(pointer, message)| format!("{pointer}: {message}"));
    each.collect::<Vec<_>>().join("; ")
}

/// Why a call into a module failed. After any of these the instance is spent.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The module said so itself.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The module crashed.
    #[error("the module crashed: {message}")]
    Trap {
        /// What the machine saw (`wasm trap: wasm `unreachable` instruction executed`), and the
        /// module's own last words where it logged an error first.
        message: String,
        /// The module's call stack, innermost first; empty where there is none.
        backtrace: String,
    },
    /// The module was still running at its deadline.
    #[error("still running at the deadline; raise the deadline or give the module less to do")]
    Deadline,
    /// The module went on after it was told to stop, and was stopped.
    #[error("stopped on request")]
    Cancelled,
    /// The module needed more memory than it may have.
    #[error("needs more than the {} MiB of memory it may use; raise the limit or use smaller partitions", .limit >> 20)]
    Memory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The module wrote more than it may.
    #[error("{what}: more than {limit}")]
    OutputLimit {
        /// Which limit: `output bytes`, `output files`, `outputs`.
        what: &'static str,
        /// Its value.
        limit: u64,
    },
    /// The module used more of something than it may.
    #[error("{what}: more than {limit}")]
    Limit {
        /// Which limit: `table elements`, `open handles`, `state bytes`, …
        what: &'static str,
        /// Its value.
        limit: u64,
    },
    /// The module broke the contract.
    #[error("the module broke the contract: {0}")]
    Protocol(String),
    /// The rows do not fit the output's format.
    #[error("{0}")]
    Unsuitable(String),
    /// The disk or store said no.
    #[error("write an output")]
    Output(#[source] OutputError),
    /// A side table could not be read.
    #[error("read side table {name:?}: {message}")]
    SideTable {
        /// Its name.
        name: String,
        /// What the reader said.
        message: String,
    },
    /// Something is wrong with this program or this machine.
    #[error("{0}")]
    Host(String),
}

impl RunError {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Module(ModuleError::Internal(_) | ModuleError::Transient(_)) => Fault::Module,
            Self::Module(_) | Self::Cancelled | Self::Unsuitable(_) => Fault::User,
            Self::Trap { .. } | Self::Deadline | Self::Memory { .. } => Fault::Module,
            Self::OutputLimit { .. } | Self::Limit { .. } | Self::Protocol(_) => Fault::Module,
            Self::Output(_) | Self::SideTable { .. } | Self::Host(_) => Fault::Host,
        }
    }

    /// Whether another attempt may end otherwise: transient errors and those of stores.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Module(ModuleError::Transient(_)) | Self::Output(_) | Self::SideTable { .. })
    }
}

impl From<OutputError> for RunError {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Protocol(message) => Self::Protocol(message),
            OutputError::Limit { what, limit } => Self::OutputLimit { what, limit },
            OutputError::Unsuitable(message) => Self::Unsuitable(message),
            OutputError::Io { .. } => Self::Output(error),
        }
    }
}
