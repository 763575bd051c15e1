//! The life of a Dataset.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;
use millrace_crds::condition::{ACCESSIBLE, READY, is_true};
use millrace_crds::dataset::DatasetPhase;
use millrace_crds::node_task::{Action, NodeTask, NodeTaskStatus, TaskFailure, TaskPhase, TaskResult};
use millrace_crds::reason::Fault;
use millrace_crds::{Dataset, Reason};
use millrace_decide::Name;
use millrace_decide::claim::Claim;
use millrace_decide::dataset::{Decision, Seen, decide};
use millrace_decide::operation::TaskChange;

use crate::world::{START, catalog, dataset, node};

fn seen(url: &str) -> Seen {
    Seen {
        dataset: Arc::new(dataset("digits", url)),
        name: Name::new("default", "digits"),
        older_twin: None,
        catalog: catalog(),
        lists: Vec::new(),
        loads: Vec::new(),
        written: None,
        nodes: vec![node("local")],
        claims: Default::default(),
        now: START,
    }
}

/// Decides and carries it out.
fn step(seen: &mut Seen) -> Decision {
    let decision = decide(seen);
    let Decision { tasks, claims: _, status, events: _, wake: _ } = decision.clone();
    for change in tasks {
        match change {
            TaskChange::Create(task) => seen.lists.push(*task),
            TaskChange::Remove { name, .. } => {
                seen.lists.retain(|task| task.metadata.name.as_deref() != Some(&name));
            }
            other => panic!("{other:?}"),
        }
    }
    if let Some(status) = status {
        seen.dataset = Arc::new(Dataset { status: Some(*status), ..Dataset::clone(&seen.dataset) });
    }
    decision
}

fn answer(task: &mut NodeTask, seen_at: &Seen, outcome: Result<(i64, i64), Reason>) {
    let mut status = NodeTaskStatus { completion_time: Some(Time(seen_at.now)), ..NodeTaskStatus::default() };
    match outcome {
        Ok((total_bytes, total_files)) => {
            status.phase = TaskPhase::Complete;
            status.result = Some(TaskResult { total_bytes, total_files, ..TaskResult::default() });
        }
        Err(reason) => {
            status.phase = TaskPhase::Failed;
            let message = "the store said so".into();
            status.failure = Some(TaskFailure { reason, fault: Fault::Host, message, retryable: true });
        }
    }
    task.status = Some(status);
}

/// A Dataset whose source answered so.
fn looked_at(url: &str, outcome: Result<(i64, i64), Reason>) -> Seen {
    let mut seen = seen(url);
    step(&mut seen);
    let copy = seen.clone();
    answer(&mut seen.lists[0], &copy, outcome);
    step(&mut seen);
    seen
}

#[test]
fn a_source_that_answers_is_bound() {
    let mut seen = looked_at("s3://bucket", Ok((1_932_735_283, 7)));
    let status = seen.dataset.status.clone().unwrap();
    assert_eq!(status.phase, DatasetPhase::Bound);
    assert_eq!((status.ufs_total.as_str(), status.file_num.as_str()), ("1.80GiB", "7"));
    assert_eq!(status.cache_states.unwrap().cached_percentage, "0.0%");
    assert!(is_true(&status.conditions, READY) && is_true(&status.conditions, ACCESSIBLE));
    assert_eq!(step(&mut seen), Decision::default());
}

#[test]
fn what_a_node_holds_is_cached() {
    let mut seen = looked_at("s3://bucket", Ok((200, 2)));
    seen.nodes[0].held.insert(seen.name.clone(), (100, 1));
    step(&mut seen);
    let status = seen.dataset.status.clone().unwrap();
    assert_eq!(status.cache_states.unwrap().cached_percentage, "50.0%");
    assert_eq!(status.nodes[0].cached_files, 1);
}

#[test]
fn a_source_that_does_not_answer_is_looked_at_again() {
    let mut seen = looked_at("s3://bucket", Err(Reason::StoreUnreachable));
    let status = seen.dataset.status.clone().unwrap();
    assert_eq!(status.phase, DatasetPhase::NotBound);
    assert!(!is_true(&status.conditions, READY));
    assert_eq!(step(&mut seen).wake, Some(START + SignedDuration::from_secs(10)));
    seen.now += SignedDuration::from_secs(10);
    seen.nodes[0].seen = Some(seen.now);
    step(&mut seen);
    assert_eq!(seen.lists.last().unwrap().spec.attempt, 2);
}

