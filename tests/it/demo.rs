//! The first five minutes: the demo's manifests, and the mission's, as a user would run them.

use millrace_tests::millrace::{Millrace, repository};

#[test]
fn digits_goes_through_preload_split_and_pca() {
    let millrace = Millrace::new();
    copy(&repository().join("crds/examples/data/digits"), &millrace.path("data/digits"));
    std::fs::copy(repository().join("crds/examples/digits.yaml"), millrace.path("digits.yaml")).unwrap();
    let outcome = millrace.run(["run", "digits.yaml", "-o", "json"]).ok();
    let document = outcome.json();
    let steps = document["steps"].as_array().expect("steps");
    assert!(steps.len() >= 4, "{document:#}");
    for step in steps {
        assert_eq!(step["state"], "Complete", "{document:#}");
    }
    let rows: i64 = outputs(&document, "train") + outputs(&document, "test");
    assert_eq!(rows, 1797, "{document:#}");
    assert_eq!(outputs(&document, "train"), 1438, "80 % of 1,797, every class exact: {document:#}");
}

fn outputs(document: &serde_json::Value, port: &str) -> i64 {
    let steps = document["steps"].as_array().unwrap();
    let outputs = steps.iter().filter_map(|step| step["outputs"].as_array()).flatten();
    outputs.filter(|output| output["port"] == port).map(|output| output["rows"].as_i64().unwrap()).sum()
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
