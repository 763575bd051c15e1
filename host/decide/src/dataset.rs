//! A Dataset's next step: which profile it gets, whether its source answers, how much of it is cached.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, OwnerReference};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use millrace_crds::dataset::{CacheStates, Dataset, DatasetPhase, DatasetStatus, NodeCache};
use millrace_crds::node_task::{
    Action, NodeTask, NodeTaskSpec, TaskDataset, TaskFailure, TaskOperation, TaskPhase, TaskResult,
};
use millrace_crds::operation::OperationFields;
use millrace_crds::{Reason, condition, names};

use crate::catalog::Catalog;
use crate::claim::{self, ClaimChange};
use crate::fetch::fetch;
use crate::mounts;
use crate::name::Name;
use crate::operation::history::{is_finished, own_failure, phase, task_name};
use crate::operation::task::labels;
use crate::operation::{Happening, TaskChange};
use crate::placement::{self, Node, later};
use crate::profile::{self, Choice};
use crate::refusal::Refusal;
use crate::text;

/// Seconds that looking at a source may take.
const LIST_SECONDS: i64 = 600;
/// The pause after a failure that another look may mend.
pub(crate) const SOON: SignedDuration = SignedDuration::from_secs(10);
/// The pause after one that somebody has to mend.
pub(crate) const LATER: SignedDuration = SignedDuration::from_secs(60);

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

/// What is known of the source.
enum Source {
    /// Nothing yet; the words say what is being done about it.
    Unknown { words: String, reason: Reason },
    /// It answered.
    Answered(TaskResult),
    /// It did not.
    Failed(TaskFailure),
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

/// The generation, which is at least 1 on every object that a server has stored.
pub(crate) fn generation(seen: &Seen) -> i64 {
    seen.dataset.metadata.generation.unwrap_or(1).max(1)
}

/// Looks at the source where that is due, and says what is known of it.
fn look(seen: &Seen, source: &TaskDataset, decision: &mut Decision) -> Source {
    let lists = || seen.lists.iter().filter(|task| task.spec.action == Action::List);
    let mine = lists().filter(|task| task.spec.epoch == generation(seen));
    let latest = mine.max_by_key(|task| task.spec.attempt);
    let attempt = latest.map_or(0, |task| task.spec.attempt);
    remove_older(seen, latest, decision);
    let known = match latest {
        None => Source::Unknown { words: "it is being looked at".into(), reason: Reason::Executing },
        Some(task) => known(seen, task, decision),
    };
    if latest.is_none_or(|task| is_due(seen, task, source, decision)) {
        return again(seen, source, attempt.saturating_add(1), known, decision);
    }
    known
}

fn remove_older(seen: &Seen, latest: Option<&NodeTask>, decision: &mut Decision) {
    let older = seen.lists.iter().filter(|task| {
        task.spec.action == Action::List
            && is_finished(task)
            && latest.is_some_and(|latest| !std::ptr::eq(*task, latest))
    });
    decision.tasks.extend(older.map(|task| TaskChange::Remove {
        name: task_name(task).to_owned(),
        uid: task.metadata.uid.clone().unwrap_or_default(),
    }));
}

/// What a task says of the source.
fn known(seen: &Seen, task: &NodeTask, decision: &mut Decision) -> Source {
    let alive = seen.nodes.iter().find(|node| node.name == task.spec.node && node.is_alive(seen.now));
    let status = task.status.as_ref();
    match (phase(task), own_failure(task), alive) {
        (TaskPhase::Complete, _, _) => {
            Source::Answered(status.and_then(|status| status.result.clone()).unwrap_or_default())
        }
        (TaskPhase::Failed, Some(failure), _) => Source::Failed(failure),
        (_, _, Some(node)) => {
            decision.wake = Some(node.lost_at());
            Source::Unknown { words: format!("node {} looks at it", node.name), reason: Reason::Executing }
        }
        (_, _, None) => {
            decision.tasks.push(TaskChange::Lose {
                name: task_name(task).to_owned(),
                uid: task.metadata.uid.clone().unwrap_or_default(),
                message: format!("the agent of node {} has not been heard of for 40 s", task.spec.node),
            });
            Source::Unknown { words: "its node was lost".into(), reason: Reason::NodeLost }
        }
    }
}

/// Whether to look again: after a pause where it failed, at once where something was published.
fn is_due(seen: &Seen, task: &NodeTask, source: &TaskDataset, decision: &mut Decision) -> bool {
    if !is_finished(task) {
        return false;
    }
    let ended = task.status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|time| time.0);
    if seen.written.is_some_and(|written| ended.is_some_and(|ended| written > ended)) {
        return true;
    }
    let Some(failure) = own_failure(task) else { return false };
    if is_empty_target(source, &failure) {
        return false;
    }
    let pause = if failure.retryable { SOON } else { LATER };
    let at = later(ended.unwrap_or(seen.now), pause);
    if at > seen.now {
        decision.wake = Some(at);
    }
    at <= seen.now
}

