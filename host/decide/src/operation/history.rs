//! What an operation's tasks say of its tries: which one runs, what failed, how often.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use millrace_crds::node_task::{Action, NodeTask, TaskFailure, TaskPhase};
use millrace_crds::{Reason, condition};

use crate::placement::{Node, later};

/// The pause before the second try; each further one is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// The longest pause between tries.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// Where a task stands; a task without a status has not been claimed.
pub(crate) fn phase(task: &NodeTask) -> TaskPhase {
    task.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

/// Whether nothing will happen to a task any more.
pub(crate) fn is_finished(task: &NodeTask) -> bool {
    matches!(phase(task), TaskPhase::Complete | TaskPhase::Failed)
}

/// Its name; the API server gives every object one.
pub(crate) fn task_name(task: &NodeTask) -> &str {
    task.metadata.name.as_deref().unwrap_or_default()
}

/// Why a task failed of its own accord: a task that we stopped did not.
pub(crate) fn own_failure(task: &NodeTask) -> Option<TaskFailure> {
    let status = task.status.as_ref().filter(|status| status.phase == TaskPhase::Failed)?;
    let stopped = |failure: &TaskFailure| task.spec.cancelled && failure.reason == Reason::Cancelled;
    match &status.failure {
        Some(failure) if stopped(failure) => None,
        Some(failure) => Some(failure.clone()),
        None => Some(TaskFailure {
            reason: Reason::Internal,
            fault: millrace_crds::reason::Fault::Host,
            message: format!("task {} failed and its agent did not say why", task_name(task)),
            retryable: true,
        }),
    }
}

/// The tasks of one operation, by try. Cleaning up is not part of any try.
#[derive(Debug, Clone)]
pub(super) struct History<'a> {
    tasks: Vec<&'a NodeTask>,
}

impl<'a> History<'a> {
    pub(super) fn new(tasks: &'a [NodeTask]) -> Self {
        Self { tasks: tasks.iter().filter(|task| task.spec.action != Action::Clean).collect() }
    }

    /// Whether it is a Job or workload that does the work.
    pub(super) fn is_command(&self) -> bool {
        self.tasks.iter().any(|task| task.spec.action == Action::Command)
    }

    /// Every task of every try.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a NodeTask> {
        self.tasks.iter().copied()
    }

    /// Whether anything was ever started.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The latest try; 0 before the first.
    pub(super) fn attempt(&self) -> i32 {
        self.all().map(|task| task.spec.attempt).max().unwrap_or(0)
    }

    /// The tasks of the latest try.
    pub(super) fn current(&self) -> Vec<&'a NodeTask> {
        let attempt = self.attempt();
        self.all().filter(|task| task.spec.attempt == attempt).collect()
    }

    /// Tasks that may still be at work.
    pub(super) fn unfinished(&self) -> Vec<&'a NodeTask> {
        self.all().filter(|task| !is_finished(task)).collect()
    }

    /// How many tries failed of their own accord.
    pub(super) fn failures(&self) -> i32 {
        let mut failed: Vec<i32> =
            self.all().filter(|task| own_failure(task).is_some()).map(|task| task.spec.attempt).collect();
        failed.sort_unstable();
        failed.dedup();
        i32::try_from(failed.len()).unwrap_or(i32::MAX)
    }

    /// The failure that decides what becomes of the latest try: one that no try mends comes first.
    pub(super) fn failure(&self) -> Option<(&'a NodeTask, TaskFailure)> {
        let failed = self.current().into_iter().filter_map(|task| Some((task, own_failure(task)?)));
        failed.min_by_key(|(task, failure)| (failure.retryable, task_name(task)))
    }

    /// Whether the latest try was stopped by us, without a failure of its own.
    pub(super) fn was_stopped(&self) -> bool {
        self.current().iter().any(|task| task.spec.cancelled) && self.failure().is_none()
    }

    /// When the next try may begin: after a pause that doubles with every failure.
    pub(super) fn next_try(&self) -> Timestamp {
        let ended = self.current().into_iter().filter_map(|task| {
            task.status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|time| time.0)
        });
        let Some(ended) = ended.max() else { return Timestamp::MIN };
        let doublings = u32::try_from(self.failures().saturating_sub(1)).unwrap_or(0).min(16);
        later(ended, FIRST_PAUSE.saturating_mul(1_i32 << doublings).min(LONGEST_PAUSE))
    }
}

/// Unfinished tasks of agents that are lost.
pub(super) fn lost<'a>(tasks: &[&'a NodeTask], nodes: &[Node], now: Timestamp) -> Vec<&'a NodeTask> {
    let alive = |task: &NodeTask| nodes.iter().any(|node| node.name == task.spec.node && node.is_alive(now));
    // A Job outlives its nodes: Kubernetes itself notices their loss.
    let agents = tasks.iter().copied().filter(|task| task.spec.action != Action::Command);
    agents.filter(|task| !is_finished(task) && !alive(task)).collect()
}

/// Since when an operation is being stopped, and why.
pub(super) fn stopping(
    conditions: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition],
) -> Option<(Timestamp, Reason, String)> {
    let found = conditions.iter().find(|one| one.type_ == condition::STOPPING && one.status == "True")?;
    let reason = found.reason.parse().unwrap_or(Reason::Internal);
    Some((found.last_transition_time.0, reason, found.message.clone()))
}
