//! A user's own module, as an object: its file lies in a Dataset, and a step names it.

use millrace_tests::guests;
use millrace_tests::millrace::{Millrace, Outcome};
use serde_json::json;

/// A splitter of its own name that sends every row to the first of two outputs.
fn module() -> Vec<u8> {
    let descriptor = json!({"name": "keep", "version": "0.3.1", "description": "", "params_schema": {}});
    let quoted = descriptor.to_string().replace('"', "\\\"");
    guests::from_text(&format!(";; world: split\n(@custom \"millrace:descriptor\" \"{quoted}\")\n"))
}

/// The step may stand before the module and the Dataset that it comes from.
fn manifest(sha256: &str) -> String {
    format!(
        r#"
apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {{name: keep}}
spec:
  datasets: [{{name: work, path: /work}}]
  processor: {{wasm: {{module: keep@0.3, input: /work/data.csv, output: /work/kept}}}}
---
apiVersion: millrace.dev/v1alpha1
kind: ProcessorModule
metadata: {{name: keep}}
spec: {{source: {{dataset: {{name: work, path: modules/keep.wasm, sha256: {sha256}}}}}}}
---
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {{name: work}}
spec: {{mounts: [{{mountPoint: "local://."}}], accessModes: [ReadWriteMany]}}
"#
    )
}

fn run(millrace: &Millrace, sha256: &str, code: i32) -> Outcome {
    millrace.write("keep.yaml", manifest(sha256));
    millrace.run(["run", "keep.yaml", "-o", "json", "--timeout", "120s"]).code(code)
}

#[test]
fn a_module_in_a_dataset_is_checked_and_run() {
    let millrace = Millrace::new();
    millrace.write("data.csv", "id\n1\n2\n3\n");
    let path = millrace.write("modules/keep.wasm", module());
    let sha256 = sha256(&path);
    let document = run(&millrace, &sha256, 0).json();
    let step = &document["steps"][0];
    assert_eq!((&step["name"], &step["state"]), (&json!("keep"), &json!("Complete")), "{document:#}");
    let part = std::fs::read_dir(millrace.path("kept/a")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read_to_string(part).unwrap(), "id\n1\n2\n3\n");

    // The same file under a digest that is not its own.
    let other = "ab".repeat(32);
    let refused = run(&millrace, &other, 1).json();
    let step = &refused["steps"][0];
    assert_eq!(step["reason"], "ModuleRefused", "{refused:#}");
    assert!(step["message"].as_str().unwrap().contains("correct the object's sha256"), "{refused:#}");
}

fn sha256(path: &std::path::Path) -> String {
    let output = std::process::Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}
