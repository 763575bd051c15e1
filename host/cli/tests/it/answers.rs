//! The small commands, and the shape of JSON answers.

use crate::{FLOW, Place, rows};

#[test]
fn crds_print_as_one_stream_or_as_files() {
    let place = Place::new();
    let stream = place.run(["crds"]).code(0).stdout;
    assert_eq!(stream.matches("kind: CustomResourceDefinition").count(), stream.matches("---\n").count());
    assert!(stream.contains("name: dataprocessings.data.fluid.io"));
    place.run(["crds", "--dir", "made"]).code(0);
    let files = std::fs::read_dir(place.path("made")).unwrap().count();
    assert_eq!(files, stream.matches("---\n").count());
}

#[test]
fn version_names_everything_that_a_bug_report_needs() {
    let document = Place::new().run(["version", "-o", "json"]).code(0).json();
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    assert!(document["engine"].as_str().unwrap().starts_with("wasmtime 48."), "{document:#}");
    assert!(document["contract"].as_str().unwrap().starts_with("millrace:processor@"), "{document:#}");
    let names: Vec<_> = document["modules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|module| module["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["group", "pca", "split"], "`make modules` comes before the tests");
}

#[test]
fn doctor_tries_what_this_machine_can_do() {
    let document = Place::new().run(["doctor", "-o", "json"]).code(0).json();
    let checks = document["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    for name in [
        "sandbox: landlock",
        "sandbox: seccomp",
        "container runtime",
        "home",
        "home: O_TMPFILE",
        "home: reflinks",
        "modules",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for check in checks.iter().filter(|check| check["state"] != "Ok") {
        assert!(!check["advice"].as_str().unwrap().is_empty(), "{check}");
    }
}

#[test]
fn completions_and_man_pages_know_the_commands() {
    let place = Place::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh", "man"] {
        let text = place.run(["completion", shell]).code(0).stdout;
        assert!(text.contains("process"), "{shell}");
    }
    place.run(["completion", "man", "--dir", "man"]).code(0);
    assert!(place.path("man/millrace-run.1").exists());
}

#[test]
fn help_lists_the_exit_codes() {
    let text = Place::new().run(["--help"]).code(0).stdout;
    for word in ["run", "process", "doctor", "130  interrupted"] {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
    assert!(!text.contains("compile-worker"));
}

#[test]
fn the_json_answer_of_a_run_is_one_document_with_every_step() {
    let place = Place::new();
    place.write("in/data.csv", rows(30));
    place.write("flow.yaml", FLOW);
    let document = place.run(["run", "flow.yaml", "-o", "json"]).code(0).json();
    assert_eq!(document["state"], "Complete");
    let step = &document["steps"][0];
    for (field, value) in [
        ("kind", "DataProcessing"),
        ("namespace", "default"),
        ("name", "parts"),
        ("state", "Complete"),
        ("reason", "Succeeded"),
    ] {
        assert_eq!(step[field], value, "{document:#}");
    }
    assert!(
        step["seconds"].is_f64() && step["module"]["digest"].as_str().unwrap().starts_with("sha256:"),
        "{document:#}"
    );
    let output = &step["outputs"][0];
    assert_eq!((&output["port"], &output["rows"]), (&"a".into(), &15.into()), "{document:#}");
    assert!(output["url"].as_str().unwrap().starts_with("local:///"), "{document:#}");
}
