//! The life of an operation, step by step.

use millrace_crds::Reason;
use millrace_crds::common::Phase;
use millrace_crds::condition::{COMPLETE, FAILED, FINISHED, is_true};
use millrace_crds::node_task::Action;
use millrace_crds::operation::{OperationFields, Outcome, RunAfter};
use millrace_decide::Hold;
use millrace_decide::gate::Predecessor;
use millrace_decide::predecessor::{Found, SeenPredecessor};
use millrace_decide::target::Target;

use crate::world::{World, fields, node, works};

fn status(world: &World) -> (Phase, Option<Reason>) {
    (world.seen.operation.status.phase, world.seen.operation.status.reason)
}

fn after(mut world: World, state: Predecessor) -> World {
    let target = Target::read(&run_after(), "default").unwrap();
    let mut seen = SeenPredecessor::new(target, Outcome::Success, &[], Found::default());
    seen.state = state;
    world.seen.predecessors = Ok(vec![seen]);
    world
}

fn run_after() -> RunAfter {
    RunAfter { kind: Some("DataLoad".into()), name: "first".into(), ..RunAfter::default() }
}

fn waiting_fields() -> OperationFields {
    OperationFields { run_after: Some(run_after()), ..fields() }
}

#[test]
fn a_load_runs_and_ends() {
    let mut world = World::load(fields());
    world.settle();
    assert_eq!(status(&world), (Phase::Executing, Some(Reason::Executing)));
    assert!(world.seen.operation.finalizer);
    assert_eq!(world.at_work(), ["1:load@local"]);
    world.pass(63);
    world.answer(works);
    world.settle();
    assert_eq!(status(&world), (Phase::Complete, Some(Reason::Succeeded)));
    let told = &world.seen.operation.status;
    assert_eq!((told.duration.as_str(), told.progress.as_str()), ("1m3s", "100%"));
    assert!(is_true(&told.conditions, COMPLETE) && is_true(&told.conditions, FINISHED));
    assert_eq!(world.events, [Reason::Executing, Reason::Succeeded]);
}

