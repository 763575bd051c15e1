//! A Dataset's next step: which profile it gets, whether its source answers, how much of it is cached.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use millrace_crds::dataset::{CacheStates, Dataset, DatasetPhase, DatasetStatus, NodeCache};
use millrace_crds::node_task::{
    Action, NodeTask, NodeTaskSpec, TaskDataset, TaskFailure, TaskPhase, TaskResult,
};
use millrace_crds::{Reason, condition};

use crate::catalog::Catalog;
use crate::claim::{self, ClaimChange};
use crate::fetch::fetch;
use crate::mounts;
use crate::name::Name;
use crate::operation::history::own_failure;
use crate::operation::{Happening, TaskChange};
use crate::placement::Node;
use crate::probe::{self, Asker, Known, Probe};
use crate::profile::{self, Choice};
use crate::refusal::Refusal;
use crate::text;

/// Seconds that looking at a source may take.
const LIST_SECONDS: i64 = 600;

/// Everything that a decision is made from.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The Dataset.
    pub dataset: Arc<Dataset>,
    /// Its namespace and name.
    pub name: Name,
    /// The group of an older Dataset that has the same name.
    pub older_twin: Option<String>,
    /// The profiles, and whether this is a laptop.
    pub catalog: Catalog,
    /// Its own tasks: looks at its source, and loads for pods that wait.
    pub lists: Vec<NodeTask>,
    /// Tasks that loaded it.
    pub loads: Vec<NodeTask>,
    /// When something was last published into it.
    pub written: Option<Timestamp>,
    /// Every node that has an agent.
    pub nodes: Vec<Node>,
    /// Volumes and claim under its name.
    pub claims: claim::Seen,
    /// The time.
    pub now: Timestamp,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Tasks to create, declare lost, or remove.
    pub tasks: Vec<TaskChange>,
    /// Volumes and claims to create or remove.
    pub claims: Vec<ClaimChange>,
    /// The new status; none where nothing changed.
    pub status: Option<Box<DatasetStatus>>,
    /// One per change of state, after the status was accepted.
    pub events: Vec<Happening>,
    /// When to look again even if nothing changes.
    pub wake: Option<Timestamp>,
}

/// A Dataset that makes sense: what is needed to look at it.
struct Validated {
    choice: Choice,
    source: TaskDataset,
}

/// The next step of a Dataset.
#[must_use]
pub fn decide(seen: &Seen) -> Decision {
    let mut decision = Decision::default();
    if seen.dataset.metadata.deletion_timestamp.is_some() {
        return decision;
    }
    let old = seen.dataset.status.clone().unwrap_or_default();
    let mut status = old.clone();
    status.observed_generation = seen.dataset.metadata.generation;
    match validate(seen) {
        Err(refusal) => refuse(seen, &mut status, &refusal),
        Ok(valid) => {
            let source = look(seen, &valid.source, &mut decision);
            let (loads, due) = fetch(seen, &valid.source);
            decision.tasks.extend(loads);
            decision.wake = decision.wake.into_iter().chain(due).min();
            let taken = reach(seen, &mut decision);
            tell(seen, &valid, source, taken.as_ref(), &mut status);
        }
    }
    decision.events = events(&old, &status);
    decision.status = (status != old).then(|| Box::new(status));
    decision
}

fn validate(seen: &Seen) -> Result<Validated, Refusal> {
    if let Some(group) = &seen.older_twin {
        let message = format!("an older Dataset {} is in group {group}: rename one of them", seen.name);
        return Err(Refusal::new(Reason::NameTaken, message));
    }
    let source = mounts::task_dataset(&seen.dataset, &seen.name, "/");
    if source.mounts.is_empty() {
        return Err(Refusal::new(Reason::InvalidSpec, "it has no mounts: add one to spec.mounts"));
    }
    mounts::check(&source.mounts, seen.catalog.laptop)?;
    let choice = profile::choose(&seen.dataset, &seen.name, &seen.catalog)?;
    Ok(Validated { choice, source })
}

fn refuse(seen: &Seen, status: &mut DatasetStatus, refusal: &Refusal) {
    status.phase = DatasetPhase::Failed;
    if refusal.reason == Reason::NotFound {
        // A profile may still come, which is no failure of the Dataset.
        status.phase = DatasetPhase::NotBound;
    }
    set(seen, status, condition::READY, false, refusal.reason, &refusal.message);
}

fn set(seen: &Seen, status: &mut DatasetStatus, kind: &str, value: bool, reason: Reason, message: &str) {
    let generation = seen.dataset.metadata.generation;
    condition::set(
        &mut status.conditions,
        kind,
        value,
        reason,
        &text::clip(message, 32_000),
        generation,
        seen.now,
    );
}

/// Volume and claim, so that pods can mount it; says why they cannot. A laptop has no pods.
fn reach(seen: &Seen, decision: &mut Decision) -> Option<Refusal> {
    if seen.catalog.laptop {
        return None;
    }
    let (changes, taken) = claim::decide(&seen.dataset, &seen.name, &seen.claims);
    decision.claims = changes;
    taken
}

/// The Dataset as whoever its tasks belong to.
pub(crate) fn asker(seen: &Seen) -> Asker<'_> {
    Asker::new(&seen.dataset.metadata, &seen.dataset.api_version, "Dataset", &seen.name)
}

