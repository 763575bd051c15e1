//! Modules that users uploaded: from a file of a dataset to a run.

use millrace_crds::Reason;
use millrace_crds::node_task::{Action, ModuleFile, NodeTaskSpec, TaskInspect};
use millrace_crds::operation::ResolvedModule;
use millrace_tests::guests;
use serde_json::json;

use crate::world::{World, table, wasm};

/// A module whose descriptor says something of its own, so that no other test has it in the folder.
fn own(name: &str) -> Vec<u8> {
    let descriptor = json!({"name": name, "version": "1.2.3", "description": "", "params_schema": {}});
    let quoted = descriptor.to_string().replace('"', "\\\"");
    guests::from_text(&format!(";; world: split\n(@custom \"millrace:descriptor\" \"{quoted}\")\n"))
}

fn inspect(world: &World, path: &str, digest: String) -> NodeTaskSpec {
    let dataset = world.datasets().into_iter().find(|dataset| dataset.name == "in").unwrap();
    let file = ModuleFile {
        dataset: millrace_crds::node_task::TaskDataset { path: "/".into(), ..dataset },
        path: path.into(),
    };
    let module = ResolvedModule { name: "own".into(), version: String::new(), digest };
    NodeTaskSpec {
        inspect: Some(TaskInspect { module, file }),
        datasets: Vec::new(),
        ..world.task(Action::Inspect, None)
    }
}

pub(crate) fn an_uploaded_module_is_brought_where_it_runs() {
    let name = format!("own-{}", uuid::Uuid::new_v4().simple());
    let bytes = own(&name);
    let digest = millrace_engine::digest(&bytes);
    let world = World::with_agent(1);
    world.write("in/own.wasm", &bytes);
    world.write("in/data.csv", table(100));
    let task = inspect(&world, "/own.wasm", digest.clone());
    let file = task.inspect.clone().unwrap().file;
    let mut run = wasm(&ResolvedModule { name: name.clone(), version: "1.2.3".into(), digest }, json!({}));
    run.file = Some(file);
    // A node that was never asked to inspect it brings it too.
    let result = world.done(world.task(Action::Run, Some(run)));
    assert_eq!(result.outputs.iter().map(|output| output.rows).sum::<i64>(), 100);
    let descriptor = world.done(task).descriptor.unwrap();
    assert_eq!((&descriptor.0["name"], &descriptor.0["version"]), (&json!(name), &json!("1.2.3")));
}

pub(crate) fn what_is_no_module_of_ours_is_refused() {
    let world = World::with_agent(1);
    world.write("in/text.wasm", "not a module");
    world.write("in/wasi.wasm", guests::component("import-wasi"));
    let digest = |path: &str| millrace_engine::digest(&std::fs::read(world.path(path)).unwrap());
    let other = format!("sha256:{}", "1".repeat(64));
    for (path, digest, reason, words) in [
        ("/none.wasm", other.clone(), Reason::SourceNotFound, "/none.wasm"),
        ("/text.wasm", other, Reason::ModuleRefused, "correct the object's sha256"),
        ("/text.wasm", digest("in/text.wasm"), Reason::ModuleRefused, "own"),
        ("/wasi.wasm", digest("in/wasi.wasm"), Reason::ModuleRefused, "wasi"),
        ("/../x.wasm", format!("sha256:{}", "2".repeat(64)), Reason::InvalidSpec, ".."),
    ] {
        let failure = world.run(inspect(&world, path, digest)).failure.unwrap();
        assert_eq!(failure.reason, reason, "{path}: {}", failure.message);
        assert!(failure.message.contains(words), "{path}: {}", failure.message);
    }
}
