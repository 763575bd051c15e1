//! `group`, run natively.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails this way has failed")]

use std::collections::BTreeMap;

use group::{Group, name_of};
use millrace_sdk::Column;
use millrace_sdk::testing::{Assigned, Batch, Run, check_descriptor};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Texts as partitions of at most `size` rows, each one batch; no rows are one empty batch.
fn partitions(texts: &[Option<String>], size: usize) -> Vec<Vec<Batch>> {
    let whole = Batch::new(vec![("c", Column::from_texts(texts))]).unwrap();
    let cut = |start: usize| vec![whole.slice(start, texts.len().min(start + size)).unwrap()];
    (0..texts.len().max(1)).step_by(size).map(cut).collect()
}

fn texts(all: &[Option<&str>]) -> Vec<Option<String>> {
    all.iter().map(|text| text.map(str::to_owned)).collect()
}

fn outcome(parameters: Value, all: &[Option<&str>]) -> Result<Assigned, String> {
    Run::new(parameters).fit_split::<Group>(&partitions(&texts(all), 2)).map_err(|error| error.to_string())
}

fn named(assigned: &Assigned) -> Vec<&str> {
    assigned.rows.iter().flatten().map(|row| assigned.outputs[usize::from(*row)].as_str()).collect()
}

#[test]
fn the_descriptor_agrees_with_the_parameters() {
    check_descriptor::<Group>(env!("CARGO_PKG_VERSION"), &json!({ "by": "c" }));
}

#[test]
fn every_value_has_its_output() {
    let assigned =
        outcome(json!({ "by": "c" }), &[Some("b"), Some("a/b"), None, Some("b"), Some("")]).unwrap();
    assert_eq!(assigned.outputs, ["%empty", "%null", "a%2Fb", "b"]);
    assert_eq!(named(&assigned), ["b", "a%2Fb", "%null", "b", "%empty"]);
    assert_eq!(outcome(json!({ "by": "c" }), &[]).unwrap().outputs, Vec::<String>::new());
    assert_eq!(outcome(json!({ "by": "c", "other": "o" }), &[]).unwrap().outputs, ["o"]);
}

#[test]
fn the_rarest_share_an_output() {
    let all = [Some("x"), Some("y"), Some("z"), Some("z"), Some("rest"), Some("y")];
    let said = outcome(json!({ "by": "c", "maxOutputs": 2 }), &all).unwrap_err();
    assert!(said.starts_with("the column has 4 different values and `maxOutputs` is 2"), "{said}");
    let assigned = outcome(json!({ "by": "c", "maxOutputs": 2, "other": "rest" }), &all).unwrap();
    assert_eq!(named(&assigned), ["rest", "y", "z", "z", "rest", "y"]);
    let assigned = outcome(json!({ "by": "c", "other": "rest" }), &all).unwrap();
    assert_eq!(assigned.outputs, ["%72est", "rest", "x", "y", "z"]);
}

#[test]
fn unknown_values_need_an_output() {
    for (parameters, known) in [(json!({ "by": "c" }), false), (json!({ "by": "c", "other": "o" }), true)] {
        let run = Run::new(parameters);
        let fitted = run.fit::<Group>(&partitions(&texts(&[Some("a")]), 9)).unwrap();
        let later = run.apply_split::<Group>(&fitted, &partitions(&texts(&[Some("b")]), 9));
        assert_eq!(later.is_ok(), known);
    }
}

#[test]
fn columns_are_checked() {
    assert_eq!(
        outcome(json!({ "by": "d" }), &[]).unwrap_err(),
        "/by: there is no column `d`; the input has c"
    );
}

#[derive(serde::Deserialize)]
struct Case {
    parameters: Value,
    rows: Vec<Option<String>>,
    outputs: Vec<String>,
    expected: Vec<u16>,
}

/// Results that may not change, made by `vectors/make.py`.
#[test]
fn vectors() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../vectors/group.json")).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        for size in [1000, 7] {
            let assigned =
                Run::new(case.parameters.clone()).fit_split::<Group>(&partitions(&case.rows, size)).unwrap();
            assert_eq!(
                (&assigned.outputs, assigned.flat()),
                (&case.outputs, case.expected.clone()),
                "{}",
                case.parameters
            );
        }
    }
}

proptest! {
    #[test]
    fn rows_stand_in_the_output_of_their_value(
        all in prop::collection::vec(prop::option::of("[ab%/.]{0,2}"), 1..80), size in 1_usize..30, most in 1_u32..6,
    ) {
        let parameters = json!({ "by": "c", "maxOutputs": most, "other": "else" });
        let run = Run::new(parameters);
        let assigned = run.fit_split::<Group>(&partitions(&all, size)).unwrap();
        let mut rows: BTreeMap<String, u64> = BTreeMap::new();
        for (text, output) in all.iter().zip(named(&assigned)) {
            let name = name_of(text.as_ref().map(String::as_bytes), Some("else"));
            prop_assert!(output == "else" || output == name);
            *rows.entry(name).or_default() += 1;
        }
        prop_assert_eq!(assigned.outputs.len(), rows.len().min(most as usize) + 1);
        let least = assigned.outputs.iter().filter_map(|name| rows.get(name)).min().copied().unwrap_or(0);
        prop_assert!(rows.iter().all(|(name, count)| assigned.outputs.contains(name) || *count <= least));
        prop_assert_eq!(run.fit_split::<Group>(&partitions(&all, 1000)).unwrap().flat(), assigned.flat());
    }
}
