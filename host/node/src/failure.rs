//! Every failure as the one thing that leaves this crate: a reason of the closed list, whose move it
//! is, what to do, and whether another try may go better.

use millrace_crds::Reason;
use millrace_crds::node_task::TaskFailure;
use millrace_crds::reason::Fault;
use millrace_data::cache::CacheError;
use millrace_data::input::InputError;
use millrace_data::mount::MountError;
use millrace_data::outputs::OutputError;
use millrace_data::publish::{PublishError, RemoteError};
use millrace_data::store::{Category, StoreError};
use millrace_engine::{CompileError, LoadError, ModuleError, RunError};
use serde::{Deserialize, Serialize};

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}: {message}")]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) fault: Fault,
    /// What happened, why, what to do.
    pub(crate) message: String,
    pub(crate) retryable: bool,
}

/// Longest message; the schema allows 32,768 characters and an object stays small.
const MESSAGE_BYTES: usize = 4 << 10;

impl Failure {
    /// A failure that another try would repeat.
    pub(crate) fn new(reason: Reason, fault: Fault, message: impl Into<String>) -> Self {
        Self { reason, fault, message: cut(message.into()), retryable: false }
    }

    /// The user's to mend.
    pub(crate) fn user(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(reason, Fault::User, message)
    }

    /// Something of Millrace itself.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Reason::Internal, Fault::Host, message)
    }

    /// The same, with a place before the message.
    pub(crate) fn at(mut self, place: &str) -> Self {
        self.message = cut(format!("{place}: {}", self.message));
        self
    }

    fn retried(mut self) -> Self {
        self.retryable = true;
        self
    }
}

impl From<Failure> for TaskFailure {
    fn from(failure: Failure) -> Self {
        let Failure { reason, fault, message, retryable } = failure;
        Self { reason, fault, message, retryable }
    }
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
        message.push('…');
    }
    message
}

/// An error and what caused it, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The task was deleted or cancelled.
pub(crate) fn cancelled() -> Failure {
    Failure::user(Reason::Cancelled, "it was cancelled; nothing was published")
}

/// The operation's own time is over.
pub(crate) fn operation_deadline() -> Failure {
    Failure::user(
        Reason::OperationDeadlineExceeded,
        "the operation's activeDeadlineSeconds were over; nothing was published",
    )
}

/// The run's time is over.
pub(crate) fn run_deadline(seconds: u64) -> Failure {
    let message = format!(
        "still running after {seconds} s, its limit; raise limits.timeoutSeconds, or give the module less to do"
    );
    Failure::new(Reason::DeadlineExceeded, Fault::Module, message)
}

/// A system call on a file of this machine failed.
pub(crate) fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    let message = format!("{doing} {}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => disk_full(message),
        std::io::ErrorKind::NotFound => Failure::user(Reason::SourceNotFound, message),
        std::io::ErrorKind::PermissionDenied => Failure::user(Reason::AccessDenied, message),
        // A file that is longer than RLIMIT_FSIZE allows.
        std::io::ErrorKind::FileTooLarge => Failure::new(Reason::OutputLimit, Fault::Module, message),
        _ => Failure::internal(message).retried(),
    }
}

fn disk_full(message: String) -> Failure {
    Failure::new(
        Reason::DiskFull,
        Fault::Host,
        format!("{message}; free space or use another place, nothing was published"),
    )
}

impl From<MountError> for Failure {
    fn from(error: MountError) -> Self {
        let reason = match error {
            MountError::Unsupported { .. } => Reason::NotSupported,
            _ => Reason::InvalidSpec,
        };
        Self::user(reason, chain(&error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        of_category(error.category(), chain(&error))
    }
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Cancelled => cancelled(),
            error => of_category(error.category(), chain(&error)),
        }
    }
}