/// A place to write to that nothing was written to yet.
fn is_empty_target(source: &TaskDataset, failure: &TaskFailure) -> bool {
    source.writable && failure.reason == Reason::SourceNotFound
}

/// Creates the task that looks; what was known stays known meanwhile.
fn again(seen: &Seen, source: &TaskDataset, attempt: i32, known: Source, decision: &mut Decision) -> Source {
    let fields = OperationFields::default();
    match placement::eligible(&seen.nodes, &fields, seen.now) {
        Err(words) => Source::Unknown { words: format!("it waits for {words}"), reason: Reason::NoNode },
        Ok(nodes) => {
            let holder = nodes.into_iter().max_by(|left, right| {
                let held = |node: &Node| node.held.get(&seen.name).map_or(0, |(bytes, _)| *bytes);
                held(left).cmp(&held(right)).then(right.name.cmp(&left.name))
            });
            if let Some(node) = holder {
                decision.tasks.push(TaskChange::Create(Box::new(own_task(
                    seen,
                    source,
                    attempt,
                    &node.name,
                    Action::List,
                ))));
            }
            known
        }
    }
}

/// A task of the Dataset's own: a look at its source, or a load.
pub(crate) fn own_task(
    seen: &Seen,
    source: &TaskDataset,
    attempt: i32,
    node: &str,
    action: Action,
) -> NodeTask {
    let uid = seen.dataset.metadata.uid.clone().unwrap_or_default();
    let epoch = generation(seen);
    let (generation, attempts) = (epoch.to_string(), attempt.to_string());
    let mut parts = vec![generation.as_str(), attempts.as_str()];
    // One look is enough for all nodes; a load is on each.
    parts.extend((action == Action::Load).then_some(node));
    let spec = NodeTaskSpec {
        node: node.to_owned(),
        operation: TaskOperation {
            kind: "Dataset".to_owned(),
            name: seen.name.name.clone(),
            uid: uid.clone(),
        },
        attempt,
        epoch,
        action,
        datasets: vec![source.clone()],
        active_deadline_seconds: (action == Action::List).then_some(LIST_SECONDS),
        ..NodeTaskSpec::default()
    };
    let metadata = ObjectMeta {
        name: Some(names::made_name(&seen.name.name, &uid, &action.to_string(), &parts)),
        namespace: Some(seen.name.namespace.clone()),
        labels: Some(labels("Dataset", &seen.name.name, &uid, action)),
        owner_references: Some(vec![OwnerReference {
            api_version: seen.dataset.api_version.clone(),
            kind: "Dataset".to_owned(),
            name: seen.name.name.clone(),
            uid,
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    };
    NodeTask { metadata, spec, status: None }
}

fn tell(seen: &Seen, valid: &Validated, source: Source, taken: Option<&Refusal>, status: &mut DatasetStatus) {
    let Choice { why, engine, stand_in, replicas: _, capacity } = &valid.choice;
    status.profile = text::clip(why, 512);
    let cache = if stand_in.is_empty() { format!("kept by {engine}") } else { stand_in.clone() };
    set(seen, status, condition::RUNTIME_READY, true, Reason::DatasetReady, &cache);
    match source {
        Source::Unknown { words, reason } => {
            status.phase = match status.phase {
                DatasetPhase::Bound | DatasetPhase::Updating => DatasetPhase::Updating,
                _ => DatasetPhase::Pending,
            };
            set(seen, status, condition::READY, false, reason, &words);
            if let Some(taken) = taken {
                set(seen, status, condition::ACCESSIBLE, false, taken.reason, &taken.message);
            }
        }
        Source::Answered(result) => {
            bound(seen, valid, *capacity, &result, taken, status, "its source answers");
        }
        Source::Failed(failure) if is_empty_target(&valid.source, &failure) => {
            let nothing = TaskResult::default();
            bound(seen, valid, *capacity, &nothing, taken, status, "nothing was written to it yet");
        }
        Source::Failed(failure) => {
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
    let ready = |status: &DatasetStatus| -> Option<Condition> {
        status.conditions.iter().find(|one| one.type_ == condition::READY).cloned()
    };
    let (before, Some(after)) = (ready(old), ready(new)) else { return Vec::new() };
    let same = before
        .is_some_and(|before| (before.status, before.reason) == (after.status.clone(), after.reason.clone()));
    if same && old.phase == new.phase {
        return Vec::new();
    }
    let reason = after.reason.parse().unwrap_or(Reason::Internal);
    let warning = after.status != "True" && !matches!(reason, Reason::Executing | Reason::NoNode);
    vec![Happening { warning, reason, message: text::clip(&after.message, 1000) }]
}
