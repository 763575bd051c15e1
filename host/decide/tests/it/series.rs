//! Operations that run over and over: no tick twice, none lost, whoever looks how often.

use k8s_openapi::jiff::SignedDuration;
use millrace_crds::Reason;
use millrace_crds::common::Phase;
use millrace_crds::operation::{ConcurrencyPolicy, OperationFields, Outcome, Policy, RunAfter};
use millrace_decide::gate::Predecessor;
use millrace_decide::predecessor::{Candidate, Found, SeenPredecessor};
use millrace_decide::target::Target;
use proptest::prelude::*;

use crate::world::{START, World, fields};

fn hourly(more: OperationFields) -> OperationFields {
    OperationFields { policy: Policy::Cron, schedule: Some("0 * * * *".into()), ..more }
}

/// As time passes in a cluster: a look whenever one was asked for.
fn pass(world: &mut World, seconds: i64) {
    world.pass(seconds);
    world.settle();
}

fn reason(world: &World) -> Option<Reason> {
    world.seen.operation.status.reason
}

#[test]
fn a_tick_makes_one_run_that_is_named_by_it() {
    let mut world = World::load(hourly(fields()));
    world.settle();
    assert_eq!(reason(&world), Some(Reason::Scheduled));
    let told = &world.seen.operation.status.waiting_for;
    assert_eq!(told, "the tick at 1970-01-01T01:00:00Z (0 * * * *, UTC)");
    assert_eq!(world.step().wake, Some(START + SignedDuration::from_hours(1)));
    pass(&mut world, 3600);
    let active = world.active();
    assert!(active.len() == 1 && active[0].starts_with("warm-197001010100-"), "{active:?}");
    let child = &world.seen.children[0];
    assert!(!child.is_series() && child.tick == Some(START + SignedDuration::from_hours(1)));
    world.end_child(&active[0], Phase::Complete);
    world.settle();
    let status = &world.seen.operation.status;
    assert_eq!((status.phase, status.active.len()), (Phase::Pending, 0));
    assert!(status.last_successful_time.is_some());
}

#[test]
fn after_downtime_the_latest_tick_runs_and_only_in_time() {
    let mut world = World::load(hourly(fields()));
    pass(&mut world, 5 * 3600 + 1200);
    assert!(world.active()[0].starts_with("warm-197001010500-"), "{:?}", world.active());
    let late = OperationFields { starting_deadline_seconds: Some(600), ..hourly(fields()) };
    let mut world = World::load(late);
    pass(&mut world, 5 * 3600 + 1200);
    assert_eq!((world.active().len(), reason(&world)), (0, Some(Reason::MissedSchedule)));
    pass(&mut world, 2400);
    assert!(world.active()[0].starts_with("warm-197001010600-"));
}

#[test]
fn allow_forbid_and_replace_as_in_a_cronjob() {
    let with = |concurrency_policy| OperationFields { concurrency_policy, ..hourly(fields()) };
    let mut world = World::load(with(ConcurrencyPolicy::Allow));
    pass(&mut world, 3600);
    pass(&mut world, 3600);
    assert_eq!(world.active().len(), 2);

    let mut world = World::load(with(ConcurrencyPolicy::Forbid));
    pass(&mut world, 3600);
    let first = world.active()[0].clone();
    pass(&mut world, 7200);
    assert_eq!(world.active(), std::slice::from_ref(&first));
    assert!(world.seen.operation.status.waiting_for.contains("Forbid"));
    world.end_child(&first, Phase::Failed);
    world.settle();
    assert!(world.active()[0].starts_with("warm-197001010300-"), "{:?}", world.active());

    let tight = OperationFields { starting_deadline_seconds: Some(5), ..with(ConcurrencyPolicy::Replace) };
    let mut world = World::load(tight);
    pass(&mut world, 3600);
    let first = world.active()[0].clone();
    pass(&mut world, 3600);
    assert!(world.seen.children[0].ask.fields().cancelled);
    assert_eq!(world.active(), std::slice::from_ref(&first));
    // It takes longer to stop than the deadline, and the tick is not lost for that.
    pass(&mut world, 30);
    world.end_child(&first, Phase::Failed);
    world.settle();
    assert!(world.active()[0].starts_with("warm-197001010200-"), "{:?}", world.active());
}

#[test]
fn old_runs_are_removed_and_good_and_bad_ones_are_counted_apart() {
    let mut world = World::load(OperationFields { history_limit: Some(2), ..hourly(fields()) });
    for hour in 0..6 {
        pass(&mut world, 3600);
        let active = world.active();
        world.end_child(&active[0], if hour % 2 == 0 { Phase::Complete } else { Phase::Failed });
        world.settle();
    }
    let ends = |phase| world.seen.children.iter().filter(|child| child.status.phase == phase).count();
    assert_eq!((ends(Phase::Complete), ends(Phase::Failed)), (2, 2));
    assert!(world.seen.children.iter().all(|child| !child.name.name.name.contains("0100")));
}