fn of_category(category: Category, message: String) -> Failure {
    match category {
        Category::NotFound => Failure::user(Reason::SourceNotFound, message),
        Category::Denied => Failure::user(Reason::AccessDenied, message),
        Category::Refused => Failure::user(Reason::Denied, message),
        Category::Invalid => Failure::user(Reason::InvalidSpec, message),
        Category::Unsupported => Failure::user(Reason::NotSupported, message),
        Category::Exists => Failure::user(Reason::OutputExists, message),
        Category::Changed => Failure::user(Reason::SourceChanged, message).retried(),
        Category::Unreachable | Category::Busy | Category::Hung | Category::Corrupt => {
            Failure::new(Reason::StoreUnreachable, Fault::Host, message).retried()
        }
        Category::Full => disk_full(message),
        Category::Io => Failure::internal(message).retried(),
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        let message = chain(&error);
        match error {
            InputError::Io { path, source } => io("read", std::path::Path::new(&path), &source),
            InputError::Changed { .. } => Self::user(Reason::SourceChanged, message).retried(),
            InputError::Malformed { .. } => Self::user(Reason::CorruptInput, message),
            _ => Self::user(Reason::InvalidInput, message),
        }
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        RunError::from(error).into()
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let message = chain(&error);
        match error {
            PublishError::Occupied { .. } | PublishError::Foreign { .. } => {
                Self::user(Reason::OutputExists, message)
            }
            PublishError::Busy { .. } => Self::new(Reason::StoreUnreachable, Fault::Host, message).retried(),
            PublishError::Manifest { .. } => Self::user(Reason::CorruptInput, message),
            PublishError::Name { .. } => Self::new(Reason::ProtocolViolation, Fault::Module, message),
            PublishError::Io { action, path, source } => io(action, std::path::Path::new(&path), &source),
        }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let message = chain(&error);
        match error {
            RemoteError::Occupied { .. } => Self::user(Reason::OutputExists, message),
            RemoteError::Manifest { .. } => Self::user(Reason::CorruptInput, message),
            RemoteError::Store(error) => error.into(),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Contract(_) => Self::new(Reason::ModuleRefused, Fault::Module, chain(&error)),
            LoadError::Engine(_) | LoadError::Load(_) => Self::internal(chain(&error)),
        }
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Refused(_) | CompileError::Invalid(_) => {
                Self::new(Reason::ModuleRefused, Fault::Module, chain(&error))
            }
            CompileError::Host(_) => Self::internal(chain(&error)),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let message = chain(&error);
        let module = |reason| Self::new(reason, Fault::Module, message.clone());
        match error {
            RunError::Module(error) => of_module(&error, message),
            RunError::Trap { .. } => module(Reason::ModuleTrapped),
            RunError::Deadline => Self::new(
                Reason::DeadlineExceeded,
                Fault::Module,
                "still running at its limit; raise limits.timeoutSeconds, or give the module less to do",
            ),
            RunError::Cancelled => cancelled(),
            RunError::Memory { .. } => module(Reason::MemoryLimit),
            RunError::OutputLimit { .. } => module(Reason::OutputLimit),
            RunError::Limit { .. } | RunError::Protocol(_) => module(Reason::ProtocolViolation),
            RunError::Unsuitable(_) => Self::user(Reason::InvalidSpec, message),
            RunError::Output(OutputError::Io { path, source }) => {
                io("write", std::path::Path::new(&path), &source)
            }
            RunError::Output(_) | RunError::Host(_) => Self::internal(message),
            RunError::SideTable { .. } => Self::user(Reason::InvalidInput, message),
        }
    }
}

fn of_module(error: &ModuleError, message: String) -> Failure {
    match error {
        ModuleError::InvalidParams(_) => Failure::user(Reason::InvalidParameters, message),
        ModuleError::InvalidInput(_) => Failure::user(Reason::InvalidInput, message),
        ModuleError::Denied(_) => Failure::user(Reason::Denied, message),
        ModuleError::Transient(_) => Failure::new(Reason::ModuleFailed, Fault::Module, message).retried(),
        ModuleError::Cancelled => cancelled(),
        ModuleError::Internal(_) => Failure::new(Reason::ModuleFailed, Fault::Module, message),
    }
}

