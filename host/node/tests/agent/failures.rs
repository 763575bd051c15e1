//! What goes wrong, with its reason, its fault and nothing published.

use std::path::Path;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use millrace_crds::Reason;
use millrace_crds::node_task::Action;
use millrace_crds::reason::Fault;
use millrace_tests::guests;
use serde_json::json;

use crate::world::{World, table, wasm};

pub(crate) fn what_cannot_be_done_says_why() {
    let mut world = World::new();
    let Some(split) = world.shipped("split") else { return };
    world.start("local", 1);
    world.write("in/data.csv", table(10));
    let honest = wasm(&split, json!({ "sizes": { "all": "100%" } }));
    let mut cases = Vec::new();
    let mut case = |reason, part: &'static str, change: &dyn Fn(&mut millrace_crds::node_task::TaskWasm)| {
        let mut run = honest.clone();
        change(&mut run);
        cases.push((reason, part, run));
    };
    case(Reason::SourceNotFound, "/in/none*.csv", &|run| run.processor.input = "/in/none*.csv".into());
    case(Reason::InvalidSpec, "none of the datasets", &|run| run.processor.input = "/elsewhere/x".into());
    case(Reason::InvalidSpec, "cannot be written", &|run| run.processor.output = Some("/in/parts".into()));
    case(Reason::InvalidSpec, "processor.wasm.output", &|run| run.processor.output = None);
    case(Reason::InvalidSpec, "limits.memory", &|run| {
        run.processor.limits.memory = Some(Quantity("much".into()))
    });
    case(Reason::ModuleNotFound, "not on this node", &|run| {
        run.module.digest = format!("sha256:{}", "0".repeat(64))
    });
    case(Reason::InvalidParameters, "nope", &|run| {
        run.processor.parameters.0.insert("stratify".into(), "nope".into());
    });
    for (reason, part, run) in cases {
        let failure = world.run(world.task(Action::Run, Some(run))).failure.unwrap();
        assert_eq!((failure.reason, failure.fault), (reason, Fault::User), "{}", failure.message);
        assert!(failure.message.contains(part) && !failure.retryable, "{}", failure.message);
    }
    assert!(!world.path("out/parts/_millrace/manifest.json").exists());
}

pub(crate) fn hostile_modules_end_with_their_reason_and_publish_nothing() {
    let mut world = World::new();
    let cases = [
        ("trap-unreachable", Reason::ModuleTrapped),
        ("loop-in-assign", Reason::DeadlineExceeded),
        ("memory-growth", Reason::MemoryLimit),
        ("forward-forever", Reason::OutputLimit),
        ("assign-too-short", Reason::ProtocolViolation),
        ("error-internal", Reason::ModuleFailed),
        ("import-wasi", Reason::ModuleRefused),
    ];
    let runs: Vec<_> =
        cases.iter().map(|(name, reason)| (world.module(name, guests::component(name)), *reason)).collect();
    let honest = world.module("honest-split", guests::component("honest-split"));
    world.start("local", 2);
    world.write("in/data.csv", table(200));
    let task = |module: &millrace_crds::operation::ResolvedModule| {
        let mut run = wasm(module, json!({}));
        run.processor.output = Some(format!("/out/{}", module.name));
        run.processor.limits.timeout_seconds = Some(2);
        run.processor.limits.output_bytes = Some(Quantity("1Mi".into()));
        world.create(world.task(Action::Run, Some(run)))
    };
    let names: Vec<_> =
        runs.iter().map(|(module, reason)| (module.name.clone(), task(module), *reason)).collect();
    let beside = task(&honest);
    for (module, name, reason) in names {
        let failure = world.wait(&name).failure.unwrap();
        assert_eq!((failure.reason, failure.fault), (reason, Fault::Module), "{module}: {}", failure.message);
        assert!(
            !Path::new(&world.path(&format!("out/{module}/_millrace/manifest.json"))).exists(),
            "{module}"
        );
    }
    assert!(world.wait(&beside).failure.is_none());
    assert!(world.path("out/honest-split/_SUCCESS").exists());
}
