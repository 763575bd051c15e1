//! Which object an operation waits for, and how it stands: one of a name, or the newest of several.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use millrace_crds::common::Phase;
use millrace_crds::operation::{Outcome, PredecessorStatus};
use serde_json::Value;

use crate::gate::Predecessor;
use crate::operation::Operation;
use crate::order::Cycle;
use crate::target::{Target, Which};
use crate::text;
use crate::workload::{self, WorkloadState};

/// An object that may be what is waited for, of whatever kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its UID.
    pub uid: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it ended, as far as it says so.
    pub ended: Option<Timestamp>,
    /// How it stands: running, complete, failed, or deleted before it ended.
    pub state: Predecessor,
}

impl Candidate {
    /// An operation as a candidate.
    #[must_use]
    pub fn of_operation(operation: &Operation) -> Self {
        let status = &operation.status;
        let state = match status.phase {
            Phase::Complete => Predecessor::Complete,
            Phase::Failed => {
                let reason = status.reason.map(|reason| reason.to_string()).unwrap_or_default();
                Predecessor::Failed { why: format!("{reason}: {}", status.message) }
            }
            _ if operation.deleting.is_some() => Predecessor::Deleted,
            phase => Predecessor::Running { phase: phase.to_string() },
        };
        Self {
            uid: operation.uid.clone(),
            created: operation.created,
            ended: status.completion_time.as_ref().map(|time| time.0),
            state,
        }
    }

    /// A workload of any kind as a candidate.
    #[must_use]
    pub fn of_workload(object: &Value, success_when: Option<&str>) -> Self {
        let text = |place: &str| object.pointer(place).and_then(Value::as_str);
        let time = |place: &str| text(place).and_then(|text| text.parse().ok());
        let state = match workload::state(object, success_when) {
            WorkloadState::Succeeded => Predecessor::Complete,
            WorkloadState::Failed { why } => Predecessor::Failed { why },
            WorkloadState::Running { .. } if text("/metadata/deletionTimestamp").is_some() => {
                Predecessor::Deleted
            }
            WorkloadState::Running { phase } => Predecessor::Running { phase },
        };
        Self {
            uid: text("/metadata/uid").unwrap_or_default().to_owned(),
            created: time("/metadata/creationTimestamp"),
            ended: time("/status/completionTime").or_else(|| time("/status/endTime")),
            state,
        }
    }

    /// Whether it ended in the way that is waited for.
    #[must_use]
    pub fn is_met(&self, wanted: Outcome) -> bool {
        match self.state {
            Predecessor::Complete => wanted != Outcome::Failure,
            Predecessor::Failed { .. } => wanted != Outcome::Success,
            _ => false,
        }
    }

    /// What tells one end of it from another, as when it is run again.
    #[must_use]
    pub fn event(&self) -> String {
        format!("{}@{}", self.uid, self.ended.map_or(0, Timestamp::as_second))
    }
}

/// What was found under a `runAfter`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The objects of that name, or with those labels, or the runs of that Cron or OnEvent operation.
    pub candidates: Vec<Candidate>,
    /// They come and go, and the newest counts.
    pub several: bool,
    /// Names of its kind and namespace, where it is not there.
    pub others: Vec<String>,
    /// Where it is a Cron or OnEvent operation without a run yet: how that one stands.
    pub series: Option<String>,
    /// Why objects of that kind cannot be seen.
    pub unseen: Option<String>,
    /// The circle that both are in.
    pub cycle: Option<Cycle>,
}

/// One thing that an operation runs after.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenPredecessor {
    /// What it names.
    pub target: Target,
    /// Which ending it waits for.
    pub wanted: Outcome,
    /// How it stands.
    pub state: Predecessor,
    /// It ended so before; what became of it since does not matter.
    pub done: bool,
    /// The object that counts, while it is there.
    pub chosen: Option<Candidate>,
    /// All objects that were found.
    pub candidates: Vec<Candidate>,
    /// The circle that both are in.
    pub cycle: Option<Cycle>,
}

impl SeenPredecessor {
    /// Reads what was found against what was seen `before`.
    #[must_use]
    pub fn new(target: Target, wanted: Outcome, before: &[PredecessorStatus], found: Found) -> Self {
        let what = in_words(&target, wanted);
        let before = before.iter().find(|one| one.what == what);
        let several = found.several || matches!(target.which, Which::Labelled(_));
        let chosen = choose(&found.candidates, before, several).cloned();
        let state = match (&chosen, before) {
            (Some(candidate), _) => candidate.state.clone(),
            (None, Some(_)) => Predecessor::Deleted,
            (None, None) => absent(&target, &found),
        };
        let done = before.is_some_and(|before| before.done);
        Self { target, wanted, state, done, chosen, candidates: found.candidates, cycle: found.cycle }
    }

    /// What it is, in the words of the status.
    #[must_use]
    pub fn what(&self) -> String {
        in_words(&self.target, self.wanted)
    }

    /// What is remembered of it in the status; none before it was there.
    #[must_use]
    pub fn remembered(&self) -> Option<PredecessorStatus> {
        let chosen = self.chosen.as_ref()?;
        Some(PredecessorStatus {
            what: self.what(),
            uid: chosen.uid.clone(),
            created: chosen.created.map(Time),
            done: self.done || chosen.is_met(self.wanted),
        })
    }
}

/// `DataLoad default/warm`, and which ending where it is not success.
fn in_words(target: &Target, wanted: Outcome) -> String {
    let words = match wanted {
        Outcome::Success => target.to_string(),
        Outcome::Failure => format!("{target} (Failure)"),
        Outcome::Finish => format!("{target} (Finish)"),
    };
    text::clip(&words, 1000)
}

/// The object that counts: the one that was waited for before, else the newest. Where that one is
/// gone, only a newer one of several can take its place: an older one says nothing about it.
fn choose<'a>(
    candidates: &'a [Candidate],
    before: Option<&PredecessorStatus>,
    several: bool,
) -> Option<&'a Candidate> {
    let newest = candidates.iter().max_by_key(|one| (one.created, one.uid.as_str()));
    let Some(before) = before else { return newest };
    let same = candidates.iter().find(|one| one.uid == before.uid);
    let since = before.created.as_ref().map(|time| time.0);
    same.or_else(|| newest.filter(|one| several && one.created > since))
}

fn absent(target: &Target, found: &Found) -> Predecessor {
    if let Some(why) = &found.unseen {
        return Predecessor::Unseen { why: why.clone() };
    }
    if let Some(phase) = &found.series {
        return Predecessor::Running { phase: phase.clone() };
    }
    let near = match &target.which {
        Which::Named(name) => text::nearest(name, found.others.iter().map(String::as_str)),
        Which::Labelled(_) => None,
    };
    Predecessor::Missing { nearest: near.map(str::to_owned) }
}
