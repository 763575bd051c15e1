//! `millrace process`: help from the module's own schema, the manifest it means, what is wrong with a command.

use crate::{Place, rows};

const SPLIT: [&str; 11] = [
    "process",
    "split",
    "--input",
    "data.csv",
    "--output",
    "out",
    "-p",
    "sizes.train=80%",
    "-p",
    "sizes.test=20%",
    "--print-manifest",
];

#[test]
fn help_lists_the_modules_and_each_module_its_parameters() {
    let place = Place::new();
    let general = place.run(["process", "--help"]).code(0).stdout;
    for word in ["Usage: millrace process MODULE", "--on-bad-row", "split", "pca", "group"] {
        assert!(general.contains(word), "{word:?} is not in:\n{general}");
    }
    let split = place.run(["process", "split", "--help"]).code(0).stdout;
    for word in [
        "-p sizes=…  a map, required",
        "-p stratify=…  a string or a list",
        "-p minPerClass=…  a whole number, default 0",
        "such as -p sizes.test=10% -p sizes.train=80%",
    ] {
        assert!(split.contains(word), "{word:?} is not in:\n{split}");
    }
}

#[test]
fn the_printed_manifest_is_one_that_run_takes() {
    let place = Place::new();
    place.write("data.csv", rows(9));
    let manifest = place.run(SPLIT).code(0).stdout;
    let plan = place.run_with_input(&["run", "-", "--dry-run", "-o", "json"], &manifest).code(0).json();
    assert_eq!(plan["plan"][0]["does"], "split");
    assert_eq!(plan["plan"][0]["waitingFor"], serde_json::json!([]));
    assert!(manifest.contains(&format!("local://{}", place.path("data.csv").display())), "{manifest}");
}

#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) {
    let place = Place::new();
    place.run(arguments).code(2).says(words);
}

#[test]
fn a_command_that_makes_no_sense_says_what_would() {
    let split = ["process", "split", "--input", "x.csv", "--output", "out", "-p"];
    let with = |parameter| [&split[..], &[parameter]].concat();
    refused(&["process", "splt", "--input", "x"], &["there is no module splt", "did you mean \"split\"?"]);
    refused(&with("stratfy=label"), &["there is no parameter stratfy", "stratify", "sizes is missing"]);
    refused(&with("sizes.train=most"), &["sizes.train", "expected", "--help"]);
    refused(&with("sizes"), &["-p sizes: a parameter is KEY=VALUE"]);
    refused(&["process", "split", "--output", "out", "-p", "sizes.a=100%"], &["--input"]);
    refused(&["process", "split", "--input", "x", "-p", "sizes.a=100%"], &["--output"]);
    refused(&["process"], &["which module?", "split"]);
    refused(&["process", "split", "--input", "x", "--no-such-flag"], &["--no-such-flag"]);
}

#[test]
fn one_step_without_a_manifest() {
    let place = Place::new();
    place.write("data.csv", rows(90));
    let arguments = ["process", "split", "--input", "data.csv", "--output", "out", "-o", "json"];
    let parameters = ["-p", "sizes.train=80%", "-p", "sizes.test=20%", "-p", "stratify=label", "--seed", "3"];
    let document = place.run([&arguments[..], &parameters[..]].concat()).code(0).json();
    let outputs = document["steps"][0]["outputs"].as_array().unwrap();
    let rows: Vec<_> = outputs
        .iter()
        .map(|output| (output["port"].as_str().unwrap(), output["rows"].as_i64().unwrap()))
        .collect();
    assert_eq!(rows, [("test", 18), ("train", 72)]);
    assert!(place.path("out/train").is_dir() && place.path("out/test").is_dir());
}

/// The shipped splitter's bytes; `make modules` put them where the binary's build took them from.
fn shipped_split() -> Vec<u8> {
    let folder = std::env::var_os("MILLRACE_MODULES_DIR").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/modules"),
        std::path::PathBuf::from,
    );
    std::fs::read(folder.join("split.wasm")).unwrap()
}

/// The same module under another name of the same length, in its custom section and its data alike.
fn renamed(mut wasm: Vec<u8>) -> Vec<u8> {
    let (old, new) = (br#""name": "split""#, br#""name": "mine2""#);
    let windows = wasm.windows(old.len()).enumerate();
    let places: Vec<usize> = windows.filter(|(_, bytes)| bytes == old).map(|(place, _)| place).collect();
    assert!(!places.is_empty(), "the descriptor is not in the module");
    for place in places {
        wasm[place..place + new.len()].copy_from_slice(new);
    }
    wasm
}

#[test]
fn a_module_of_ones_own_runs_by_its_file() {
    let place = Place::new();
    place.write("data.csv", rows(100));
    place.write("mine.wasm", renamed(shipped_split()));
    let run = ["process", "mine2", "--module", "mine.wasm", "--input", "data.csv", "--output", "out"];
    place.run([&run[..], &["-p", "sizes.a=50%", "-p", "sizes.b=50%"]].concat()).code(0);
    assert!(place.path("out/_millrace/manifest.json").exists());
}

#[test]
fn a_file_that_is_no_module_or_takes_a_shipped_name_is_refused() {
    let place = Place::new();
    place.write("split.wasm", shipped_split());
    place.write("text.wasm", "hello");
    let run =
        |file: &'static str| ["process", "split", "--module", file, "--input", "data.csv", "--output", "out"];
    place.run(run("split.wasm")).code(2).says(&["split.wasm", "shipped module's name"]);
    place.run(run("text.wasm")).code(2).says(&["text.wasm", "not a module"]);
    place.run(run("gone.wasm")).code(2).says(&["gone.wasm"]);
}
