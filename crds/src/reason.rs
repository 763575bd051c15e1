//! The closed list of reasons: every word that may stand in a condition, a status or an Event.
//!
//! Each has a sentence that says what it means and what to do; `docs/reference/reasons.md` is
//! generated from this list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose move it is after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Fault {
    /// The manifest or the data: the user changes something.
    User,
    /// The module: its author changes something.
    Module,
    /// The machine, the store or Millrace itself: trying again may help.
    Host,
}

impl Fault {
    /// One word, for metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Module => "module",
            Self::Host => "host",
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident => $help:literal,)+) => {
        /// Why something is as it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// Every reason, in the order of the reference page.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)+).trim_ascii(),)+ }
            }

            /// What to do about it; empty where there is nothing to do.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $help,)+ }
            }
        }

        impl std::fmt::Display for Reason {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(match self { $(Self::$name => stringify!($name),)+ })
            }
        }

        impl std::str::FromStr for Reason {
            type Err = UnknownReason;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $(stringify!($name) => Ok(Self::$name),)+ _ => Err(UnknownReason(text.to_owned())) }
            }
        }
    };
}

/// A word that is not in the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a reason this version knows")]
pub struct UnknownReason(pub String);

reasons! {
    /// All of it is done.
    Succeeded => "",
    /// The same result was already published at that place, so it was kept.
    Reused => "To compute it again: --fresh, or the annotation millrace.dev/fresh: \"true\".",
    /// It is being worked on.
    Executing => "",
    /// It waits; the message says for what.
    Waiting => "",
    /// It is held back by spec.suspend.
    Suspended => "Set spec.suspend to false.",
    /// It was cancelled by spec.cancelled.
    Cancelled => "Create a new operation, or raise spec.retry.",
    /// The dataset is bound and its source answers.
    DatasetReady => "",
    /// A named object is not there.
    NotFound => "Create it, or correct the name and namespace.",
    /// The object that this one runs after failed.
    PredecessorFailed => "Mend the predecessor, or use runAfter.on: Finish.",
    /// The object that this one runs after succeeded, and runAfter.on is Failure.
    PredecessorSucceeded => "Nothing to do: this step is for the other case.",
    /// The object that this one runs after was deleted before it ended.
    PredecessorDeleted => "Create the predecessor again, then this operation.",
    /// The objects that run after one another form a circle.
    Cycle => "Remove one of the runAfter lines that the message names.",
    /// Another namespace's object is named, and that namespace does not share it.
    NotShared => "Add the line that the message shows to the other object's spec.sharedWith.",
    /// Two objects claim one name.
    NameTaken => "Rename one of them.",
    /// The claim of a Dataset's name belongs to somebody else.
    ClaimNameTaken => "Delete or rename the claim or the Dataset, as the message says.",
    /// The object makes no sense as it is written.
    InvalidSpec => "Change what the message names.",
    /// A parameter does not fit the module's schema.
    InvalidParameters => "Change what the message names; `millrace process MODULE --help` lists the parameters.",
    /// The input does not fit what the module needs.
    InvalidInput => "Change the input or the parameters as the message says.",
    /// A row of the input is bad, and onBadRow is Fail.
    BadRow => "Mend the row, or set onBadRow: Skip or Quarantine.",
    /// No module of that name and version is here.
    ModuleNotFound => "Correct spec.processor.wasm.module, or push the module.",
    /// The module was refused: not a component of this contract, too large, or not what its digest says.
    ModuleRefused => "Build it against the contract in guest-sdk/wit; the message says what does not fit.",
    /// This version or this machine does not do that.
    NotSupported => "The message says what is missing.",
    /// A container of the step ended with an exit code other than 0.
    ContainerFailed => "Look at the log tail; the message has the container and its exit code.",
    /// The workload of the step says that it failed.
    WorkloadFailed => "The message has what it says; look at its own objects for more.",
    /// The API server refused the Job or workload of the step.
    WorkloadRefused => "Change what the message names: a field of the spec, a quota, or a right.",
    /// Millrace may not create workloads of that kind.
    WorkloadKindNotAllowed => "An administrator adds the line that the message shows.",
    /// The module reported an error of its own making.
    ModuleFailed => "Tell the module's author what the log tail shows.",
    /// The module crashed.
    ModuleTrapped => "Tell the module's author what the log tail shows.",
    /// The module broke the contract, such as one answer too few.
    ProtocolViolation => "Tell the module's author.",
    /// The module asked for something it was not granted.
    Denied => "Grant it, or use another module.",
    /// The time limit was reached.
    DeadlineExceeded => "Raise limits.timeoutSeconds or activeDeadlineSeconds.",
    /// The memory limit was reached.
    MemoryLimit => "Raise limits.memory.",
    /// The output was larger than allowed, in bytes or in files.
    OutputLimit => "Raise limits.outputBytes, or write less.",
    /// What the module promised of its outputs does not hold.
    GuaranteeBroken => "Tell the module's author what the message names.",
    /// The source changed while it was read.
    SourceChanged => "Run it again when nothing writes to the source.",
    /// The store or path is not there.
    SourceNotFound => "Correct the mount point or the path.",
    /// The store said no.
    AccessDenied => "Check the credentials and the store's policy.",
    /// The store does not answer.
    StoreUnreachable => "Check the endpoint and the network.",
    /// A file is not what its name or format says: truncated, or of another kind.
    CorruptInput => "Replace the file that the message names.",
    /// The disk is full.
    DiskFull => "Free space or use another place; what was there before is untouched.",
    /// There is already something at the output, made from something else.
    OutputExists => "Choose another output, or set outputMode: Replace or Version.",
    /// The model that Transform should read is not there.
    ModelNotFound => "Run the Fit step first, or correct spec.processor.wasm.model.",
    /// The process was killed by a signal that Millrace did not send.
    RunnerKilled => "It is tried again up to backoffLimit; if it recurs, look at the node's memory.",
    /// The node or its agent was lost.
    NodeLost => "It is tried again on another node, up to backoffLimit.",
    /// No node can do the work.
    NoNode => "Start an agent, or correct nodeSelector and affinity.",
    /// It failed more often than backoffLimit allows.
    BackoffLimitExceeded => "The message has the last failure.",
    /// The time limit of the whole operation was reached.
    OperationDeadlineExceeded => "Raise spec.activeDeadlineSeconds.",
    /// A running operation was edited; the edit is ignored.
    SpecChangeIgnored => "Create a new operation.",
    /// Something went wrong inside Millrace.
    Internal => "Report it with the message and `millrace version -o json`.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_and_says_something() {
        for reason in Reason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(*reason));
            assert!(reason.meaning().ends_with('.'), "{reason}: {}", reason.meaning());
            assert!(reason.remedy().is_empty() || reason.remedy().ends_with('.'), "{reason}");
        }
    }
}
