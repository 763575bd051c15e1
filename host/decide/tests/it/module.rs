//! The life of a `ProcessorModule`.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;
use millrace_crds::condition::{COMPILED, READY, STORED, VALID, is_true};
use millrace_crds::node_task::{Action, NodeTaskStatus, TaskFailure, TaskPhase, TaskResult};
use millrace_crds::processor_module::{BlobSource, DatasetSource, ModuleSource, ProcessorModuleSpec};
use millrace_crds::reason::Fault;
use millrace_crds::{ProcessorModule, Reason};
use millrace_decide::Name;
use millrace_decide::module::{Decision, Seen, decide};
use millrace_decide::operation::TaskChange;
use serde_json::json;

use crate::world::{START, catalog, dataset, node};

fn seen() -> Seen {
    let source = DatasetSource { name: "store".into(), path: "dedup.wasm".into(), sha256: "ab".repeat(32) };
    let source = ModuleSource { dataset: Some(source), blob: None };
    let mut module = ProcessorModule::new("dedup", ProcessorModuleSpec { source, ..Default::default() });
    module.metadata.uid = Some("0123".into());
    module.metadata.generation = Some(1);
    Seen {
        module: Arc::new(module),
        name: Name::new("default", "dedup"),
        dataset: Some(Arc::new(dataset("store", "s3://modules"))),
        shipped: catalog().shipped,
        laptop: true,
        tasks: Vec::new(),
        nodes: vec![node("local")],
        now: START,
    }
}

/// Decides and carries it out.
fn step(seen: &mut Seen) -> Decision {
    let decision = decide(seen);
    for change in decision.tasks.clone() {
        match change {
            TaskChange::Create(task) => seen.tasks.push(*task),
            TaskChange::Remove { name, .. } => {
                seen.tasks.retain(|task| task.metadata.name.as_deref() != Some(&name));
            }
            other => panic!("{other:?}"),
        }
    }
    if let Some(status) = decision.status.clone() {
        seen.module =
            Arc::new(ProcessorModule { status: Some(*status), ..ProcessorModule::clone(&seen.module) });
    }
    decision
}

/// The module after its task ended so.
fn inspected(outcome: Result<&str, Reason>) -> Seen {
    let mut seen = seen();
    step(&mut seen);
    let mut status = NodeTaskStatus { completion_time: Some(Time(seen.now)), ..NodeTaskStatus::default() };
    match outcome {
        Ok(name) => {
            let descriptor = serde_json::from_value(json!({"name": name, "version": "1.0.0"})).unwrap();
            status.phase = TaskPhase::Complete;
            status.result = Some(TaskResult { descriptor: Some(descriptor), ..TaskResult::default() });
        }
        Err(reason) => {
            let message = "said the agent".into();
            status.phase = TaskPhase::Failed;
            status.failure = Some(TaskFailure { reason, fault: Fault::User, message, retryable: false });
        }
    }
    seen.tasks[0].status = Some(status);
    step(&mut seen);
    seen
}

fn ready(seen: &Seen) -> (String, String) {
    let conditions = seen.module.status.clone().unwrap().conditions;
    let ready = conditions.into_iter().find(|one| one.type_ == READY).unwrap();
    (ready.status, ready.reason)
}

fn refused(reason: Reason) -> (String, String) {
    ("False".into(), reason.to_string())
}

#[test]
fn an_agent_is_asked_once_and_its_answer_makes_the_module_ready() {
    let mut waiting = seen();
    step(&mut waiting);
    let task = &waiting.tasks[0].spec;
    assert_eq!((task.action, task.node.as_str()), (Action::Inspect, "local"));
    let inspect = task.inspect.clone().unwrap();
    assert_eq!(inspect.module.digest, format!("sha256:{}", "ab".repeat(32)));
    assert_eq!((inspect.file.path.as_str(), inspect.file.dataset.name.as_str()), ("/dedup.wasm", "store"));
    assert_eq!(ready(&waiting), refused(Reason::Executing));
    assert!(step(&mut waiting).tasks.is_empty());

    let mut done = inspected(Ok("dedup"));
    let status = done.module.status.clone().unwrap();
    for kind in [STORED, VALID, COMPILED, READY] {
        assert!(is_true(&status.conditions, kind), "{kind}");
    }
    assert_eq!(status.digest, format!("sha256:{}", "ab".repeat(32)));
    assert_eq!(status.descriptor.unwrap().0["version"], "1.0.0");
    assert_eq!(step(&mut done), Decision::default());
    // Its bytes are known: that the Dataset goes does not unmake it.
    done.dataset = None;
    assert_eq!(step(&mut done), Decision::default());
}

#[test]
fn a_file_that_cannot_be_used_is_said_and_looked_at_again() {
    let mut bad = inspected(Err(Reason::ModuleRefused));
    let conditions = bad.module.status.clone().unwrap().conditions;
    assert!(is_true(&conditions, STORED) && !is_true(&conditions, VALID));
    assert_eq!(ready(&bad), refused(Reason::ModuleRefused));
    assert_eq!(step(&mut bad).wake, Some(START + SignedDuration::from_secs(60)));
    bad.now += SignedDuration::from_secs(60);
    bad.nodes[0].seen = Some(bad.now);
    step(&mut bad);
    assert_eq!(bad.tasks.last().unwrap().spec.attempt, 2);

    let missing = inspected(Err(Reason::SourceNotFound));
    assert!(!is_true(&missing.module.status.clone().unwrap().conditions, STORED));
    assert_eq!(ready(&missing), refused(Reason::SourceNotFound));
}

#[test]
fn refusals_are_conditions_with_reasons() {
    assert_eq!(ready(&inspected(Ok("split"))), refused(Reason::NameTaken));
    let mut nowhere = seen();
    nowhere.dataset = None;
    step(&mut nowhere);
    assert_eq!(ready(&nowhere), refused(Reason::NotFound));
    let mut pushed = seen();
    let module = Arc::make_mut(&mut pushed.module);
    module.spec.source =
        ModuleSource { dataset: None, blob: Some(BlobSource { digest: String::new(), pieces: 1 }) };
    step(&mut pushed);
    assert_eq!(ready(&pushed), refused(Reason::NotSupported));
    let mut alone = seen();
    alone.nodes.clear();
    step(&mut alone);
    assert_eq!(ready(&alone), refused(Reason::NoNode));
}