/// Looks at the source where that is due, and says what is known of it.
fn look(seen: &Seen, source: &TaskDataset, decision: &mut Decision) -> Known {
    let probe = Probe {
        asker: asker(seen),
        action: Action::List,
        tasks: &seen.lists,
        nodes: &seen.nodes,
        near: &seen.name,
        now: seen.now,
    };
    let spec = NodeTaskSpec {
        datasets: vec![source.clone()],
        active_deadline_seconds: Some(LIST_SECONDS),
        ..NodeTaskSpec::default()
    };
    let mut looked = probe::Decision::<DatasetStatus>::default();
    let known = probe.look(spec, |task| is_due(seen, task, source), &mut looked);
    decision.tasks.extend(looked.tasks);
    decision.wake = looked.wake;
    known
}

/// Whether to look again now or not at all, where a failure alone does not decide it.
fn is_due(seen: &Seen, task: &NodeTask, source: &TaskDataset) -> Option<bool> {
    let ended = task.status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|time| time.0);
    if seen.written.is_some_and(|written| ended.is_some_and(|ended| written > ended)) {
        return Some(true);
    }
    own_failure(task).filter(|failure| is_empty_target(source, failure)).map(|_| false)
}

/// A place to write to that nothing was written to yet.
fn is_empty_target(source: &TaskDataset, failure: &TaskFailure) -> bool {
    source.writable && failure.reason == Reason::SourceNotFound
}

fn tell(seen: &Seen, valid: &Validated, source: Known, taken: Option<&Refusal>, status: &mut DatasetStatus) {
    let Choice { why, engine, stand_in, replicas: _, capacity } = &valid.choice;
    status.profile = text::clip(why, 512);
    let cache = if stand_in.is_empty() { format!("kept by {engine}") } else { stand_in.clone() };
    set(seen, status, condition::RUNTIME_READY, true, Reason::DatasetReady, &cache);
    match source {
        Known::Unknown { words, reason } => {
            status.phase = match status.phase {
                DatasetPhase::Bound | DatasetPhase::Updating => DatasetPhase::Updating,
                _ => DatasetPhase::Pending,
            };
            set(seen, status, condition::READY, false, reason, &words);
            if let Some(taken) = taken {
                set(seen, status, condition::ACCESSIBLE, false, taken.reason, &taken.message);
            }
        }
        Known::Answered(result) => {
            bound(seen, valid, *capacity, &result, taken, status, "its source answers");
        }
        Known::Failed(failure) if is_empty_target(&valid.source, &failure) => {
            let nothing = TaskResult::default();
            bound(seen, valid, *capacity, &nothing, taken, status, "nothing was written to it yet");
        }
        Known::Failed(failure) => {
            status.phase = DatasetPhase::NotBound;
            let (reason, message) =
                taken.map_or((failure.reason, &failure.message), |taken| (taken.reason, &taken.message));
            set(seen, status, condition::ACCESSIBLE, false, reason, message);
            set(seen, status, condition::READY, false, failure.reason, &failure.message);
        }
    }
}

fn bound(
    seen: &Seen,
    valid: &Validated,
    capacity: Option<i64>,
    result: &TaskResult,
    taken: Option<&Refusal>,
    status: &mut DatasetStatus,
    words: &str,
) {
    status.phase = DatasetPhase::Bound;
    status.ufs_total = text::size(result.total_bytes);
    status.file_num = result.total_files.to_string();
    status.nodes = held(seen);
    let most = status.nodes.iter().map(|node| node.cached_bytes).max().unwrap_or(0);
    let in_place = mounts::in_place(&valid.source.mounts);
    // What is on the node's own disk is read where it is: all of it is near.
    let cached = if in_place { result.total_bytes } else { most };
    status.cache_states = Some(CacheStates {
        cached: text::size(cached),
        cache_capacity: text::size(capacity.unwrap_or_else(|| room(seen))),
        cached_percentage: text::percentage(cached, result.total_bytes),
    });
    let message = if in_place { format!("{words}; it is read in place") } else { words.to_owned() };
    match taken {
        None => set(seen, status, condition::ACCESSIBLE, true, Reason::DatasetReady, &message),
        Some(taken) => set(seen, status, condition::ACCESSIBLE, false, taken.reason, &taken.message),
    }
    set(seen, status, condition::READY, true, Reason::DatasetReady, &message);
}

/// The largest disk that an agent offers, in whole: what is free changes with every file.
fn room(seen: &Seen) -> i64 {
    seen.nodes.iter().map(|node| node.capacity_bytes).max().unwrap_or(0)
}

/// What each node holds: its own word, or that of a load it finished after it last spoke.
fn held(seen: &Seen) -> Vec<NodeCache> {
    let mut nodes: Vec<NodeCache> = Vec::new();
    for node in &seen.nodes {
        let said = node.held.get(&seen.name).copied();
        let loaded = seen.loads.iter().filter(|task| task.spec.node == node.name);
        let newest = loaded.filter_map(loaded_at).max_by_key(|(at, _)| *at);
        let fresh = newest.filter(|(at, _)| node.seen.is_none_or(|seen| *at > seen));
        let Some((cached_bytes, cached_files)) = fresh.map(|(_, held)| held).or(said) else { continue };
        nodes.push(NodeCache { name: node.name.clone(), cached_bytes, cached_files });
    }
    nodes.sort_by(|left, right| left.name.cmp(&right.name));
    nodes
}

fn loaded_at(task: &NodeTask) -> Option<(Timestamp, (i64, i64))> {
    let status = task.status.as_ref().filter(|status| status.phase == TaskPhase::Complete)?;
    let result = status.result.as_ref()?;
    Some((status.completion_time.as_ref()?.0, (result.cached_bytes, result.cached_files)))
}

/// One Event where the phase or the reason of Ready changed.
fn events(old: &DatasetStatus, new: &DatasetStatus) -> Vec<Happening> {
    if old.phase == new.phase {
        probe::events(&old.conditions, &new.conditions)
    } else {
        probe::ready(&new.conditions)
    }
}