/// The runner ended without a word.
pub(crate) fn runner_died(status: std::process::ExitStatus, last_words: &str) -> Failure {
    use std::os::unix::process::ExitStatusExt;
    let words = last_words.trim();
    let words = if words.is_empty() { String::new() } else { format!("; its last words: {words}") };
    match status.signal() {
        // Inputs are mapped: a page that is no longer there, or that the disk cannot give, ends its reader.
        Some(libc::SIGBUS) => {
            let message =
                "a file of the input was cut short, or its disk failed, while it was read (signal 7)";
            Failure::user(Reason::SourceChanged, message).retried()
        }
        // Abort and faults are of its own making: a panic while panicking, or memory beyond its cap.
        Some(signal @ (libc::SIGABRT | libc::SIGSEGV | libc::SIGILL | libc::SIGSYS)) => Failure::new(
            Reason::RunnerKilled,
            Fault::Host,
            format!("the runner crashed (signal {signal}){words}"),
        )
        .retried(),
        Some(libc::SIGXCPU) => Failure::new(
            Reason::DeadlineExceeded,
            Fault::Module,
            format!("the runner used up its processor time{words}"),
        ),
        Some(signal) => {
            let message = format!(
                "the runner was killed by signal {signal}, which Millrace did not send (out of memory?){words}"
            );
            Failure::new(Reason::RunnerKilled, Fault::Host, message).retried()
        }
        None => Failure::internal(format!("the runner ended with {status} and no result{words}")).retried(),
    }
}

/// A request to the API server failed.
pub(crate) fn api(doing: &str, error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) if status.code == 404 => {
            Failure::user(Reason::NotFound, format!("{doing}: not found"))
        }
        kube::Error::Api(status) if matches!(status.code, 401 | 403) => {
            let message = format!(
                "{doing}: the API server does not allow it ({}); grant the agent `get` on it in that namespace",
                status.message
            );
            Failure::user(Reason::AccessDenied, message)
        }
        error => Failure::new(Reason::StoreUnreachable, Fault::Host, format!("{doing}: {error}")).retried(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_move_it_is_follows_from_the_error() {
        let cases: [(Failure, Reason, Fault, bool); 7] = [
            (RunError::Deadline.into(), Reason::DeadlineExceeded, Fault::Module, false),
            (RunError::Memory { limit: 1 << 20 }.into(), Reason::MemoryLimit, Fault::Module, false),
            (RunError::Protocol("one short".into()).into(), Reason::ProtocolViolation, Fault::Module, false),
            (ModuleError::Transient("later".into()).into_run(), Reason::ModuleFailed, Fault::Module, true),
            (
                ModuleError::InvalidInput("no label".into()).into_run(),
                Reason::InvalidInput,
                Fault::User,
                false,
            ),
            (
                StoreError::Unreachable { what: "s3://b".into(), why: "no".into() }.into(),
                Reason::StoreUnreachable,
                Fault::Host,
                true,
            ),
            (
                OutputError::Io { path: "/x".into(), source: std::io::ErrorKind::StorageFull.into() }.into(),
                Reason::DiskFull,
                Fault::Host,
                false,
            ),
        ];
        for (failure, reason, fault, retryable) in cases {
            assert_eq!(
                (failure.reason, failure.fault, failure.retryable),
                (reason, fault, retryable),
                "{failure}"
            );
            assert!(!failure.message.is_empty());
        }
    }

    #[test]
    fn a_signal_tells_why_the_runner_died() {
        use std::os::unix::process::ExitStatusExt;
        for (signal, reason, retryable) in [
            (libc::SIGBUS, Reason::SourceChanged, true),
            (libc::SIGSEGV, Reason::RunnerKilled, true),
            (libc::SIGXCPU, Reason::DeadlineExceeded, false),
            (libc::SIGKILL, Reason::RunnerKilled, true),
        ] {
            let failure = runner_died(std::process::ExitStatus::from_raw(signal), "");
            assert_eq!((failure.reason, failure.retryable), (reason, retryable), "signal {signal}");
        }
    }

    trait IntoRun {
        fn into_run(self) -> Failure;
    }

    impl IntoRun for ModuleError {
        fn into_run(self) -> Failure {
            RunError::Module(self).into()
        }
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let failure = Failure::internal("ü".repeat(10_000));
        assert!(failure.message.len() <= MESSAGE_BYTES + 4 && failure.message.ends_with('…'));
    }
}
