//! `millrace run`: where manifests come from, what is planned, what is run, how it ends.

use crate::{FLOW, Place, rows};

fn prepared() -> Place {
    let place = Place::new();
    place.write("in/data.csv", rows(60));
    place.write("flow.yaml", FLOW);
    place
}

fn plan(place: &Place, arguments: &[&str]) -> Vec<String> {
    let document = place.run([&["run", "--dry-run", "-o", "json"], arguments].concat()).code(0).json();
    document["plan"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn manifests_come_from_files_folders_and_standard_input() {
    let place = prepared();
    let load = "apiVersion: data.fluid.io/v1alpha1\nkind: DataLoad\nmetadata: {name: NAME}\nspec: {dataset: {name: rows}}\n";
    place.write("steps/b.yml", load.replace("NAME", "second"));
    place.write("steps/a.json", r#"{"apiVersion": "data.fluid.io/v1alpha1", "kind": "DataLoad", "metadata": {"name": "first"}, "spec": {"dataset": {"name": "rows"}}}"#);
    place.write("steps/notes.txt", "not a manifest");
    assert_eq!(plan(&place, &["flow.yaml", "steps"]), ["parts", "first", "second"]);
    let outcome = place.run_with_input(&["run", "-", "--dry-run"], &load.replace("NAME", "piped")).code(0);
    assert!(outcome.stdout.contains("DataLoad default/piped"), "{}", outcome.stdout);
}

#[test]
fn a_list_is_its_items_and_a_namespace_is_filled_in() {
    let place = Place::new();
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: data.fluid.io/v1alpha1, kind: DataLoad, metadata: {name: a}, spec: {dataset: {name: rows}}}\n";
    place.write("list.yaml", list);
    let document = place.run(["run", "list.yaml", "--dry-run", "-o", "json", "-n", "team"]).code(0).json();
    assert_eq!(document["plan"][0]["namespace"], "team");
    assert_eq!(document["plan"][0]["waitingFor"], serde_json::json!(["Dataset team/rows"]));
}

#[test]
fn what_cannot_be_read_is_a_usage_error() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).unwrap();
    place.run(["run", "missing.yaml"]).code(2).says(&["cannot read missing.yaml", "No such file"]);
    place.run(["run", "empty"]).code(2).says(&["the folder empty holds no manifest"]);
    place.run(["run", "-", "-"]).code(2).says(&["standard input (-) can be read only once"]);
}

#[test]
fn manifests_without_operations_say_so() {
    let place = Place::new();
    place.write(
        "one.yaml",
        "apiVersion: fluid.io/v1alpha1\nkind: RuntimeProfile\nmetadata: {name: x}\nspec: {local: {}}\n",
    );
    place.run(["run", "one.yaml"]).code(0).says(&["nothing to run"]);
}

#[test]
fn a_plan_is_in_order_and_does_nothing() {
    let place = prepared();
    let late = "apiVersion: data.fluid.io/v1alpha1\nkind: DataLoad\nmetadata: {name: late}\nspec: {dataset: {name: rows}, runAfter: {kind: DataProcessing, name: parts}}\n";
    place.write("a.yaml", late);
    assert_eq!(plan(&place, &["a.yaml", "flow.yaml"]), ["parts", "late"]);
    assert!(!place.path("out").exists() && !place.path(".home").exists());
}

#[test]
fn a_run_ends_with_a_table_on_standard_output_and_progress_elsewhere() {
    let place = prepared();
    let outcome = place.run(["run", "flow.yaml"]).code(0);
    let header = outcome.stdout.lines().next().unwrap();
    assert_eq!(header.split_whitespace().collect::<Vec<_>>(), ["STEP", "STATE", "ROWS", "TIME", "WHERE"]);
    let out = place.path("out/parts/a");
    assert!(outcome.stdout.contains("Complete") && outcome.stdout.contains("a 30"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains(&out.display().to_string()), "{}", outcome.stdout);
    outcome.says(&["parts", "Complete"]);
}

#[test]
fn a_failed_step_says_what_why_and_what_next() {
    let place = prepared();
    place.write("in/data.csv", "id,label\n1,a\n2\n");
    let outcome = place.run(["run", "flow.yaml"]).code(1);
    outcome.says(&["failed: DataProcessing default/parts (BadRow)", "what:", "data.csv", "why:", "next:"]);
    assert!(outcome.stdout.contains("Failed"), "{}", outcome.stdout);
}

#[test]
fn a_step_whose_objects_nobody_made_fails_at_once() {
    let place = prepared();
    place.write(
        "flow.yaml",
        FLOW.replace("spec:\n  datasets", "spec:\n  runAfter: {kind: DataLoad, name: warm}\n  datasets"),
    );
    let document = place.run(["run", "flow.yaml", "-o", "json", "--timeout", "60s"]).code(1).json();
    assert_eq!(
        (&document["state"], &document["steps"][0]["reason"]),
        (&"Failed".into(), &"NotFound".into()),
        "{document:#}"
    );
}

#[test]
fn fresh_computes_again_and_otherwise_what_is_there_is_reused() {
    let place = prepared();
    let reason = |extra: &[&str]| {
        let arguments = [&["run", "flow.yaml", "-o", "json"], extra].concat();
        place.run(arguments).code(0).json()["steps"][0]["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason(&[]), "Succeeded");
    assert_eq!(reason(&[]), "Reused");
}
