//! What holds for any state: a decision is always made, and carrying it out twice is carrying it out once.

use k8s_openapi::jiff::SignedDuration;
use millrace_crds::Reason;
use millrace_crds::node_task::TaskResult;
use millrace_crds::operation::OperationFields;
use millrace_decide::operation::decide;
use proptest::prelude::*;

use crate::world::{START, World, is_nothing, node, works};

/// Something that happens to an operation.
#[derive(Debug, Clone)]
enum Happens {
    Decide,
    Pass(i64),
    Answer(u8),
    Silence(usize),
    Delete,
    Forget(usize),
    Stop(bool, bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => Just(Happens::Decide),
        2 => (0i64..200).prop_map(Happens::Pass),
        4 => (0u8..4).prop_map(Happens::Answer),
        1 => (0usize..3).prop_map(Happens::Silence),
        1 => Just(Happens::Delete),
        1 => (0usize..6).prop_map(Happens::Forget),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(suspend, cancel)| Happens::Stop(suspend, cancel)),
    ]
}

fn carry_on(world: &mut World, process: bool, fields: &mut OperationFields, what: &Happens) {
    match what {
        Happens::Decide => drop(world.step()),
        Happens::Pass(seconds) => world.pass(*seconds),
        Happens::Answer(0) => world.answer(|_| Err((Reason::RunnerKilled, true))),
        Happens::Answer(1) => world.answer(|_| Err((Reason::BadRow, false))),
        Happens::Answer(2) => world.answer(|_| Ok(TaskResult { reused: true, ..TaskResult::default() })),
        Happens::Answer(_) => world.answer(works),
        Happens::Silence(index) => {
            if let Some(node) = world.seen.nodes.get_mut(*index) {
                node.seen = Some(START - SignedDuration::from_secs(100));
            }
        }
        Happens::Delete => world.seen.operation.deleting = Some(world.seen.now),
        Happens::Forget(index) => {
            if *index < world.seen.tasks.len() {
                world.seen.tasks.remove(*index);
            }
        }
        Happens::Stop(suspend, cancel) => {
            (fields.suspend, fields.cancelled) = (*suspend, *cancel);
            world.seen.operation.ask = fresh(process, fields).seen.operation.ask;
        }
    }
}

fn fresh(process: bool, fields: &OperationFields) -> World {
    if process { World::process(fields.clone()) } else { World::load(fields.clone()) }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decisions_come_to_rest_and_ends_stay_ends(
        process in any::<bool>(),
        nodes in 0usize..4,
        limit in 0i32..3,
        deadline in proptest::option::of(1i64..300),
        ttl in proptest::option::of(0i32..100),
        story in proptest::collection::vec(happens(), 0..30),
    ) {
        let mut fields = OperationFields {
            backoff_limit: limit,
            active_deadline_seconds: deadline,
            ttl_seconds_after_finished: ttl,
            ..OperationFields::default()
        };
        let mut world = fresh(process, &fields);
        world.seen.nodes = (0..nodes).map(|index| node(&format!("n{index}"))).collect();
        for what in &story {
            let before = world.seen.operation.status.clone();
            carry_on(&mut world, process, &mut fields, what);
            let now = &world.seen.operation.status;
            prop_assert!(!before.phase.is_finished() || before.phase == now.phase, "{what:?} undid an end");
        }
        // Deleting by time to live and letting go are done once and then the object is gone.
        world.settle_unless_gone();
        let rest = decide(&world.seen);
        prop_assert!(world.deleted || world.released || is_nothing(&rest), "{rest:#?}");
        prop_assert!(world.seen.operation.status.phase.is_finished()
            || !world.at_work().is_empty()
            || world.seen.operation.deleting.is_some()
            || !world.seen.operation.status.waiting_for.is_empty(), "{:#?}", world.seen.operation.status);
    }
}
