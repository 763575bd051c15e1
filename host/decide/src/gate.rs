//! Whether an operation may start: the state of what it runs after, against `runAfter.on`.

use millrace_crds::Reason;
use millrace_crds::operation::{Outcome, RunAfter};

use crate::name::{Name, OperationKind, OperationName};
use crate::refusal::{Hold, Missing, Refusal};
use crate::text;

/// What is known of a predecessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predecessor {
    /// It was never seen; a name that is there and near.
    Missing {
        /// An operation's name that was probably meant.
        nearest: Option<String>,
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

/// The operation that `run_after` names, seen from `namespace`.
///
/// # Errors
/// `NotSupported` for a kind that nothing here can run after.
pub fn target(run_after: &RunAfter, namespace: &str) -> Result<OperationName, Refusal> {
    let word = run_after.target_kind();
    let kind = OperationKind::of(word).ok_or_else(|| {
        let words = OperationKind::ALL.map(OperationKind::word);
        let message = format!(
            "runAfter.operationType {word}: this version runs after {}.{}",
            text::list(words, 8),
            text::did_you_mean(text::nearest(word, words))
        );
        Refusal::new(Reason::NotSupported, message)
    })?;
    let namespace = run_after.namespace.as_deref().unwrap_or(namespace);
    Ok(OperationName { kind, name: Name::new(namespace, &run_after.name) })
}

/// Whether an operation that runs after `target`, `on` that ending, may start.
#[must_use]
pub fn gate(target: &OperationName, on: Outcome, state: &Predecessor, missing: Missing) -> Gate {
    let refuse = |reason, message| Gate::Shut(Hold::refuse(reason, message));
    match (state, on) {
        (Predecessor::Missing { nearest }, _) => {
            let advice = text::did_you_mean(nearest.as_deref());
            Gate::Shut(missing.hold(&target.to_string(), Reason::NotFound, &advice))
        }
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
        let target = OperationName { kind: OperationKind::DataLoad, name: Name::new("default", "dataload") };
        let missing = || Predecessor::Missing { nearest: None };
        let running = || Predecessor::Running { phase: "Executing".into() };
        let failed = || Predecessor::Failed { why: "DiskFull: no room".into() };
        let table = [
            (missing(), Missing::Wait, ["wait", "wait", "wait"]),
            (missing(), Missing::Fail, ["NotFound", "NotFound", "NotFound"]),
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

    #[test]
    fn the_words_are_those_that_the_manifest_uses() {
        let run_after = RunAfter {
            name: "dataload".into(),
            namespace: Some("default".into()),
            operation_type: Some("DataLoad".into()),
            ..RunAfter::default()
        };
        let target = target(&run_after, "other").unwrap();
        let gate = gate(&target, Outcome::Success, &Predecessor::Missing { nearest: None }, Missing::Wait);
        let Gate::Shut(hold) = gate else { panic!("{gate:?}") };
        assert_eq!(hold.to_string(), "waits for DataLoad default/dataload, which is not there yet");
    }

    #[test]
    fn other_kinds_are_refused_with_the_nearest() {
        let run_after = RunAfter { name: "x".into(), kind: Some("Dataload".into()), ..RunAfter::default() };
        assert!(target(&run_after, "default").unwrap_err().message.contains("Did you mean DataLoad?"));
    }
}
