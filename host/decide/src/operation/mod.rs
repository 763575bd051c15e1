//! Operations: from a spec, what it points at, its tasks and the time, to the next step as data.
//!
//! One decision for every kind; what differs between kinds is in [`ask`].

pub mod ask;
pub mod child;
mod ending;
mod flow;
pub(crate) mod history;
mod load;
mod next;
mod process;
mod retry;
mod series;
mod stages;
mod status;
pub(crate) mod task;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use millrace_crds::node_task::NodeTask;
use millrace_crds::operation::{OperationStatus, Policy};
use millrace_crds::{DataFlow, DataLoad, DataProcess, DataProcessing, Dataset, Reason, names};

pub use ask::{Ask, Work};
pub use child::{Child, ChildChange};

use crate::name::{Name, OperationKind, OperationName};
use crate::placement::Node;
use crate::predecessor::SeenPredecessor;
use crate::refusal::{Hold, Missing, Refusal};

/// An operation of any kind.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Kind, namespace and name.
    pub name: OperationName,
    /// Its UID.
    pub uid: String,
    /// The generation of its spec.
    pub generation: Option<i64>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The operation that made it, if one did: a Cron or OnEvent operation, or a DataFlow.
    pub owner: Option<Owner>,
    /// Of a run of a Cron or OnEvent operation: its tick, or when its event was seen.
    pub tick: Option<Timestamp>,
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

/// The operation that made another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Kind, namespace and name.
    pub name: OperationName,
    /// Its UID.
    pub uid: String,
}

impl Operation {
    /// Whether it runs over and over, each time as an operation of its own.
    #[must_use]
    pub fn is_series(&self) -> bool {
        self.ask.fields().policy != Policy::Once
    }
}

macro_rules! operation_from {
    ($($kind:ident: $ask:expr),+) => {$(
        impl From<$kind> for Operation {
            fn from(object: $kind) -> Self {
                let metadata = object.metadata;
                let annotations = metadata.annotations.unwrap_or_default();
                let namespace = metadata.namespace.unwrap_or_default();
                Self {
                    owner: child::owner(&namespace, metadata.owner_references.as_deref().unwrap_or_default()),
                    name: OperationName {
                        kind: OperationKind::$kind,
                        name: Name { namespace, name: metadata.name.unwrap_or_default() },
                    },
                    uid: metadata.uid.unwrap_or_default(),
                    generation: metadata.generation,
                    created: metadata.creation_timestamp.map(|time| time.0),
                    labels: metadata.labels.unwrap_or_default(),
                    tick: annotations.get(names::ANNOTATION_TICK).and_then(|tick| tick.parse().ok()),
                    deleting: metadata.deletion_timestamp.map(|time| time.0),
                    finalizer: metadata.finalizers.unwrap_or_default().iter().any(|one| one == names::FINALIZER),
                    fresh: annotations.get(names::ANNOTATION_FRESH).is_some_and(|value| value == "true"),
                    ask: Arc::new($ask(object.spec)),
                    status: object.status.unwrap_or_default(),
                    resource_version: metadata.resource_version.unwrap_or_default(),
                }
            }
        }
    )+};
}

operation_from!(
    DataLoad: std::convert::identity,
    DataProcessing: std::convert::identity,
    DataProcess: process::Respelled::new,
    DataFlow: std::convert::identity
);

/// Everything that a decision is made from.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The operation.
    pub operation: Operation,
    /// What it runs after, or why nothing can run after that.
    pub predecessors: Result<Vec<SeenPredecessor>, Refusal>,
    /// The operations that it made: runs of a Cron or OnEvent operation, steps of a DataFlow.
    pub children: Vec<Arc<Operation>>,
    /// Operations that it would have made and that the API server refused, by name, and why.
    pub refused: BTreeMap<String, String>,
    /// What tells the present files of each Dataset that it uses from earlier ones; none before they were listed.
    pub listings: Vec<String>,
    /// Its spec, read against what it points at.
    pub work: Result<Work, Hold>,
    /// The Datasets that its `outputs` name, as far as they are there.
    pub made: Vec<Arc<Dataset>>,
    /// Its tasks.
    pub tasks: Vec<NodeTask>,
    /// Every node that has an agent.
    pub nodes: Vec<Node>,
    /// Whether operations that have not started run after it.
    pub awaited: bool,
    /// What becomes of it where named objects are not there.
    pub missing: Missing,
    /// The time.
    pub now: Timestamp,
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
    /// After the status was accepted: operations to create, stop or remove.
    pub children: Vec<ChildChange>,
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
        return if retry::is_wanted(seen) { retry::again(seen) } else { ending::after_end(seen) };
    }
    if seen.operation.is_series() {
        return series::decide(seen);
    }
    match seen.operation.ask.flow() {
        Some(spec) => flow::decide(seen, spec),
        None => status::compose(seen, next::next(seen)),
    }
}
