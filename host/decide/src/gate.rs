//! Whether an operation may start: the state of what it runs after, against `runAfter.on`.

use millrace_crds::Reason;
use millrace_crds::operation::Outcome;

use crate::refusal::{Hold, Missing};
use crate::target::Target;
use crate::text;

/// What is known of a predecessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predecessor {
    /// It was never seen; a name that is there and near.
    Missing {
        /// An operation's name that was probably meant.
        nearest: Option<String>,
    },
    /// Objects of its kind cannot be seen; why.
    Unseen {
        /// Such as a kind that the cluster does not serve.
        why: String,
    },
    /// It was seen, and is gone, or another one of its name is there.
    Deleted,
    /// It is there and has not ended.
    Running {
        /// Its phase, in words.
        phase: String,
    },
    /// It ended well.
    Complete,
    /// It ended badly; why.
    Failed {
        /// Its reason and message.
        why: String,
    },
}

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Start.
    Open,
    /// Not yet, or never.
    Shut(Hold),
    /// Never, and that is well: the case that this operation is for did not come about.
    NotNeeded(String),
}

/// Whether an operation that runs after `target`, `on` that ending, may start.
#[must_use]
pub fn gate(target: &Target, on: Outcome, state: &Predecessor, missing: Missing) -> Gate {
    let refuse = |reason, message| Gate::Shut(Hold::refuse(reason, message));
    match (state, on) {
        (Predecessor::Missing { nearest }, _) => {
            let advice = text::did_you_mean(nearest.as_deref());
            Gate::Shut(missing.hold(&target.to_string(), Reason::NotFound, &advice))
        }
        (Predecessor::Unseen { why }, _) => Gate::Shut(match missing {
            Missing::Wait => Hold::Wait(format!("{target}: {why}")),
            Missing::Fail => Hold::refuse(Reason::UnknownKind, format!("{target}: {why}")),
        }),
        (Predecessor::Deleted, _) => refuse(
            Reason::PredecessorDeleted,
            format!("{target} was deleted before it ended: create it again, then this operation"),
        ),
        (Predecessor::Running { phase }, _) => Gate::Shut(Hold::Wait(format!("{target}, which is {phase}"))),
        (Predecessor::Complete, Outcome::Success | Outcome::Finish)
        | (Predecessor::Failed { .. }, Outcome::Failure | Outcome::Finish) => Gate::Open,
        (Predecessor::Failed { why }, Outcome::Success) => {
            refuse(Reason::PredecessorFailed, format!("{target}, which this runs after, failed: {why}"))
        }
        (Predecessor::Complete, Outcome::Failure) => {
            Gate::NotNeeded(format!("{target} succeeded, and this runs only on its failure"))
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_crds::operation::RunAfter;

    use super::*;

    /// What the gate says, in a word.
    fn word(gate: &Gate) -> String {
        match gate {
            Gate::Open => "open".into(),
            Gate::Shut(Hold::Wait(_)) => "wait".into(),
            Gate::Shut(Hold::Refuse(refusal)) => refusal.reason.to_string(),
            Gate::NotNeeded(_) => "not needed".into(),
        }
    }

    #[test]
    fn every_state_against_every_ending() {
        let target = named("dataload");
        let missing = || Predecessor::Missing { nearest: None };
        let unseen = || Predecessor::Unseen { why: "the cluster does not serve it".into() };
        let running = || Predecessor::Running { phase: "Executing".into() };
        let failed = || Predecessor::Failed { why: "DiskFull: no room".into() };
        let table = [
            (missing(), Missing::Wait, ["wait", "wait", "wait"]),
            (missing(), Missing::Fail, ["NotFound", "NotFound", "NotFound"]),
            (unseen(), Missing::Wait, ["wait", "wait", "wait"]),
            (unseen(), Missing::Fail, ["UnknownKind"; 3]),
            (Predecessor::Deleted, Missing::Wait, ["PredecessorDeleted"; 3]),
            (running(), Missing::Fail, ["wait", "wait", "wait"]),
            (Predecessor::Complete, Missing::Wait, ["open", "not needed", "open"]),
            (failed(), Missing::Wait, ["PredecessorFailed", "open", "open"]),
        ];
        for (state, missing, wanted) in table {
            let answers = [Outcome::Success, Outcome::Failure, Outcome::Finish]
                .map(|on| word(&gate(&target, on, &state, missing)));
            assert_eq!(answers, wanted, "{state:?} {missing:?}");
        }
    }

    fn named(name: &str) -> Target {
        let run_after = RunAfter { kind: Some("DataLoad".into()), name: name.into(), ..RunAfter::default() };
        Target::read(&run_after, "default").unwrap()
    }

    #[test]
    fn the_words_are_those_that_the_manifest_uses() {
        let missing = Predecessor::Missing { nearest: None };
        let gate = gate(&named("dataload"), Outcome::Success, &missing, Missing::Wait);
        let Gate::Shut(hold) = gate else { panic!("{gate:?}") };
        assert_eq!(hold.to_string(), "waits for DataLoad default/dataload, which is not there yet");
    }
}