#[test]
fn stages_follow_one_another() {
    let mut world = World::process(fields());
    world.seen.nodes = vec![node("a"), node("b")];
    let mut seen = Vec::new();
    while !world.seen.operation.status.phase.is_finished() {
        world.settle();
        seen.push(world.at_work());
        world.answer(works);
        world.settle();
    }
    let wanted: [&[&str]; 5] = [
        &["1:plan@a"],
        &["1:fit@a", "1:fit@b"],
        &["1:merge@a"],
        &["1:assign@a", "1:assign@b"],
        &["1:publish@a"],
    ];
    assert_eq!(
        seen[..5],
        wanted.map(|stage| stage.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    );
    assert_eq!(status(&world).0, Phase::Complete);
}

#[test]
fn a_predecessors_end_decides_before_anything_starts() {
    let failed = Predecessor::Failed { why: "DiskFull: no room".into() };
    let table = [
        (Predecessor::Missing { nearest: None }, Phase::Pending, Reason::Waiting),
        (Predecessor::Running { phase: "Executing".into() }, Phase::Pending, Reason::Waiting),
        (Predecessor::Deleted, Phase::Failed, Reason::PredecessorDeleted),
        (failed, Phase::Failed, Reason::PredecessorFailed),
        (Predecessor::Complete, Phase::Executing, Reason::Executing),
    ];
    for (state, phase, reason) in table {
        let mut world = after(World::load(waiting_fields()), state.clone());
        world.settle();
        assert_eq!(status(&world), (phase, Some(reason)), "{state:?}");
        assert_eq!(world.events, [reason], "{state:?}");
        assert_eq!(is_true(&world.seen.operation.status.conditions, FAILED), phase == Phase::Failed);
    }
}

#[test]
fn what_has_started_does_not_look_back() {
    let mut world = after(World::load(waiting_fields()), Predecessor::Complete);
    world.settle();
    world = after(world, Predecessor::Deleted);
    // Its Dataset goes as well: the task has all that it needs.
    world.seen.work = Err(Hold::Wait("Dataset default/digits".into()));
    world.settle();
    assert_eq!(status(&world).0, Phase::Executing);
    world.answer(works);
    world.settle();
    assert_eq!(status(&world).0, Phase::Complete);
}

#[test]
fn retries_pause_longer_each_time_and_end_at_the_limit() {
    let mut world = World::process(fields());
    let mut pauses = Vec::new();
    for attempt in 1..=4 {
        world.settle();
        assert_eq!(world.at_work(), [format!("{attempt}:run@local")]);
        assert_eq!(world.seen.tasks.last().unwrap().spec.epoch, attempt);
        world.answer(|_| Err((Reason::RunnerKilled, true)));
        let wake = world.step().wake;
        if let Some(wake) = wake {
            let pause = wake.duration_since(world.seen.now).as_secs();
            pauses.push(pause);
            world.pass(pause);
        }
    }
    world.settle();
    assert_eq!(pauses, [1, 2, 4]);
    assert_eq!(status(&world), (Phase::Failed, Some(Reason::BackoffLimitExceeded)));
    assert_eq!(world.at_work(), ["4:clean@local"]);
}

#[test]
fn what_no_try_mends_stops_the_others_first() {
    let mut world = World::process(fields());
    world.seen.nodes = vec![node("a"), node("b")];
    world.settle();
    world.answer(works);
    world.settle();
    let first = &mut world.seen.tasks[1];
    assert_eq!(first.spec.action, Action::Fit);
    let mut lone = world.clone();
    lone.answer(|_| Err((Reason::InvalidInput, false)));
    world.seen.tasks[1].status = lone.seen.tasks[1].status.clone();
    world.settle();
    assert_eq!(status(&world).0, Phase::Executing);
    assert!(world.seen.tasks[2].spec.cancelled);
    world.answer(works);
    world.settle();
    assert_eq!(status(&world), (Phase::Failed, Some(Reason::InvalidInput)));
}

#[test]
fn a_task_that_never_stops_is_given_up() {
    let mut world = World::load(OperationFields { cancelled: false, ..fields() });
    world.settle();
    let cancelled = OperationFields { cancelled: true, ..fields() };
    world.seen.operation.ask = World::load(cancelled).seen.operation.ask;
    world.settle();
    assert_eq!(status(&world), (Phase::Executing, Some(Reason::Cancelled)));
    world.pass(61);
    world.settle();
    assert_eq!(status(&world), (Phase::Failed, Some(Reason::Cancelled)));
}

#[test]
fn a_lost_node_is_replaced() {
    let mut world = World::load(fields());
    world.seen.nodes = vec![node("a"), node("b")];
    world.settle();
    assert_eq!(world.at_work(), ["1:load@a"]);
    world.pass(50);
    world.seen.nodes[0].seen = Some(crate::world::START);
    world.settle();
    world.pass(2);
    world.seen.nodes[0].seen = Some(crate::world::START);
    world.settle();
    assert_eq!(world.at_work(), ["2:load@b"]);
    assert!(world.events.contains(&Reason::NodeLost));
}

#[test]
fn nothing_waits_without_saying_for_what() {
    let mut world = World::load(fields());
    world.seen.nodes.clear();
    world.settle();
    assert_eq!(status(&world), (Phase::Pending, Some(Reason::NoNode)));
    assert!(world.seen.operation.status.waiting_for.contains("no agent has registered"));
}

#[test]
fn deletion_stops_cleans_and_lets_go_in_that_order() {
    let mut world = World::process(fields());
    world.settle();
    world.seen.operation.deleting = Some(world.seen.now);
    world.settle();
    assert!(world.seen.tasks[0].spec.cancelled && !world.released);
    world.answer(works);
    world.settle();
    assert_eq!(world.at_work(), ["1:clean@local"]);
    assert!(!world.released);
    world.answer(works);
    world.settle();
    assert!(world.released);
}

#[test]
fn deletion_does_not_wait_for_a_node_that_never_comes_back() {
    let mut world = World::process(fields());
    world.settle();
    world.seen.operation.deleting = Some(world.seen.now);
    world.seen.nodes.clear();
    world.pass(61);
    world.settle();
    assert!(!world.released);
    world.pass(60);
    world.settle();
    assert!(world.released);
}

#[test]
fn an_expired_operation_is_deleted_once_nobody_waits_for_it() {
    let mut world = World::load(OperationFields { ttl_seconds_after_finished: Some(10), ..fields() });
    world.settle();
    world.answer(works);
    world.settle();
    world.seen.awaited = true;
    world.pass(11);
    world.settle();
    assert!(!world.deleted);
    world.seen.awaited = false;
    world.step();
    assert!(world.deleted);
}

#[test]
fn retry_runs_it_again_with_a_new_limit_of_tries() {
    let mut world = World::process(OperationFields { backoff_limit: 0, ..fields() });
    world.settle();
    world.answer(|_| Err((Reason::RunnerKilled, true)));
    world.settle();
    assert_eq!(status(&world).0, Phase::Failed);
    world.answer(works);
    let again = OperationFields { backoff_limit: 0, retry: 1, ..fields() };
    world.seen.operation.ask = World::process(again).seen.operation.ask;
    world.settle();
    assert_eq!(world.at_work(), ["2:run@local"]);
    assert!(!is_true(&world.seen.operation.status.conditions, FINISHED));
    world.answer(works);
    world.settle();
    assert_eq!(status(&world), (Phase::Complete, Some(Reason::Succeeded)));
    assert_eq!((world.seen.operation.status.attempts, world.seen.operation.status.retries), (2, 1));
}
