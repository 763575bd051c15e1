//! How the program ends: its exit codes, and errors that know theirs.

use std::process::ExitCode;

use crate::manifest::fault::Fault;

/// The exit codes, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// A run failed.
    RunFailed,
    /// The command line makes no sense.
    Usage,
    /// A manifest is not valid.
    InvalidManifest,
    /// `--timeout` passed.
    TimedOut,
    /// The object is not there, or was deleted while it was waited for.
    Gone,
    /// The API server cannot be reached, or said no.
    Api,
    /// Ctrl-C.
    Interrupted,
}

/// What `--help` says of exit codes.
pub const EXIT_CODES: &str = "Exit codes:
    0  all is well
    1  a run failed
    2  the command line makes no sense
    3  a manifest is not valid
    4  timed out
    5  the object is gone
    6  the API server cannot be reached, or said no
  130  interrupted";

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::RunFailed => 1,
            Self::Usage => 2,
            Self::InvalidManifest => 3,
            Self::TimedOut => 4,
            Self::Gone => 5,
            Self::Api => 6,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command gave up.
#[derive(Debug)]
pub enum Failure {
    /// Everything that is wrong with the manifests.
    Invalid(Vec<Fault>),
    /// One error, and the exit code it means.
    Error(Exit, anyhow::Error),
}

impl Failure {
    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Error(Exit::Usage, anyhow::Error::msg(message.into()))
    }

    /// The API server said no, or is not there.
    pub fn api(error: impl Into<anyhow::Error>) -> Self {
        Self::Error(Exit::Api, error.into())
    }

    /// Something on this machine does not work.
    pub fn machine(error: impl Into<anyhow::Error>) -> Self {
        Self::Error(Exit::RunFailed, error.into())
    }
}
