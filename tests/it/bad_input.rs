//! Bad input, one table: each ends its step as Failed with whose fault it was and what to do, the
//! other step goes on, and nothing is half published.

use std::process::Command;

use millrace_tests::millrace::{Millrace, Outcome};
use millrace_tests::{files, guests};
use serde_json::Value;

/// A flow of two independent steps over one folder: `bad`, whose Wasm processor begins with `bad`, and
/// `good` that must not care. Dataset `full` is where nothing fits.
fn flow(bad: &str) -> String {
    format!(
        r#"
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {{name: rows}}
spec: {{mounts: [{{mountPoint: "local://./in"}}]}}
---
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {{name: work}}
spec: {{mounts: [{{mountPoint: "local://./out"}}], accessModes: [ReadWriteMany]}}
---
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {{name: full}}
spec: {{mounts: [{{mountPoint: "local://./full"}}], accessModes: [ReadWriteMany]}}
---
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {{name: gone}}
spec: {{mounts: [{{mountPoint: "http://127.0.0.1:1/data.csv"}}]}}
---
apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {{name: bad}}
spec:
  backoffLimit: 0
  datasets:
  - {{name: rows, path: /rows}}
  - {{name: work, path: /work}}
  - {{name: full, path: /full}}
  - {{name: gone, path: /gone}}
  processor: {{wasm: {{{bad}}}}}
---
apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {{name: good}}
spec:
  datasets: [{{name: rows, path: /rows}}, {{name: work, path: /work}}]
  processor: {{wasm: {{module: split, input: /rows/good.csv, output: /work/good, parameters: {{sizes: {{a: "50%", b: "50%"}}}}}}}}
"#
    )
}

const HALVES: &str = r#"{sizes: {a: "50%", b: "50%"}}"#;

/// A work folder with the good step's input.
fn prepared(bad: &str) -> Millrace {
    let millrace = Millrace::new();
    millrace.write("in/good.csv", files::nasty_csv(100));
    for folder in ["out", "full"] {
        std::fs::create_dir_all(millrace.path(folder)).unwrap();
    }
    millrace.write("flow.yaml", flow(bad));
    millrace
}

const RUN: [&str; 6] = ["run", "flow.yaml", "-o", "json", "--timeout", "120s"];

/// The good step completed; the bad one failed for `reason` with these words, and published nothing.
fn judge(millrace: &Millrace, outcome: Outcome, reason: &str, words: &[&str]) {
    let document = outcome.code(1).json();
    let step = |wanted: &str| -> Value {
        document["steps"].as_array().unwrap().iter().find(|step| step["name"] == wanted).unwrap().clone()
    };
    assert_eq!(step("good")["state"], "Complete", "{document:#}");
    assert_eq!(step("bad")["state"], "Failed", "{document:#}");
    assert_eq!(step("bad")["reason"], reason, "{document:#}");
    let message = step("bad")["message"].as_str().unwrap().to_owned();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
    for folder in ["out/bad", "full/bad"] {
        assert!(files::nothing_published(&millrace.path(folder)), "something was published in {folder}");
    }
}

fn check(name: &str, content: &[u8], parameters: &str, reason: &str, words: &[&str]) {
    let bad = format!(
        "module: split, input: /rows/{name}, output: /work/bad, partitionBytes: 16384, parameters: {parameters}"
    );
    let millrace = prepared(&bad);
    if !content.is_empty() {
        millrace.write(&format!("in/{name}"), content);
    }
    judge(&millrace, millrace.run(RUN), reason, words);
}

#[test]
fn a_ragged_row_is_named_with_its_place() {
    check("ragged.csv", b"a,b,c\n1,2,3\n4,5\n6,7,8\n", HALVES, "BadRow", &["ragged.csv", "byte 12"]);
}

#[test]
fn a_truncated_parquet_file_is_corrupt_input() {
    check("cut.parquet", b"PAR1\x15\x04\x15\x10\x15\x14", HALVES, "CorruptInput", &["cut.parquet"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    check("missing.csv", b"", HALVES, "SourceNotFound", &["missing.csv"]);
}

#[test]
fn a_column_that_is_not_there_is_named_with_the_nearest() {
    check(
        "typo.csv",
        b"id,label\n1,x\n2,y\n",
        r#"{sizes: {a: "50%", b: "50%"}, stratify: labell}"#,
        "InvalidParameters",
        &["labell", "label"],
    );
}

#[test]
fn counts_that_do_not_fit_the_data_are_refused() {
    check("few.csv", b"id\n1\n2\n3\n", "{sizes: {a: \"2\", b: \"7\"}}", "InvalidInput", &["3"]);
}

/// A hostile module, given as a file of the user's own.
fn check_module(guest: &str, limits: &str, reason: &str, words: &[&str]) {
    let bad = format!("module: fixture, input: /rows/good.csv, output: /work/bad, limits: {limits}");
    let millrace = prepared(&bad);
    millrace.write("fixture.wasm", guests::component(guest));
    let outcome = millrace.run(RUN.into_iter().chain(["--module", "fixture.wasm"]));
    judge(&millrace, outcome, reason, words);
}

#[test]
fn a_module_that_traps_is_named_with_the_rows_it_had() {
    check_module("trap-unreachable", "{}", "ModuleTrapped", &["unreachable", "good.csv"]);
}

#[test]
fn a_module_that_loops_is_stopped_at_its_limit() {
    check_module("loop-in-assign", "{timeoutSeconds: 2}", "DeadlineExceeded", &["limits.timeoutSeconds"]);
}

#[test]
fn a_module_that_allocates_without_end_meets_its_limit() {
    check_module("memory-growth", "{memory: 64Mi}", "MemoryLimit", &["memory"]);
}

#[test]
fn a_module_that_writes_too_much_is_stopped() {
    check_module("forward-forever", "{outputBytes: 1Mi}", "OutputLimit", &["output"]);
}

#[test]
fn a_module_that_answers_one_row_too_few_breaks_the_contract() {
    check_module("assign-too-short", "{}", "ProtocolViolation", &["good.csv"]);
}

#[test]
fn a_store_that_is_not_there_is_named() {
    let bad = "module: split, input: /gone/data.csv, output: /work/bad, parameters: ".to_owned() + HALVES;
    let millrace = prepared(&bad);
    judge(&millrace, millrace.run(RUN), "StoreUnreachable", &["127.0.0.1:1"]);
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing() {
    if !rustix::process::geteuid().is_root() {
        return millrace_tests::skip(
            "a full disk",
            "only root can mount a small tmpfs in a namespace of its own",
        );
    }
    let bad = "module: split, input: /rows/big.csv, output: /full/bad, parameters: ".to_owned() + HALVES;
    let millrace = prepared(&bad);
    millrace.write("in/big.csv", files::nasty_csv(20_000));
    let inside = r#"mount -t tmpfs -o size=256k,nosuid millrace-test full && "$@"; code=$?; ls -A full/bad >left 2>&1; exit $code"#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", inside, "sh"]).arg(millrace_tests::millrace::binary()).args(RUN);
    let outcome = millrace.finish(command);
    judge(&millrace, outcome, "DiskFull", &["free space"]);
    let left = std::fs::read_to_string(millrace.path("left")).unwrap();
    assert!(!left.contains("_SUCCESS") && !left.contains("part-"), "{left}");
}
