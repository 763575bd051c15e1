//! What runs after what, how often, and in which graph, through the real controller.

use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use millrace_crds::common::Phase;
use millrace_crds::operation::OperationStatus;
use millrace_crds::{DataFlow, DataLoad, Reason};
use serde_json::{Value, json};

use crate::agent::{Outcome, works};
use crate::world::{World, dataset, load, until, until_gone};

fn jobs(world: &World) -> Api<Job> {
    Api::namespaced(world.client.clone(), "default")
}

async fn create_job(world: &World, name: &str, labels: Value) {
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}});
    let job = json!({"metadata": {"name": name, "labels": labels}, "spec": {"template": pod}});
    let job = serde_json::from_value(job).unwrap();
    jobs(world).create(&PostParams::default(), &job).await.unwrap();
}

async fn end_job(world: &World, name: &str, condition: &str) {
    let now = "2026-01-01T00:00:00Z";
    let ended = json!({"status": {"startTime": now, "conditions": [
        {"type": condition, "status": "True", "reason": "Test", "message": "told to", "lastTransitionTime": now},
    ]}});
    jobs(world).patch_status(name, &PatchParams::default(), &Patch::Merge(ended)).await.unwrap();
}

fn after(kind: &str, name: &str, outcome: &str) -> Value {
    json!({"runAfter": {"kind": kind, "name": name, "outcome": outcome}})
}

