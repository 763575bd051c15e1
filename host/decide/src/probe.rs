//! Looking at something through an agent: one task after another, with a pause after each failure.
//!
//! What is looked at, and what the answer means, is the business of who asks: a Dataset asks how much
//! its source has, a `ProcessorModule` what a file of Wasm says of itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, OwnerReference};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use millrace_crds::node_task::{
    Action, NodeTask, NodeTaskSpec, TaskFailure, TaskOperation, TaskPhase, TaskResult,
};
use millrace_crds::operation::OperationFields;
use millrace_crds::{Reason, condition, names};

use crate::name::Name;
use crate::operation::history::{is_finished, own_failure, phase, task_name};
use crate::operation::task::labels;
use crate::operation::{Happening, TaskChange};
use crate::placement::{self, Node, later};
use crate::text;

/// The pause after a failure that another look may mend.
pub(crate) const SOON: SignedDuration = SignedDuration::from_secs(10);
/// The pause after one that somebody has to mend.
pub(crate) const LATER: SignedDuration = SignedDuration::from_secs(60);

/// What is to be done about an object whose status is an `S`.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<S> {
    /// Tasks to create, declare lost, or remove.
    pub tasks: Vec<TaskChange>,
    /// The new status; none where nothing changed.
    pub status: Option<Box<S>>,
    /// One per change of state, after the status was accepted.
    pub events: Vec<Happening>,
    /// When to look again even if nothing changes.
    pub wake: Option<Timestamp>,
}

impl<S> Default for Decision<S> {
    fn default() -> Self {
        Self { tasks: Vec::new(), status: None, events: Vec::new(), wake: None }
    }
}

/// What is known of what is looked at.
pub(crate) enum Known {
    /// Nothing yet; the words say what is being done about it.
    Unknown { words: String, reason: Reason },
    /// It answered.
    Answered(TaskResult),
    /// It did not.
    Failed(TaskFailure),
}

/// The object that asks.
pub(crate) struct Asker<'a> {
    api_version: &'a str,
    kind: &'static str,
    name: &'a Name,
    uid: String,
    /// At least 1 on every object that a server has stored.
    generation: i64,
}

impl<'a> Asker<'a> {
    /// The object of these metadata.
    pub(crate) fn new(
        metadata: &ObjectMeta,
        api_version: &'a str,
        kind: &'static str,
        name: &'a Name,
    ) -> Self {
        let uid = metadata.uid.clone().unwrap_or_default();
        Self { api_version, kind, name, uid, generation: metadata.generation.unwrap_or(1).max(1) }
    }

    /// The generation that its tasks speak of.
    pub(crate) fn generation(&self) -> i64 {
        self.generation
    }

    /// Its task number `attempt` for `action`.
    pub(crate) fn task(&self, action: Action, attempt: i32, node: &str, spec: NodeTaskSpec) -> NodeTask {
        let (name, uid) = (&self.name.name, self.uid.clone());
        let (generation, number) = (self.generation.to_string(), attempt.to_string());
        let mut parts = vec![generation.as_str(), number.as_str()];
        // One look is enough for all nodes; a load is on each.
        parts.extend((action == Action::Load).then_some(node));
        let metadata = ObjectMeta {
            name: Some(names::made_name(name, &uid, &action.to_string(), &parts)),
            namespace: Some(self.name.namespace.clone()),
            labels: Some(labels(self.kind, name, &uid, action)),
            owner_references: Some(vec![OwnerReference {
                api_version: self.api_version.to_owned(),
                kind: self.kind.to_owned(),
                name: name.clone(),
                uid: uid.clone(),
                controller: Some(true),
                block_owner_deletion: Some(true),
            }]),
            ..ObjectMeta::default()
        };
        let spec = NodeTaskSpec {
            node: node.to_owned(),
            operation: TaskOperation { kind: self.kind.to_owned(), name: name.clone(), uid },
            attempt,
            epoch: self.generation,
            action,
            ..spec
        };
        NodeTask { metadata, spec, status: None }
    }
}

/// A look at something.
pub(crate) struct Probe<'a> {
    /// Who asks.
    pub(crate) asker: Asker<'a>,
    /// What an agent does to find out.
    pub(crate) action: Action,
    /// The asker's own tasks.
    pub(crate) tasks: &'a [NodeTask],
    /// Every node that has an agent.
    pub(crate) nodes: &'a [Node],
    /// The Dataset whose holder is asked first.
    pub(crate) near: &'a Name,
    /// The time.
    pub(crate) now: Timestamp,
}

