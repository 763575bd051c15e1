//! Results that may not change, made by `vectors/make.py`.

use millrace_sdk::testing::Run;
use serde_json::Value;
use split::Split;

use crate::partitions;

#[derive(serde::Deserialize)]
struct Case {
    parameters: Value,
    seed: u64,
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    outputs: Vec<String>,
    expected: Vec<u16>,
}

fn check(text: &str, least: usize) {
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert!(cases.len() >= least);
    for case in cases {
        let columns: Vec<&str> = case.columns.iter().map(String::as_str).collect();
        for (cuts, batch) in [(vec![], 1000), (vec![1, 7, 30, 31], 5)] {
            let parts = partitions(&columns, &case.rows, &cuts, batch);
            let assigned =
                Run::new(case.parameters.clone()).seed(case.seed).fit_split::<Split>(&parts).unwrap();
            assert_eq!(assigned.outputs, case.outputs);
            assert_eq!(assigned.flat(), case.expected, "{} in {} parts", case.parameters, parts.len());
        }
    }
}

#[test]
fn exact() {
    check(include_str!("../vectors/exact.json"), 8);
}

#[test]
fn groups() {
    check(include_str!("../vectors/groups.json"), 4);
}

#[test]
fn hash() {
    check(include_str!("../vectors/hash.json"), 3);
}
