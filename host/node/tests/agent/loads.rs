//! Listing and loading, and what the agent says of its node.

use kube::Api;
use kube::runtime::wait::await_condition;
use millrace_crds::CacheNode;
use millrace_crds::node_task::Action;

use crate::world::World;

pub(crate) fn a_local_dataset_is_listed_and_held() {
    let world = World::with_agent(1);
    std::fs::create_dir(world.path("in/more")).unwrap();
    world.write("in/a.csv", "12345");
    world.write("in/more/b.csv", "123");
    let listed = world.done(world.task(Action::List, None));
    assert_eq!((listed.total_bytes, listed.total_files), (8, 2));
    let mut some = world.task(Action::Load, None);
    some.paths = vec!["more".into()];
    let loaded = world.done(some);
    assert_eq!((loaded.cached_bytes, loaded.cached_files), (3, 1));
    let seen = |node: Option<&CacheNode>| {
        node.and_then(|node| node.status.as_ref()).is_some_and(|status| status.seen.is_some())
    };
    let api: Api<CacheNode> = Api::all(world.client());
    let node = world.runtime.block_on(await_condition(api, "local", seen)).unwrap().unwrap();
    let status = node.status.unwrap();
    assert!(
        !status.boot_id.is_empty()
            && status.capacity_bytes > status.free_bytes
            && !status.file_system.is_empty()
    );
}
