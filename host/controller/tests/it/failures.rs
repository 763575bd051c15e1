//! What goes wrong: retries, predecessors, circles, deadlines, lost nodes.

use std::sync::Arc;

use millrace_crds::Reason;
use millrace_crds::common::Phase;
use millrace_crds::node_task::{Action, NodeTask};
use millrace_decide::Missing;
use serde_json::json;

use crate::agent::{self, Outcome, works};
use crate::world::{World, after_load, dataset, load, process};

/// Fails until try `good`.
fn fails_before(good: i32, reason: Reason, retryable: bool) -> impl Fn(&NodeTask) -> Option<Outcome> {
    move |task| {
        let fails = task.spec.action != Action::List && task.spec.attempt < good;
        if fails { Some(Outcome::Failed(reason, retryable)) } else { works(task) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_try_may_mend_is_tried_again() {
    let world = World::with_agents(&["local"], fails_before(3, Reason::RunnerKilled, true)).await;
    world.create(dataset("digits")).await;
    world.create(process("parts", json!({}))).await;
    let status = world.processing("parts", |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.attempts), (Phase::Complete, 3), "{status:?}");
    // Two tries left something in staging.
    world.until_actions("parts", &["1:run", "2:run", "3:clean", "3:run"]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_limit_it_ends_with_the_last_failure() {
    let world = World::with_agents(&["local"], fails_before(99, Reason::RunnerKilled, true)).await;
    world.create(dataset("digits")).await;
    world.create(process("parts", json!({"backoffLimit": 1}))).await;
    let status = world.processing("parts", |status| status.phase.is_finished()).await;
    assert_eq!((status.reason, status.attempts), (Some(Reason::BackoffLimitExceeded), 2));
    assert!(status.message.contains("RunnerKilled"), "{}", status.message);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_try_mends_ends_it_and_what_runs_after_it() {
    let fails = |task: &NodeTask| match task.spec.action {
        Action::Load => Some(Outcome::Failed(Reason::AccessDenied, false)),
        _ => works(task),
    };
    let world = World::with_agents(&["local"], fails).await;
    world.create(dataset("digits")).await;
    world.create(load("warm", json!({}))).await;
    world.create(process("success", after_load("warm", "Success"))).await;
    world.create(process("failure", after_load("warm", "Failure"))).await;
    world.create(process("finish", after_load("warm", "Finish"))).await;
    let status = world.load("warm", |status| status.phase.is_finished()).await;
    assert_eq!((status.reason, status.attempts), (Some(Reason::AccessDenied), 1));
    let success = world.processing("success", |status| status.phase.is_finished()).await;
    assert_eq!(success.reason, Some(Reason::PredecessorFailed));
    assert!(success.message.contains("AccessDenied"), "{}", success.message);
    for name in ["failure", "finish"] {
        let status = world.processing(name, |status| status.phase.is_finished()).await;
        assert_eq!(status.phase, Phase::Complete, "{name}: {status:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circle_and_a_deleted_predecessor_end_what_waits() {
    let world = World::with_agents(&[], works).await;
    world.create(load("a", after_load("b", "Success"))).await;
    world.create(load("b", after_load("a", "Success"))).await;
    for name in ["a", "b"] {
        let status = world.load(name, |status| status.phase.is_finished()).await;
        assert!(
            matches!(status.reason, Some(Reason::Cycle | Reason::PredecessorFailed)),
            "{name}: {status:?}"
        );
    }
    world.create(load("first", json!({}))).await;
    world.create(load("second", after_load("first", "Success"))).await;
    world.load("second", |status| !status.predecessors.is_empty()).await;
    world.loads().delete("first", &kube::api::DeleteParams::default()).await.unwrap();
    let status = world.load("second", |status| status.phase.is_finished()).await;
    assert_eq!(status.reason, Some(Reason::PredecessorDeleted));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadline_ends_it_once_its_tasks_have_stopped() {
    let world = World::with_agents(&["local"], |_| None).await;
    world.create(dataset("digits")).await;
    world.create(load("warm", json!({"activeDeadlineSeconds": 20}))).await;
    world.load("warm", |status| status.phase == Phase::Executing).await;
    world.clock.advance(21);
    let status = world.load("warm", |status| status.phase.is_finished()).await;
    assert_eq!(status.reason, Some(Reason::OperationDeadlineExceeded), "{status:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_a_lost_node_goes_to_another() {
    let mut world = World::new().await;
    agent::heartbeat(&world.client, &world.clock, agent::LOST).await;
    world.start_agents(Arc::new(works));
    world.start_controller(Missing::Wait);
    world.create(dataset("digits")).await;
    world.create(load("warm", json!({}))).await;
    world.load("warm", |status| status.phase == Phase::Executing).await;
    world.clock.advance(45);
    agent::heartbeat(&world.client, &world.clock, "b").await;
    let status = world.load("warm", |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.attempts), (Phase::Complete, 2), "{status:?}");
    assert!(world.told("DataLoad", "warm", "NodeLost").await > 0);
    world.stop().await;
}