impl Probe<'_> {
    /// What is known now. Where it is due, `decision` gets a task that looks again, told `spec`.
    ///
    /// `is_due` may decide for a finished task whether to look again; else a failure decides.
    pub(crate) fn look<S>(
        &self,
        spec: NodeTaskSpec,
        is_due: impl Fn(&NodeTask) -> Option<bool>,
        decision: &mut Decision<S>,
    ) -> Known {
        let mine = self.looks().filter(|task| task.spec.epoch == self.asker.generation);
        let latest = mine.max_by_key(|task| task.spec.attempt);
        self.remove_older(latest, decision);
        let Some(task) = latest else {
            let known = Known::Unknown { words: "it is being looked at".into(), reason: Reason::Executing };
            return self.again(spec, 1, known, decision);
        };
        let known = self.known(task, decision);
        if is_finished(task) && is_due(task).unwrap_or_else(|| self.is_due(task, decision)) {
            return self.again(spec, task.spec.attempt.saturating_add(1), known, decision);
        }
        known
    }

    /// The asker may have tasks of other kinds.
    fn looks(&self) -> impl Iterator<Item = &NodeTask> {
        self.tasks.iter().filter(|task| task.spec.action == self.action)
    }

    fn remove_older<S>(&self, latest: Option<&NodeTask>, decision: &mut Decision<S>) {
        let older = self
            .looks()
            .filter(|task| is_finished(task) && latest.is_some_and(|latest| !std::ptr::eq(*task, latest)));
        decision.tasks.extend(older.map(|task| TaskChange::Remove {
            name: task_name(task).to_owned(),
            uid: task.metadata.uid.clone().unwrap_or_default(),
        }));
    }

    /// What a task says.
    fn known<S>(&self, task: &NodeTask, decision: &mut Decision<S>) -> Known {
        let alive = self.nodes.iter().find(|node| node.name == task.spec.node && node.is_alive(self.now));
        let status = task.status.as_ref();
        match (phase(task), own_failure(task), alive) {
            (TaskPhase::Complete, _, _) => {
                Known::Answered(status.and_then(|status| status.result.clone()).unwrap_or_default())
            }
            (TaskPhase::Failed, Some(failure), _) => Known::Failed(failure),
            (_, _, Some(node)) => {
                decision.wake = Some(node.lost_at());
                Known::Unknown { words: format!("node {} looks at it", node.name), reason: Reason::Executing }
            }
            (_, _, None) => {
                decision.tasks.push(TaskChange::Lose {
                    name: task_name(task).to_owned(),
                    uid: task.metadata.uid.clone().unwrap_or_default(),
                    message: format!("the agent of node {} has not been heard of for 40 s", task.spec.node),
                });
                Known::Unknown { words: "its node was lost".into(), reason: Reason::NodeLost }
            }
        }
    }

    /// Whether to look again after a task that has ended: after a pause where it failed.
    fn is_due<S>(&self, task: &NodeTask, decision: &mut Decision<S>) -> bool {
        let Some(failure) = own_failure(task) else { return false };
        let ended =
            task.status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|time| time.0);
        let pause = if failure.retryable { SOON } else { LATER };
        let at = later(ended.unwrap_or(self.now), pause);
        if at > self.now {
            decision.wake = Some(at);
        }
        at <= self.now
    }

    /// Creates the task that looks; what was known stays known meanwhile.
    fn again<S>(&self, spec: NodeTaskSpec, attempt: i32, known: Known, decision: &mut Decision<S>) -> Known {
        let nodes = match placement::eligible(self.nodes, &OperationFields::default(), self.now) {
            Ok(nodes) => nodes,
            Err(words) => {
                return Known::Unknown { words: format!("it waits for {words}"), reason: Reason::NoNode };
            }
        };
        let held = |node: &Node| node.held.get(self.near).map_or(0, |(bytes, _)| *bytes);
        let holder = nodes
            .into_iter()
            .max_by(|left, right| held(left).cmp(&held(right)).then(right.name.cmp(&left.name)));
        if let Some(node) = holder {
            let task = self.asker.task(self.action, attempt, &node.name, spec);
            decision.tasks.push(TaskChange::Create(Box::new(task)));
        }
        known
    }
}

/// One Event where the status or the reason of Ready changed.
pub(crate) fn events(old: &[Condition], new: &[Condition]) -> Vec<Happening> {
    let said = |conditions: &[Condition]| {
        let ready = conditions.iter().find(|one| one.type_ == condition::READY);
        ready.map(|ready| (ready.status.clone(), ready.reason.clone()))
    };
    if said(old) == said(new) { Vec::new() } else { ready(new) }
}

/// What Ready says now, as an Event.
pub(crate) fn ready(conditions: &[Condition]) -> Vec<Happening> {
    let Some(ready) = conditions.iter().find(|one| one.type_ == condition::READY) else { return Vec::new() };
    let reason = ready.reason.parse().unwrap_or(Reason::Internal);
    let warning = ready.status != "True" && !matches!(reason, Reason::Executing | Reason::NoNode);
    vec![Happening { warning, reason, message: text::clip(&ready.message, 1000) }]
}
