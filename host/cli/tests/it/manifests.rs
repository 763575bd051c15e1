//! Bad manifests: each is refused with its place, its snippet, what was expected and the nearest name.

use crate::{FLOW, Place};

/// `words` are all on standard error, and the exit code says that the manifest is not valid.
#[track_caller]
fn check(manifest: &str, words: &[&str]) {
    let place = Place::new();
    place.write("bad.yaml", manifest);
    let outcome = place.run(["run", "bad.yaml", "--dry-run"]).code(3);
    assert_eq!(outcome.stdout, "");
    outcome.says(words);
}

#[test]
fn an_unknown_field_is_shown_with_the_nearest_name() {
    let manifest = "apiVersion: fluid.io/v1alpha1\nkind: Dataset\nmetadata: {name: x}\nspec:\n  mount: []\n";
    check(manifest, &["bad.yaml:5:3", "mount: []", "unknown field spec.mount", "did you mean \"mounts\"?"]);
}

#[test]
fn an_unknown_field_of_metadata_is_one_too() {
    let manifest =
        "apiVersion: fluid.io/v1alpha1\nkind: Dataset\nmetadata: {name: x, label: {a: b}}\nspec: {}\n";
    check(manifest, &["bad.yaml:3:21", "unknown field metadata.label", "did you mean \"labels\"?"]);
}

#[test]
fn a_wrong_type_says_what_it_must_be_and_what_it_is() {
    let manifest =
        "apiVersion: fluid.io/v1alpha1\nkind: Dataset\nmetadata: {name: x}\nspec:\n  mounts: local:///data\n";
    check(manifest, &["bad.yaml:5:11", "spec.mounts must be a list, and is a string"]);
    check(
        &FLOW.replace("module: split", "module: yes"),
        &["bad.yaml:16:30", "must be a string, and is a boolean", "quotes"],
    );
}

#[test]
fn a_word_that_is_none_of_the_words_is_shown_with_the_nearest() {
    let manifest = FLOW.replace("module: split", "method: Transfrom, model: /work/m, module: split");
    check(&manifest, &["bad.yaml:16:30", "Transfrom", "did you mean \"Transform\"?"]);
}

#[test]
fn what_is_missing_is_shown_where_it_belongs() {
    check(
        &FLOW.replace("input: /rows/data.csv, ", ""),
        &["bad.yaml:16:15", "spec.processor.wasm.input is missing"],
    );
}

#[test]
fn rules_speak_in_their_own_words() {
    let manifest = "apiVersion: fluid.io/v1alpha1\nkind: Dataset\nmetadata: {name: x}\nspec:\n  mounts: [{mountPoint: nowhere}]\n";
    check(manifest, &["bad.yaml:5:25", "a mount point is a URL such as"]);
}

#[test]
fn an_unknown_kind_or_version_is_shown_with_the_nearest() {
    check(
        "apiVersion: fluid.io/v1alpha1\nkind: Datset\nmetadata: {name: x}\n",
        &["bad.yaml:2:7", "Datset", "did you mean \"Dataset\"?"],
    );
    check(
        "apiVersion: fluid.io/v1\nkind: RuntimeProfile\nmetadata: {name: x}\n",
        &["bad.yaml:1:13", "RuntimeProfile is in fluid.io/v1alpha1"],
    );
    check("kind: Dataset\nmetadata: {name: x}\n", &["bad.yaml:1:1", "apiVersion is missing"]);
    check(
        "apiVersion: millrace.dev/v1alpha1\nkind: NodeTask\nmetadata: {name: x}\n",
        &["there is no kind NodeTask"],
    );
}

#[test]
fn an_unknown_module_is_shown_with_the_nearest() {
    check(
        &FLOW.replace("module: split", "module: splt"),
        &["bad.yaml:16:30", "there is no module splt", "did you mean \"split\"?"],
    );
    check(&FLOW.replace("module: split", "module: split@9"), &["there is no version split@9"]);
}

#[test]
fn a_wrong_parameter_is_shown_where_it_stands() {
    check(
        &FLOW.replace("parameters: {sizes", "parameters: {stratfy: label, sizes"),
        &["bad.yaml:16:94", "stratfy", "stratify"],
    );
    check(
        &FLOW.replace("a: \"50%\"", "a: [50]"),
        &["bad.yaml:16:105", "expected", "millrace process split --help"],
    );
}

#[test]
fn all_faults_of_all_documents_are_told_at_once() {
    let place = Place::new();
    place.write(
        "one.yaml",
        "apiVersion: fluid.io/v1alpha1\nkind: Datset\nmetadata: {name: x}\n---\nkind: Dataset\n",
    );
    place.write("two.yaml", "a: [1\n");
    let outcome = place.run(["run", "one.yaml", "two.yaml"]).code(3);
    outcome.says(&["one.yaml:2:7", "one.yaml:5:1", "two.yaml:", "this is not YAML", "3 faults"]);
}

#[test]
fn duplicate_keys_are_refused() {
    check(
        "apiVersion: fluid.io/v1alpha1\nkind: Dataset\nkind: Dataset\nmetadata: {name: x}\n",
        &["bad.yaml:3:1", "duplicate"],
    );
}

#[test]
fn the_same_object_twice_is_refused_with_both_places() {
    let manifest = "apiVersion: fluid.io/v1alpha1\nkind: Dataset\nmetadata: {name: x}\nspec: {}\n---\napiVersion: fluid.io/v1alpha1\nkind: Dataset\nmetadata: {name: x}\nspec: {}\n";
    check(manifest, &["bad.yaml:8:18", "Dataset default/x is there twice", "bad.yaml:3:18"]);
}

#[test]
fn operations_that_wait_for_one_another_are_refused() {
    let step = |name: &str, after: &str| {
        format!(
            "---\napiVersion: data.fluid.io/v1alpha1\nkind: DataLoad\nmetadata: {{name: {name}}}\nspec: {{dataset: {{name: d}}, runAfter: {{kind: DataLoad, name: {after}}}}}\n"
        )
    };
    let manifest = [step("a", "c"), step("b", "a"), step("c", "b")].concat();
    check(
        &manifest,
        &["in a circle", "bad.yaml:5:28", "DataLoad default/a after DataLoad default/c", "1 fault "],
    );
}

#[test]
fn a_bare_key_that_kubectl_misreads_is_a_warning() {
    let place = Place::new();
    let manifest = FLOW.replace("spec:\n", "spec:\n  runAfter: {kind: DataLoad, name: warm, on: Finish}\n");
    place.write("flow.yaml", manifest);
    place
        .run(["run", "flow.yaml", "--dry-run"])
        .code(0)
        .says(&["flow.yaml:15:42", "kubectl reads the bare key on as a boolean"]);
}

#[test]
fn json_lists_the_faults_for_programs() {
    let place = Place::new();
    place.write("bad.yaml", "apiVersion: fluid.io/v1alpha1\nkind: Datset\nmetadata: {name: x}\n");
    let document = place.run(["run", "bad.yaml", "-o", "json"]).code(3).json();
    assert_eq!(document["state"], "Invalid");
    let error = &document["errors"][0];
    assert_eq!(
        (&error["file"], &error["line"], &error["column"]),
        (&"bad.yaml".into(), &2.into(), &7.into())
    );
}
