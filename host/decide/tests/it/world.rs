//! A world without a server: decisions are applied to plain data.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use millrace_crds::data_load::{DataLoadSpec, TargetDataset};
use millrace_crds::data_processing::{DataProcessingSpec, DatasetUse, Processor, WasmProcessor};
use millrace_crds::dataset::{AccessMode, DatasetSpec, Mount};
use millrace_crds::node_task::{Action, NodeTask, NodeTaskStatus, TaskFailure, TaskPhase, TaskResult};
use millrace_crds::operation::OperationFields;
use millrace_crds::reason::Fault;
use millrace_crds::{DataLoad, DataProcessing, Dataset, Reason};
use millrace_decide::operation::{Decision, Operation, Seen, TaskChange, decide};
use millrace_decide::placement::Node;
use millrace_decide::{Catalog, Missing, Name, ShippedModule};
use serde_json::json;

pub const START: Timestamp = Timestamp::UNIX_EPOCH;

/// One operation and what it sees.
#[derive(Debug, Clone)]
pub struct World {
    pub seen: Seen,
    /// Reasons of all Events so far.
    pub events: Vec<Reason>,
    pub released: bool,
    pub deleted: bool,
}

impl World {
    pub fn load(fields: OperationFields) -> Self {
        let dataset = TargetDataset { name: "digits".into(), namespace: None };
        let spec = DataLoadSpec { dataset, operation: fields, ..DataLoadSpec::default() };
        let mut object = DataLoad::new("warm", spec);
        identify(&mut object.metadata);
        Self::of(object.into())
    }

    pub fn process(fields: OperationFields) -> Self {
        let wasm = WasmProcessor {
            module: "split".into(),
            input: "/digits/raw".into(),
            output: Some("/digits/parts".into()),
            ..WasmProcessor::default()
        };
        let spec = DataProcessingSpec {
            datasets: vec![DatasetUse { name: "digits".into(), namespace: None, path: "/digits".into() }],
            processor: Processor { wasm: Some(wasm), ..Processor::default() },
            outputs: Vec::new(),
            operation: fields,
        };
        let mut object = DataProcessing::new("parts", spec);
        identify(&mut object.metadata);
        Self::of(object.into())
    }

    fn of(operation: Operation) -> Self {
        let catalog = catalog();
        let seen = Seen {
            predecessor: None,
            work: operation.ask.work("default", &catalog),
            operation,
            made: Vec::new(),
            pods: None,
            tasks: Vec::new(),
            nodes: vec![node("local")],
            awaited: false,
            missing: Missing::Wait,
            now: START,
        };
        Self { seen, events: Vec::new(), released: false, deleted: false }
    }

    /// Decides once and carries it out.
    pub fn step(&mut self) -> Decision {
        let decision = decide(&self.seen);
        self.apply(decision.clone());
        decision
    }

    /// Decides until nothing changes any more.
    pub fn settle(&mut self) {
        for _ in 0..20 {
            if is_nothing(&self.step()) {
                return;
            }
        }
        panic!("it never comes to rest: {:#?}", decide(&self.seen));
    }

    /// As [`World::settle`], or until the object is gone.
    pub fn settle_unless_gone(&mut self) {
        for _ in 0..20 {
            if self.deleted || self.released || is_nothing(&self.step()) {
                return;
            }
        }
        panic!("it never comes to rest: {:#?}", decide(&self.seen));
    }

    fn apply(&mut self, decision: Decision) {
        let Decision { add_finalizer, tasks, datasets, status, events, remove_finalizer, delete, wake: _ } =
            decision;
        self.seen.operation.finalizer |= add_finalizer;
        for change in tasks {
            self.change(change);
        }
        self.seen.made.extend(datasets.into_iter().map(Arc::new));
        if let Some(status) = status {
            self.seen.operation.status = *status;
        }
        self.events.extend(events.into_iter().map(|event| event.reason));
        if remove_finalizer {
            self.seen.operation.finalizer = false;
            self.released = true;
        }
        self.deleted |= delete;
    }

