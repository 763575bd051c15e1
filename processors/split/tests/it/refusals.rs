//! What users meet: wrong parameters, inputs that do not fit, and edges.

use millrace_sdk::testing::{Batch, Run};
use millrace_sdk::{Column, Error};
use serde_json::{Value, json};
use split::Split;

use crate::partitions;

fn rows(texts: &[Option<&str>]) -> Vec<Vec<Option<String>>> {
    texts.iter().map(|text| vec![text.map(str::to_owned)]).collect()
}

fn outcome(parameters: Value, texts: &[Option<&str>]) -> Result<Vec<u16>, String> {
    let parts = partitions(&["c"], &rows(texts), &[2], 3);
    Run::new(parameters)
        .fit_split::<Split>(&parts)
        .map(|assigned| assigned.flat())
        .map_err(|error| error.to_string())
}

#[test]
fn parameters_are_refused_in_words() {
    let halves = json!({ "a": "50%", "b": "50%" });
    for (parameters, said) in [
        (
            json!({ "sizes": halves, "hash": "c", "groups": "c" }),
            "/hash: `hash` decides by the value alone; leave out `stratify` and `groups`, or leave out `hash`",
        ),
        (
            json!({ "sizes": { "a": 1, "b": "rest" }, "hash": "c" }),
            "/sizes: a split by `hash` does not count rows: give shares such as \"80%\"",
        ),
        (
            json!({ "sizes": halves, "minPerClass": 1 }),
            "/minPerClass: `minPerClass` counts the values of `stratify`, which is not given",
        ),
        (
            json!({ "sizes": halves, "stratify": [] }),
            "/stratify: name at least one column, or leave `stratify` out",
        ),
        (
            json!({ "sizes": halves, "stratify": ["c", "d"] }),
            "/stratify/1: there is no column `d`; the input has c",
        ),
        (json!({ "sizes": { "a": "50%" }, }), "/sizes: the shares sum to 50%, not 100%"),
    ] {
        assert_eq!(outcome(parameters, &[Some("x"), Some("y")]).unwrap_err(), said);
    }
    assert!(
        outcome(json!({ "sizes": halves, "seed": 1 }), &[]).unwrap_err().contains("unknown field `seed`")
    );
}

#[test]
fn classes_that_are_too_small_are_named() {
    let parameters = json!({ "sizes": { "a": "90%", "b": "10%" }, "stratify": "c", "minPerClass": 1 });
    let mut texts = vec![Some("many"); 30];
    texts.extend([None; 3]);
    let said = outcome(parameters.clone(), &texts).unwrap_err();
    assert_eq!(said, "class (missing) has 3 rows, of which output `b` gets 0; `minPerClass` asks for 1");
    texts.truncate(30);
    assert!(outcome(parameters, &texts).is_ok());
    let grouped =
        json!({ "sizes": { "a": "50%", "b": "50%" }, "groups": "c", "stratify": "c", "minPerClass": 1 });
    assert!(outcome(grouped, &[Some("x"), Some("y")]).unwrap_err().contains("minPerClass"));
}

#[test]
fn counts_have_to_come_to_the_input() {
    assert_eq!(
        outcome(json!({ "sizes": { "a": 2, "b": 2 } }), &[None; 3]).unwrap_err(),
        "the sizes ask for 4 rows and the input has 3"
    );
    assert_eq!(outcome(json!({ "sizes": { "a": 3, "b": 0 } }), &[None; 3]).unwrap(), [0, 0, 0]);
}

