//! Operations: from a spec, what it points at, its tasks and the time, to the next step as data.
//!
//! One decision for every kind; what differs between kinds is in [`ask`].

pub mod ask;
mod command;
mod ending;
pub(crate) mod history;
mod load;
mod next;
mod process;
mod stages;
mod status;
pub(crate) mod task;

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use millrace_crds::node_task::NodeTask;
use millrace_crds::operation::OperationStatus;
use millrace_crds::{DataLoad, DataProcessing, Dataset, Reason, names};

use serde_json::Value;

pub use ask::{Ask, Work};

use crate::container::Pods;
use crate::gate::Predecessor;
use crate::name::{Name, OperationKind, OperationName};
use crate::order::Cycle;
use crate::placement::Node;
use crate::refusal::{Hold, Missing};

/// An operation of any kind.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Kind, namespace and name.
    pub name: OperationName,
    /// Its UID.
    pub uid: String,
    /// The generation of its spec.
    pub generation: Option<i64>,
    /// Since when it is being deleted.
    pub deleting: Option<Timestamp>,
    /// Whether our finalizer is on it.
    pub finalizer: bool,
    /// Whether results of earlier runs are not to be reused.
    pub fresh: bool,
    /// What its kind asks for.
    pub ask: Arc<dyn Ask>,
    /// What was last said of it.
    pub status: OperationStatus,
    /// The version of the object that this was read from.
    pub resource_version: String,
}

macro_rules! operation_from {
    ($($kind:ident),+) => {$(
        impl From<$kind> for Operation {
            fn from(object: $kind) -> Self {
                let metadata = object.metadata;
                let annotations = metadata.annotations.unwrap_or_default();
                Self {
                    name: OperationName {
                        kind: OperationKind::$kind,
                        name: Name {
                            namespace: metadata.namespace.unwrap_or_default(),
                            name: metadata.name.unwrap_or_default(),
                        },
                    },
                    uid: metadata.uid.unwrap_or_default(),
                    generation: metadata.generation,
                    deleting: metadata.deletion_timestamp.map(|time| time.0),
                    finalizer: metadata.finalizers.unwrap_or_default().iter().any(|one| one == names::FINALIZER),
                    fresh: annotations.get(names::ANNOTATION_FRESH).is_some_and(|value| value == "true"),
                    ask: Arc::new(object.spec),
                    status: object.status.unwrap_or_default(),
                    resource_version: metadata.resource_version.unwrap_or_default(),
                }
            }
        }
    )+};
}

operation_from!(DataLoad, DataProcessing);

/// Everything that a decision is made from.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The operation.
    pub operation: Operation,
    /// What it runs after, if anything, or that nothing here can.
    pub predecessor: Option<SeenPredecessor>,
    /// Its spec, read against what it points at.
    pub work: Result<Work, Hold>,
    /// The Datasets that its `outputs` name, as far as they are there.
    pub made: Vec<Arc<Dataset>>,
    /// Its tasks, and its Jobs and workloads read as tasks.
    pub tasks: Vec<NodeTask>,
    /// What the pods of its Job wait for.
    pub pods: Option<Pods>,
    /// Every node that has an agent.
    pub nodes: Vec<Node>,
    /// Whether operations that have not started run after it.
    pub awaited: bool,
    /// What becomes of it where named objects are not there.
    pub missing: Missing,
    /// The time.
    pub now: Timestamp,
}

/// What an operation runs after.
#[derive(Debug, Clone)]
pub struct SeenPredecessor {
    /// Which operation.
    pub target: OperationName,
    /// Its UID, while it is there.
    pub uid: Option<String>,
    /// How it stands.
    pub state: Predecessor,
    /// The circle that both are in.
    pub cycle: Option<Cycle>,
}

/// What is to be done, in this order. Applying it twice is applying it once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Before anything is created: the finalizer that has it cleaned up.
    pub add_finalizer: bool,
    /// Tasks to create, stop, or declare lost.
    pub tasks: Vec<TaskChange>,
    /// Datasets that published outputs become.
    pub datasets: Vec<Dataset>,
    /// The new status; none where nothing changed.
    pub status: Option<Box<OperationStatus>>,
    /// One per change of state, after the status was accepted.
    pub events: Vec<Happening>,
    /// After everything else was cleaned up: let it go.
    pub remove_finalizer: bool,
    /// Its time is over: delete it.
    pub delete: bool,
    /// When to look again even if nothing changes.
    pub wake: Option<Timestamp>,
}

/// A change to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskChange {
    /// Create it; its name is fixed by what it is.
    Create(Box<NodeTask>),
    /// Create the Job or workload of a step; its name is fixed by what it is.
    Start {
        /// Which try.
        attempt: i32,
        /// The whole object.
        object: Box<Value>,
    },
    /// Stop a Job or workload.
    StopCommand {
        /// Its name.
        name: String,
        /// Its UID, so that no other of its name is stopped.
        uid: String,
    },
    /// Ask its agent to stop it.
    Stop {
        /// Its name.
        name: String,
        /// Its UID, so that no other of its name is stopped.
        uid: String,
    },
    /// Remove it: a newer one took its place.
    Remove {
        /// Its name.
        name: String,
        /// Its UID, so that no other of its name is removed.
        uid: String,
    },
    /// Its agent is lost: it failed, and its agent must not go on with it should it come back.
    Lose {
        /// Its name.
        name: String,
        /// Its UID, so that no other of its name is declared lost.
        uid: String,
        /// For a person.
        message: String,
    },
}

/// Something worth an Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Whether a person should worry.
    pub warning: bool,
    /// From the closed list.
    pub reason: Reason,
    /// For a person.
    pub message: String,
}

/// The next step of an operation.
#[must_use]
pub fn decide(seen: &Seen) -> Decision {
    if seen.operation.deleting.is_some() {
        return ending::deletion(seen);
    }
    if seen.operation.status.phase.is_finished() {
        return ending::after_end(seen);
    }
    status::compose(seen, next::next(seen))
}