    fn change(&mut self, change: TaskChange) {
        match change {
            TaskChange::Create(task) => {
                if !self.seen.tasks.iter().any(|there| there.metadata.name == task.metadata.name) {
                    let mut task = *task;
                    task.metadata.uid = task.metadata.name.clone();
                    self.seen.tasks.push(task);
                }
            }
            TaskChange::Start { .. } | TaskChange::StopCommand { .. } => {
                panic!("no step here is a container")
            }
            TaskChange::Stop { name, .. } => self.task(&name).spec.cancelled = true,
            TaskChange::Remove { name, .. } => {
                self.seen.tasks.retain(|task| task.metadata.name.as_deref() != Some(&name));
            }
            TaskChange::Lose { name, message, .. } => {
                let now = self.seen.now;
                let task = self.task(&name);
                task.spec.cancelled = true;
                task.status = Some(failed(Reason::NodeLost, true, message, now));
            }
        }
    }

    fn task(&mut self, name: &str) -> &mut NodeTask {
        self.seen.tasks.iter_mut().find(|task| task.metadata.name.as_deref() == Some(name)).unwrap()
    }

    /// Every unfinished task ends as `outcome` says; a task that was asked to stop stops.
    pub fn answer(&mut self, outcome: impl Fn(&NodeTask) -> Result<TaskResult, (Reason, bool)>) {
        let now = self.seen.now;
        for task in self.seen.tasks.iter_mut().filter(|task| task.status.is_none()) {
            let outcome = if task.spec.cancelled { Err((Reason::Cancelled, false)) } else { outcome(task) };
            task.status = Some(match outcome {
                Ok(result) => NodeTaskStatus {
                    phase: TaskPhase::Complete,
                    completion_time: Some(Time(now)),
                    result: Some(result),
                    ..NodeTaskStatus::default()
                },
                Err((reason, retryable)) => failed(reason, retryable, "told to".into(), now),
            });
        }
    }

    /// Time passes; agents that are there go on speaking.
    pub fn pass(&mut self, seconds: i64) {
        self.seen.now += SignedDuration::from_secs(seconds);
        for node in &mut self.seen.nodes {
            node.seen = Some(self.seen.now);
        }
    }

    /// Actions at work, in words.
    pub fn at_work(&self) -> Vec<String> {
        let tasks = self.seen.tasks.iter().filter(|task| task.status.is_none());
        tasks.map(|task| format!("{}:{}@{}", task.spec.attempt, task.spec.action, task.spec.node)).collect()
    }
}

fn failed(reason: Reason, retryable: bool, message: String, now: Timestamp) -> NodeTaskStatus {
    NodeTaskStatus {
        phase: TaskPhase::Failed,
        completion_time: Some(Time(now)),
        failure: Some(TaskFailure { reason, fault: Fault::Host, message, retryable }),
        ..NodeTaskStatus::default()
    }
}

/// Whether a decision changes nothing.
pub fn is_nothing(decision: &Decision) -> bool {
    *decision == Decision { wake: decision.wake, ..Decision::default() }
}

fn identify(metadata: &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) {
    metadata.namespace = Some("default".into());
    metadata.uid = Some("uid".into());
    metadata.generation = Some(1);
}

pub fn fields() -> OperationFields {
    OperationFields { backoff_limit: 3, ..OperationFields::default() }
}

pub fn node(name: &str) -> Node {
    Node {
        name: name.into(),
        file_system: "machine".into(),
        seen: Some(START),
        held: BTreeMap::new(),
        ..Node::default()
    }
}

pub fn dataset(name: &str, url: &str) -> Dataset {
    let mount = Mount { mount_point: url.into(), ..Mount::default() };
    let access_modes = vec![AccessMode::ReadWriteMany];
    let mut dataset =
        Dataset::new(name, DatasetSpec { mounts: vec![mount], access_modes, ..Default::default() });
    identify(&mut dataset.metadata);
    dataset
}

pub fn catalog() -> Catalog {
    let mut catalog = Catalog { laptop: true, ..Catalog::default() };
    catalog.shipped = Arc::new([ShippedModule {
        name: "split".into(),
        version: "0.1.0".into(),
        digest: "sha256:0".into(),
        descriptor: json!({"name": "split"}),
    }]);
    catalog.datasets.insert(Name::new("default", "digits"), Arc::new(dataset("digits", "local:///data")));
    catalog
}

/// What an agent that works says.
pub fn works(task: &NodeTask) -> Result<TaskResult, (Reason, bool)> {
    let mut result = TaskResult::default();
    if task.spec.action == Action::Plan {
        (result.fit, result.splits, result.shards) = (true, true, 8);
    }
    Ok(result)
}
