//! The SDK as an author meets it: the README's splitter, run natively and held to its descriptor.
#![expect(clippy::unwrap_used, reason = "a test that fails this way has failed")]

#[path = "../../examples/threshold.rs"]
mod threshold;

use millrace_sdk::testing::{Batch, Run, check_descriptor};
use millrace_sdk::{BAD, Column, Error};
use serde_json::json;
use threshold::Threshold;

fn batch() -> Batch {
    let column = Column::from_i64(&[1, 5, 9, 4]).with_missing(|row| row == 2);
    Batch::new(vec![("age", column)]).unwrap()
}

#[test]
fn it_splits_natively() {
    let run = Run::new(json!({ "column": "age", "at": 5 }));
    let assigned = run.split::<Threshold>(&[vec![batch()]]).unwrap();
    assert_eq!(assigned.outputs, ["low", "high"]);
    assert_eq!(assigned.flat(), [0, 1, BAD, 0]);
    assert_eq!(assigned.sizes(), [2, 1]);
}

#[test]
fn wrong_parameters_are_the_user_s_fault() {
    let run = Run::new(json!({ "column": "ages", "at": 5 }));
    let error = run.split::<Threshold>(&[vec![batch()]]).unwrap_err();
    assert_eq!(error, Error::parameter("/column", "there is no column `ages`; the input has age"));
    let error = Run::new(json!({ "column": "age" })).plan::<Threshold>(batch().schema()).unwrap_err();
    assert!(matches!(error, Error::InvalidParams(_)), "{error}");
}

#[test]
fn its_descriptor_agrees() {
    check_descriptor::<Threshold>("0.1.0", &json!({ "column": "age", "at": 1 }));
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../../examples/threshold.rs");
    assert!(readme.contains(example.split_once("\n\n").unwrap().1), "README.md shows another program");
}