#[test]
fn a_place_to_write_to_may_be_empty() {
    let seen = looked_at("local:///out", Err(Reason::SourceNotFound));
    assert_eq!(seen.dataset.status.clone().unwrap().phase, DatasetPhase::Bound);
}

#[test]
fn refusals_are_conditions_with_reasons() {
    let ready = |seen: &Seen| {
        let status = decide(seen).status.unwrap();
        let condition = status.conditions.iter().find(|one| one.type_ == READY).unwrap().clone();
        (condition.status, condition.reason)
    };
    let refused = |reason: Reason| ("False".to_owned(), reason.to_string());
    let mut taken = seen("s3://bucket");
    taken.older_twin = Some("fluid.io".into());
    assert_eq!(ready(&taken), refused(Reason::NameTaken));
    let mut lost = seen("s3://bucket");
    lost.dataset = Arc::new(Dataset { runtime_profile: Some("none".into()), ..dataset("digits", "s3://b") });
    assert_eq!(ready(&lost), refused(Reason::NotFound));
    assert_eq!(ready(&seen("pvc://claim")), refused(Reason::NotSupported));
    let mut alone = seen("s3://bucket");
    alone.nodes.clear();
    assert_eq!(ready(&alone), refused(Reason::NoNode));
}

/// Loads among its own tasks, as node and attempt.
fn loads(seen: &Seen) -> Vec<(&str, i32)> {
    let loads = seen.lists.iter().filter(|task| task.spec.action == Action::Load);
    loads.map(|task| (task.spec.node.as_str(), task.spec.attempt)).collect()
}

fn pass(seen: &mut Seen, seconds: i64) {
    seen.now += SignedDuration::from_secs(seconds);
    for node in &mut seen.nodes {
        node.seen = Some(seen.now);
    }
    step(seen);
}

#[test]
fn what_pods_wait_for_is_loaded_on_their_node_until_it_is_there() {
    let mut seen = looked_at("s3://bucket", Ok((200, 2)));
    seen.nodes.push(node("other"));
    step(&mut seen);
    assert_eq!(loads(&seen), []);
    let uid = seen.dataset.metadata.uid.clone().unwrap();
    seen.nodes[1].wanted.insert(uid);
    step(&mut seen);
    step(&mut seen);
    assert_eq!(loads(&seen), [("other", 1)]);
    // A try that failed is repeated after a pause, and not kept.
    let copy = seen.clone();
    answer(seen.lists.last_mut().unwrap(), &copy, Err(Reason::StoreUnreachable));
    pass(&mut seen, 9);
    assert_eq!(loads(&seen), [("other", 1)]);
    pass(&mut seen, 1);
    pass(&mut seen, 0);
    assert_eq!(loads(&seen), [("other", 2)]);
    // One that went well is not repeated while the agent has not said so yet.
    let copy = seen.clone();
    answer(seen.lists.last_mut().unwrap(), &copy, Ok((200, 2)));
    pass(&mut seen, 20);
    assert_eq!(loads(&seen), [("other", 2)]);
    seen.nodes[1].wanted.clear();
    pass(&mut seen, 1);
    assert_eq!(loads(&seen), []);
    // Another Dataset of that name is not what they wait for.
    seen.nodes[1].wanted.insert("another".into());
    pass(&mut seen, 1);
    assert_eq!(loads(&seen), []);
}

#[test]
fn in_a_cluster_it_has_a_claim_and_says_so_where_the_name_is_taken() {
    let mut seen = looked_at("s3://bucket", Ok((200, 2)));
    seen.catalog.laptop = false;
    assert_eq!(step(&mut seen).claims.len(), 2);
    seen.claims.claim = Some(Claim::default());
    step(&mut seen);
    let status = seen.dataset.status.clone().unwrap();
    let accessible = status.conditions.iter().find(|one| one.type_ == ACCESSIBLE).unwrap();
    assert_eq!((accessible.status.as_str(), accessible.reason.as_str()), ("False", "ClaimNameTaken"));
    assert!(is_true(&status.conditions, READY), "operations can use it all the same");
    assert_eq!(step(&mut seen).status, None, "it is said once");
}
