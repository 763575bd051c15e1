//! Bad input, one table: each ends its step as Failed with whose fault it was and what to do, the
//! other step goes on, and nothing is half published.

use millrace_tests::files;
use millrace_tests::millrace::Millrace;

/// A flow of two independent steps over one folder: `bad`, and `good` that must not care.
fn flow(bad_input: &str, bad_parameters: &str) -> String {
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
apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {{name: bad}}
spec:
  datasets: [{{name: rows, path: /rows}}, {{name: work, path: /work}}]
  processor: {{wasm: {{module: split, input: {bad_input}, output: /work/bad, partitionBytes: 16384, parameters: {bad_parameters}}}}}
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

fn check(name: &str, content: &[u8], parameters: &str, reason: &str, words: &[&str]) {
    let millrace = Millrace::new();
    millrace.write("in/good.csv", files::nasty_csv(100));
    if !content.is_empty() {
        millrace.write(&format!("in/{name}"), content);
    }
    std::fs::create_dir_all(millrace.path("out")).unwrap();
    millrace.write("flow.yaml", flow(&format!("/rows/{name}"), parameters));
    let outcome = millrace.run(["run", "flow.yaml", "-o", "json", "--timeout", "120s"]).code(1);
    let document = outcome.json();
    let step = |wanted: &str| {
        document["steps"].as_array().unwrap().iter().find(|step| step["name"] == wanted).unwrap().clone()
    };
    assert_eq!(step("good")["state"], "Complete", "{document:#}");
    assert_eq!(step("bad")["state"], "Failed", "{document:#}");
    assert_eq!(step("bad")["reason"], reason, "{document:#}");
    let message = step("bad")["message"].as_str().unwrap().to_owned();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
    assert!(files::nothing_published(&millrace.path("out/bad")), "something was published of the bad step");
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