#[test]
fn a_run_that_somebody_deleted_is_not_made_again() {
    let mut world = World::load(hourly(fields()));
    pass(&mut world, 3600);
    world.seen.children.clear();
    pass(&mut world, 60);
    assert!(world.active().is_empty() && world.seen.operation.status.active.is_empty());
}

#[test]
fn a_run_that_was_written_down_and_never_made_is_made() {
    let mut world = World::load(hourly(fields()));
    world.pass(3600);
    // The status was accepted, and then the controller died.
    let mut decision = world.step();
    world.seen.children.clear();
    assert_eq!(decision.children.len(), 1);
    world.seen.operation.status = *decision.status.take().unwrap();
    world.settle();
    assert_eq!(world.active().len(), 1);
}

#[test]
fn what_cannot_be_read_waits_for_a_schedule_and_says_so() {
    for line in ["0 0 31 2 *", "every night", "60 * * * *"] {
        let bad = OperationFields { schedule: Some(line.into()), ..hourly(fields()) };
        let mut world = World::load(bad);
        world.settle();
        assert_eq!(reason(&world), Some(Reason::InvalidSchedule), "{line}");
        assert!(!world.seen.operation.status.waiting_for.is_empty());
    }
}

#[test]
fn cancelling_stops_what_runs_and_then_ends_it() {
    let mut world = World::load(hourly(fields()));
    pass(&mut world, 3600);
    let cancelled = OperationFields { cancelled: true, ..hourly(fields()) };
    world.seen.operation.ask = World::load(cancelled).seen.operation.ask;
    world.settle();
    assert!(world.seen.children[0].ask.fields().cancelled);
    assert_eq!(world.seen.operation.status.phase, Phase::Executing);
    let active = world.active();
    world.end_child(&active[0], Phase::Failed);
    world.settle();
    assert_eq!((world.seen.operation.status.phase, reason(&world)), (Phase::Failed, Some(Reason::Cancelled)));
}

fn ended(uid: &str, second: i64) -> Candidate {
    let at = START + SignedDuration::from_secs(second);
    Candidate { uid: uid.into(), created: Some(at), ended: Some(at), state: Predecessor::Complete }
}

fn on_event(candidates: &[Candidate], mut world: World) -> World {
    let run_after = RunAfter { kind: Some("Job".into()), name: "train".into(), ..RunAfter::default() };
    let target = Target::read(&run_after, "default").unwrap();
    let found = Found { candidates: candidates.to_vec(), several: true, ..Found::default() };
    world.seen.predecessors = Ok(vec![SeenPredecessor::new(target, Outcome::Success, &[], found)]);
    world.settle();
    world
}

#[test]
fn each_end_of_what_it_runs_after_is_one_event() {
    let fields = OperationFields { policy: Policy::OnEvent, ..fields() };
    let mut world = on_event(&[], World::load(fields));
    assert_eq!((world.active().len(), reason(&world)), (0, Some(Reason::Scheduled)));
    // What was there before is one event.
    world = on_event(&[ended("a", 1), ended("b", 2)], world);
    assert_eq!(world.active().len(), 1);
    world = on_event(&[ended("a", 1), ended("b", 2)], world);
    assert_eq!(world.active().len(), 1);
    world = on_event(&[ended("b", 2), ended("c", 3), ended("d", 4)], world);
    assert_eq!(world.active().len(), 3);
    // It was run again: another end. And while nothing can be seen, nothing is forgotten.
    world = on_event(&[], world);
    world = on_event(&[ended("b", 9), ended("c", 3), ended("d", 4)], world);
    assert_eq!(world.active().len(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tick_runs_at_most_once_and_the_latest_always(
        looks in proptest::collection::vec((1i64..9000, any::<bool>(), any::<bool>()), 1..40),
        policy in prop_oneof![Just(ConcurrencyPolicy::Allow), Just(ConcurrencyPolicy::Forbid), Just(ConcurrencyPolicy::Replace)],
    ) {
        let fields = OperationFields {
            concurrency_policy: policy, history_limit: Some(1000), ..hourly(fields())
        };
        let mut world = World::load(fields);
        for (seconds, end, dies) in looks {
            world.pass(seconds);
            if dies {
                // The status was written, and nothing else.
                let old = world.seen.children.clone();
                world.step();
                world.seen.children.retain(|child| old.iter().any(|old| old.name == child.name));
            }
            world.settle();
            if end {
                for name in world.active() {
                    world.end_child(&name, Phase::Complete);
                }
                world.settle();
            }
            let now = world.seen.now.as_second();
            let latest = world.seen.children.iter().filter_map(|child| child.tick).max();
            let busy = policy != ConcurrencyPolicy::Allow && !world.active().is_empty();
            if now >= 3600 && !busy {
                prop_assert_eq!(latest.map(|tick| tick.as_second()), Some(now / 3600 * 3600));
            }
            let mut ticks: Vec<_> = world.seen.children.iter().map(|child| child.tick).collect();
            let all = ticks.len();
            ticks.sort();
            ticks.dedup();
            prop_assert_eq!(ticks.len(), all);
        }
    }
}