#[test]
fn nothing_one_row_and_nulls_only() {
    let halves = json!({ "a": "50%", "b": "50%" });
    for way in ["stratify", "groups", "hash"] {
        let mut parameters = json!({ "sizes": halves });
        parameters[way] = json!("c");
        assert_eq!(outcome(parameters.clone(), &[]).unwrap(), Vec::<u16>::new());
        assert_eq!(outcome(parameters.clone(), &[Some("x")]).unwrap().len(), 1);
        let nulls = outcome(parameters, &[None; 8]).unwrap();
        let expected = if way == "groups" { vec![0xfffe; 8] } else { nulls.clone() };
        assert_eq!(nulls, expected);
        assert_eq!(
            nulls.iter().collect::<std::collections::BTreeSet<_>>().len(),
            if way == "stratify" { 2 } else { 1 }
        );
    }
    assert_eq!(outcome(json!({ "sizes": halves }), &[]).unwrap(), Vec::<u16>::new());
    assert_eq!(outcome(json!({ "sizes": { "a": 0, "b": "rest" } }), &[]).unwrap(), Vec::<u16>::new());
}

#[test]
fn texts_and_typed_columns_agree() {
    let parameters = json!({ "sizes": { "a": "40%", "b": "60%" }, "hash": "c" });
    let run = |column: Column| {
        Run::new(parameters.clone()).split::<Split>(&[vec![Batch::new(vec![("c", column)]).unwrap()]])
    };
    let texts: Vec<Option<String>> = (0..50).map(|number| Some(number.to_string())).collect();
    let expected = run(Column::from_texts(&texts)).unwrap();
    assert_eq!(run(Column::from_i64(&(0..50).collect::<Vec<_>>())).unwrap(), expected);
    assert_eq!(run(Column::from_f64(&(0..50).map(f64::from).collect::<Vec<_>>())).unwrap(), expected);
    assert!(matches!(run(Column::from_i64(&[1, 2]).with_width(2)), Err(Error::InvalidInput(_))));
}

#[test]
fn rows_that_the_fit_did_not_count_are_noticed() {
    let run = Run::new(json!({ "sizes": { "a": "50%", "b": "50%" }, "stratify": "c" }));
    let fitted = run.fit::<Split>(&partitions(&["c"], &rows(&[Some("x"), Some("y")]), &[], 9)).unwrap();
    for later in [[Some("x"), Some("x")], [Some("x"), Some("z")]] {
        let said = run.apply_split::<Split>(&fitted, &partitions(&["c"], &rows(&later), &[], 9)).unwrap_err();
        assert!(said.to_string().contains("the fit did not count"), "{said}");
    }
}

#[test]
fn known_groups_stay() {
    let parameters = json!({ "sizes": { "a": "50%", "b": "50%" }, "groups": "c" });
    let first: Vec<_> = ["p", "q", "r", "s"].map(Some).to_vec();
    let fitted =
        Run::new(parameters.clone()).fit::<Split>(&partitions(&["c"], &rows(&first), &[], 9)).unwrap();
    let before = Run::new(parameters.clone())
        .apply_split::<Split>(&fitted, &partitions(&["c"], &rows(&first), &[], 9))
        .unwrap()
        .flat();
    let second = [vec![Some("t"); 40], first.clone(), vec![Some("u"); 3]].concat();
    let parts = partitions(&["c"], &rows(&second), &[], 9);
    let after =
        Run::new(parameters).seed(99).previous(&fitted.model).fit_split::<Split>(&parts).unwrap().flat();
    assert_eq!(&after[40..44], &before[..]);
    let fewer = Run::new(json!({ "sizes": { "b": "100%" }, "groups": "c" })).previous(&fitted.model);
    assert!(fewer.fit_split::<Split>(&parts).unwrap().flat().iter().all(|output| *output == 0));
}

#[test]
fn too_many_strata_are_refused() {
    let texts: Vec<Option<String>> = (0..1_000_001).map(|number| Some(number.to_string())).collect();
    let batch = Batch::new(vec![("c", Column::from_texts(&texts))]).unwrap();
    let run = Run::new(json!({ "sizes": { "a": "100%" }, "stratify": "c" }));
    let said = run.fit::<Split>(&[vec![batch]]).unwrap_err().to_string();
    assert!(said.contains("more than 1000000 different values"), "{said}");
}
