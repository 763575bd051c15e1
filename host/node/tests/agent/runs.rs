//! Whole runs, from a task to published files.

use std::collections::BTreeMap;

use millrace_crds::Reason;
use millrace_crds::data_processing::{Method, OnBadRow, OutputMode};
use millrace_crds::node_task::{Action, TaskPhase};
use serde_json::json;

use crate::world::{World, table, wasm};

/// Rows of each output, in order, of `/out/parts`.
pub(crate) fn rows(world: &World) -> BTreeMap<String, String> {
    let mut outputs: BTreeMap<String, String> = BTreeMap::new();
    for (path, bytes) in world.files("out/parts").iter().filter(|(path, _)| path.ends_with(".csv")) {
        let output = path.split('/').next().unwrap().to_owned();
        let text = String::from_utf8(bytes.clone()).unwrap();
        outputs.entry(output).or_default().push_str(text.split_once('\n').unwrap().1);
    }
    outputs
}

pub(crate) fn a_split_is_published_whole_and_reused() {
    let mut world = World::new();
    let Some(split) = world.shipped("split") else { return };
    world.start("local", 2);
    world.write("in/data.csv", table(3000));
    let run = wasm(&split, json!({ "sizes": { "train": "80%", "test": "20%" }, "stratify": "label" }));
    let result = world.done(world.task(Action::Run, Some(run.clone())));
    assert!(result.splits && result.fit && !result.reused);
    let counts: Vec<_> = result.outputs.iter().map(|output| (output.port.as_str(), output.rows)).collect();
    assert_eq!(counts, [("test", 600), ("train", 2400)]);
    assert_eq!(result.outputs[0].path, "/out/parts/test");
    assert!(world.path("out/parts/_SUCCESS").exists());
    assert!(!world.path("out/parts/_millrace/runs").read_dir().is_ok_and(|mut runs| runs.next().is_some()));
    let manifest: serde_json::Value =
        serde_json::from_slice(&world.files("out/parts")["_millrace/manifest.json"]).unwrap();
    let classes = manifest["outputs"]["train"]["rowsPerClass"].as_object().unwrap();
    assert_eq!(classes.values().map(|rows| rows.as_u64().unwrap()).sum::<u64>(), 2400, "{classes:?}");
    let written = rows(&world);
    let mut all: Vec<_> =
        written.values().flat_map(|text| text.split("\"\n")).filter(|row| !row.is_empty()).collect();
    all.sort_by_key(|row| row.split(',').next().unwrap().parse::<usize>().unwrap());
    assert_eq!(all.join("\"\n") + "\"\n", table(3000).split_once('\n').unwrap().1);

    let before = world.files("out");
    let again = world.done(world.task(Action::Run, Some(run.clone())));
    assert!(again.reused && again.outputs == result.outputs);
    assert_eq!(world.files("out"), before);
    let mut other = wasm(&split, json!({ "sizes": { "a": "100%" } }));
    let failure = world.run(world.task(Action::Run, Some(other.clone()))).failure.unwrap();
    assert_eq!(failure.reason, Reason::OutputExists, "{}", failure.message);
    assert_eq!(world.files("out"), before);
    other.processor.output_mode = OutputMode::Replace;
    assert_eq!(world.done(world.task(Action::Run, Some(other))).outputs[0].rows, 3000);
}

pub(crate) fn threads_do_not_change_a_byte() {
    let mut before = None;
    for threads in [1, 2, 7] {
        let mut world = World::new();
        let Some(split) = world.shipped("split") else { return };
        world.start("local", threads);
        world.write("in/data.csv", table(3000));
        let mut run =
            wasm(&split, json!({ "sizes": { "a": "34%", "b": "33%", "c": "33%" }, "stratify": "label" }));
        run.processor.output_options.target_file_size =
            Some(k8s_openapi::apimachinery::pkg::api::resource::Quantity("4Ki".into()));
        world.done(world.task(Action::Run, Some(run)));
        let mut files = world.files("out/parts");
        // Its inputs' inodes differ between worlds.
        files.remove("_millrace/manifest.json");
        assert!(files.len() > 20, "{:?}", files.keys());
        assert_eq!(before.get_or_insert_with(|| files.clone()), &files, "{threads} threads");
    }
}

pub(crate) fn a_model_is_fitted_and_applied() {
    let mut world = World::new();
    let Some(pca) = world.shipped("pca") else { return };
    world.start("local", 2);
    let row = |at: i32| format!("{at},{},{}\n", at * 2 % 17, at * at % 23);
    world.write("in/data.csv", format!("a,b,c\n{}", (0..2000).map(row).collect::<String>()));
    let mut run = wasm(&pca, json!({ "n_components": 2 }));
    run.processor.model = Some("/out/model".into());
    run.processor.method = Method::Fit;
    let fitted = world.done(world.task(Action::Run, Some(run.clone())));
    assert_eq!(fitted.outputs.iter().map(|output| output.port.as_str()).collect::<Vec<_>>(), ["model"]);
    assert!(world.path("out/model/model.json").exists() && !world.path("out/parts").exists());
    run.processor.method = Method::Transform;
    let applied = world.done(world.task(Action::Run, Some(run.clone())));
    assert_eq!(applied.outputs[0].rows, 2000);
    let transformed = rows(&world);

    run.processor.method = Method::FitTransform;
    run.processor.output_mode = OutputMode::Replace;
    world.done(world.task(Action::Run, Some(run.clone())));
    assert_eq!(rows(&world), transformed);

    run.processor.method = Method::Transform;
    run.processor.model = Some("/out/nothing".into());
    let failure = world.run(world.task(Action::Run, Some(run))).failure.unwrap();
    assert_eq!(failure.reason, Reason::ModelNotFound);
}

pub(crate) fn bad_rows_fail_or_are_set_apart() {
    let mut world = World::new();
    let Some(split) = world.shipped("split") else { return };
    world.start("local", 2);
    world.write("in/data.csv", "a,b\n1,2\n3\n4,5\n6,7,8\n9,10\n");
    let mut run = wasm(&split, json!({ "sizes": { "all": "100%" } }));
    let status = world.run(world.task(Action::Run, Some(run.clone())));
    let failure = status.failure.unwrap();
    assert_eq!((status.phase, failure.reason), (TaskPhase::Failed, Reason::BadRow));
    assert!(failure.message.contains("data.csv, byte 8"), "{}", failure.message);
    assert!(!world.path("out/parts/_millrace/manifest.json").exists());
    run.processor.on_bad_row = OnBadRow::Quarantine;
    let result = world.done(world.task(Action::Run, Some(run)));
    assert_eq!((result.bad_rows, result.outputs[0].rows), (2, 3));
    let files = world.files("out/parts/_millrace/quarantine");
    let text = String::from_utf8(files.into_values().next().unwrap()).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("\"row\":\"6,7,8\\n\""), "{text}");
}