fn waits_for(words: &'static str) -> impl Fn(&OperationStatus) -> bool {
    move |status| status.waiting_for.contains(words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_follows_a_job() {
    let world = World::with_agents(&["local"], works).await;
    world.create(dataset("digits")).await;
    world.create(load("warm", after("Job", "train", "Success"))).await;
    world.create(load("mourn", after("Job", "train", "Failure"))).await;
    world.load("warm", waits_for("Job default/train, which is not there yet")).await;
    create_job(&world, "train", json!({})).await;
    world.load("warm", waits_for("Job default/train, which is ")).await;
    end_job(&world, "train", "Complete").await;
    let warm = world.load("warm", |status| status.phase.is_finished()).await;
    assert_eq!(warm.phase, Phase::Complete, "{warm:?}");
    let mourn = world.load("mourn", |status| status.phase.is_finished()).await;
    assert_eq!((mourn.phase, mourn.reason), (Phase::Complete, Some(Reason::PredecessorSucceeded)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_find_the_newest_and_a_deleted_one_ends_the_wait() {
    let world = World::with_agents(&["local"], works).await;
    world.create(dataset("digits")).await;
    create_job(&world, "train-1", json!({"app": "train"})).await;
    let selector = json!({"runAfter": {"kind": "Job", "selector": {"matchLabels": {"app": "train"}}}});
    world.create(load("warm", selector)).await;
    world.load("warm", waits_for("Job default/[app=train]")).await;
    end_job(&world, "train-1", "Complete").await;
    let warm = world.load("warm", |status| status.phase.is_finished()).await;
    assert_eq!(warm.phase, Phase::Complete, "{warm:?}");

    create_job(&world, "other", json!({})).await;
    world.create(load("second", after("Job", "other", "Finish"))).await;
    world.load("second", |status| !status.predecessors.is_empty()).await;
    jobs(&world).delete("other", &DeleteParams::background()).await.unwrap();
    let second = world.load("second", |status| status.phase.is_finished()).await;
    assert_eq!(second.reason, Some(Reason::PredecessorDeleted));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_nobody_serves_is_a_stated_wait() {
    let world = World::with_agents(&["local"], works).await;
    world.create(dataset("digits")).await;
    let other = json!({"runAfter": {"kind": "Reactor", "apiVersion": "plant.example/v1", "name": "x"}});
    world.create(load("warm", other)).await;
    world.load("warm", waits_for("the cluster does not serve Reactor (plant.example/v1)")).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_all_must_have_ended_also_where_the_first_is_gone_by_then() {
    let world = World::with_agents(&["local"], works).await;
    world.create(dataset("digits")).await;
    create_job(&world, "slow", json!({})).await;
    let both =
        json!([{"kind": "DataLoad", "name": "first"}, {"kind": "Job", "name": "slow", "outcome": "Failure"}]);
    world.create(load("last", json!({"runAfterAll": both}))).await;
    world.create(load("first", json!({"ttlSecondsAfterFinished": 0}))).await;
    until_gone(world.loads(), "first").await;
    world.load("last", waits_for("Job default/slow")).await;
    end_job(&world, "slow", "Failed").await;
    let last = world.load("last", |status| status.phase.is_finished()).await;
    assert_eq!(last.phase, Phase::Complete, "{last:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn circles_through_several_end() {
    let world = World::with_agents(&["local"], works).await;
    world.create(dataset("digits")).await;
    let two = json!({"runAfterAll": [{"kind": "DataLoad", "name": "c"}, {"kind": "DataLoad", "name": "b"}]});
    world.create(load("a", two)).await;
    world.create(load("b", after("DataLoad", "a", "Finish"))).await;
    let ended = world.load("b", |status| status.phase.is_finished()).await;
    assert_eq!(ended.reason, Some(Reason::Cycle));
    world.create(load("self", after("DataLoad", "self", "Finish"))).await;
    let ended = world.load("self", |status| status.phase.is_finished()).await;
    assert_eq!(ended.reason, Some(Reason::Cycle));
    world.stop().await;
}

async fn runs(world: &World) -> Vec<DataLoad> {
    let labelled = ListParams::default().labels("millrace.dev/schedule=DataLoad.nightly");
    world.loads().list(&labelled).await.unwrap().items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_makes_runs_and_what_follows_it_follows_the_latest() {
    let mut world = World::with_agents(&["local"], works).await;
    // Three of them, and still one run for each tick.
    world.start_controller(millrace_decide::Missing::Wait);
    world.start_controller(millrace_decide::Missing::Wait);
    world.create(dataset("digits")).await;
    world
        .create(load("nightly", json!({"policy": "Cron", "schedule": "@every 1h", "historyLimit": 1})))
        .await;
    world.create(load("follower", after("DataLoad", "nightly", "Success"))).await;
    world.load("nightly", |status| status.next_schedule_time.is_some()).await;
    world.load("follower", waits_for("DataLoad default/nightly, which is waiting for the tick at")).await;
    for _ in 0..3 {
        let before = world.load("nightly", |status| status.next_schedule_time.is_some()).await;
        world.clock.advance(3600);
        crate::agent::heartbeat(&world.client, &world.clock, "local").await;
        world
            .load("nightly", |status| {
                status.active.is_empty()
                    && status.last_schedule_time != before.last_schedule_time
                    && status.last_successful_time != before.last_successful_time
            })
            .await;
    }
    let followed = world.load("follower", |status| status.phase.is_finished()).await;
    assert_eq!(followed.phase, Phase::Complete, "{followed:?}");
    let kept = runs(&world).await;
    assert!(kept.len() <= 2, "{}", kept.len());
    world.loads().delete("nightly", &DeleteParams::background()).await.unwrap();
    for run in kept {
        until_gone(world.loads(), &run.metadata.name.unwrap()).await;
    }
    world.stop().await;
}

fn flow(steps: Value, more: Value) -> Value {
    let mut spec = json!({ "steps": steps });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    json!({
        "apiVersion": "millrace.dev/v1alpha1", "kind": "DataFlow",
        "metadata": {"name": "prepare", "namespace": "default"}, "spec": spec
    })
}

fn flows(world: &World) -> Api<DataFlow> {
    Api::namespaced(world.client.clone(), "default")
}

async fn flow_status(world: &World, wanted: impl Fn(&OperationStatus) -> bool) -> OperationStatus {
    let found =
        until(flows(world), "prepare", |one: &DataFlow| one.status.as_ref().is_some_and(&wanted)).await;
    found.status.unwrap()
}

fn steps() -> Value {
    let processor = json!({"wasm": {
        "module": "split", "input": "/digits/raw", "output": "/digits/${parameters.name}",
        "parameters": {"sizes": {"train": "80%", "test": "20%"}}
    }});
    let datasets = json!([{"name": "digits", "path": "/digits"}]);
    json!([
        {"name": "warm", "dataLoad": {"dataset": {"name": "digits"}}},
        {"name": "split", "needs": ["warm"], "dataProcessing": {"datasets": datasets, "processor": processor}},
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_runs_its_steps_in_order_and_again() {
    let world = World::with_agents(&["local"], works).await;
    world.create(dataset("digits")).await;
    let parameters = json!({"parameters": [{"name": "name", "default": "parts"}]});
    world.create(flow(steps(), parameters)).await;
    let status = flow_status(&world, |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.steps.as_str()), (Phase::Complete, "2/2"), "{status:#?}");
    let [warm, split] = status.step_states.as_slice() else { panic!("{status:#?}") };
    assert!(warm.operation.starts_with("dataload/prepare-warm-"), "{}", warm.operation);
    assert!(split.operation.starts_with("dataprocessing/prepare-split-"), "{}", split.operation);
    assert!(split.start_time.as_ref().unwrap().0 >= warm.start_time.as_ref().unwrap().0);
    let again = Patch::Merge(json!({"spec": {"retry": 1, "retryFrom": "split"}}));
    flows(&world).patch("prepare", &PatchParams::default(), &again).await.unwrap();
    let status = flow_status(&world, |status| status.retries == 1 && status.phase.is_finished()).await;
    assert_ne!(status.step_states[1].operation, split.operation);
    assert_eq!(status.step_states[0].operation, warm.operation);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_whose_step_fails_ends_with_its_reason() {
    let world = World::with_agents(&["local"], |_| Some(Outcome::Failed(Reason::AccessDenied, false))).await;
    world.create(dataset("digits")).await;
    world.create(flow(steps(), json!({"parameters": [{"name": "name", "default": "parts"}]}))).await;
    let status = flow_status(&world, |status| status.phase.is_finished()).await;
    assert_eq!(status.reason, Some(Reason::StepFailed));
    assert!(status.message.contains("step warm failed: AccessDenied"), "{}", status.message);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_runs_a_failed_load_again() {
    let second = |task: &millrace_crds::NodeTask| {
        if task.spec.attempt == 1 { Some(Outcome::Failed(Reason::AccessDenied, false)) } else { works(task) }
    };
    let world = World::with_agents(&["local"], second).await;
    world.create(dataset("digits")).await;
    world.create(load("warm", json!({}))).await;
    world.load("warm", |status| status.phase == Phase::Failed).await;
    let raise = Patch::Merge(json!({"spec": {"retry": 1}}));
    world.loads().patch("warm", &PatchParams::default(), &raise).await.unwrap();
    let status = world.load("warm", |status| status.phase == Phase::Complete).await;
    assert_eq!((status.attempts, status.retries), (2, 1));
    let lower = Patch::Merge(json!({"spec": {"retry": 0}}));
    let refused = world.loads().patch("warm", &PatchParams::default(), &lower).await.unwrap_err();
    assert!(refused.to_string().contains("retry counts up"), "{refused}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_or_says_so() {
    let world = World::with_agents(&["local"], works).await;
    world.create(dataset("digits")).await;
    let refused = [
        (json!({"policy": "Cron"}), "needs a schedule"),
        (json!({"schedule": "@daily"}), "set policy: Cron"),
        (json!({"runAfter": {"kind": "DataLoad"}}), "a name, or a selector"),
        (
            json!({"runAfter": {"kind": "DataLoad", "name": "x", "on": "Finish", "outcome": "Finish"}}),
            "give outcome",
        ),
    ];
    for (more, wanted) in refused {
        let object = serde_json::from_value(load("bad", more)).unwrap();
        let error = world.loads().create(&PostParams::default(), &object).await.unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
    world.create(load("never", json!({"policy": "Cron", "schedule": "0 0 31 2 *"}))).await;
    world.load("never", waits_for("never falls due")).await;
    // What kubectl makes of the bare word `on`.
    world
        .create(load("yaml", json!({"runAfter": {"kind": "DataLoad", "name": "gone", "true": "Failure"}})))
        .await;
    let status = world.load("yaml", |status| !status.waiting_for.is_empty()).await;
    assert!(status.waiting_for.contains("DataLoad default/gone"));
    world.stop().await;
}
