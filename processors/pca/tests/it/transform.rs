//! Applying a model: projected rows, kept columns, bad rows, other datasets.

use millrace_sdk::testing::{Batch, Record, Run};
use millrace_sdk::{Column, Dtype};
use pca::Pca;
use serde_json::{Value, json};

use crate::{array, close, cut, fit};

const XS: [f64; 6] = [1.0, 2.0, 4.0, f64::NAN, 7.0, 11.0];
const YS: [f64; 6] = [0.5, 0.0, 3.0, 1.0, 2.0, 9.0];

/// Two features, a text and a number to keep; row 3 is NaN.
fn batch(single: bool) -> Batch {
    let feature = |values: &[f64]| {
        if single {
            Column::from_f32(&values.iter().map(|value| *value as f32).collect::<Vec<_>>())
        } else {
            Column::from_f64(values)
        }
    };
    let names = ["a", "b", "c", "d", "e", "f"].map(|name| (name != "b").then_some(name));
    let columns = vec![
        ("x", feature(&XS)),
        ("name", Column::from_texts(&names)),
        ("y", feature(&YS)),
        ("label", Column::from_i64(&[0, 1, 2, 3, 4, 5])),
    ];
    Batch::new(columns).unwrap()
}

fn transform(parameters: &Value, single: bool, size: usize) -> (Vec<Record>, Vec<millrace_sdk::ModelFile>) {
    let parts = cut(&batch(single), size, 2);
    let model = fit(parameters.clone(), &parts).unwrap().model;
    (Run::new(parameters.clone()).model(&model).transform::<Pca>(&parts).unwrap(), model)
}

/// All values of a column, over partitions and batches.
fn values(records: &[Record], name: &str) -> Vec<f64> {
    let batches =
        records.iter().flat_map(|record| record.outputs.values()).flat_map(|written| &written.batches);
    let inner = |batch: &Batch| batch.column(name).unwrap().to_f64().unwrap();
    batches.flat_map(inner).collect()
}

#[test]
fn rows_are_projected_and_bad_ones_left_out() {
    let parameters = json!({ "keep": ["label", "name"], "prefix": "pc" });
    for size in [1, 2, 6] {
        let (records, model) = transform(&parameters, false, size);
        let (mean, components) = (array(&model, "mean_.npy"), array(&model, "components_.npy"));
        let good = [0, 1, 2, 4, 5];
        let score = |row: &usize, of: usize| {
            (XS[*row] - mean[0]) * components[of * 2] + (YS[*row] - mean[1]) * components[of * 2 + 1]
        };
        for (name, of) in [("pc0", 0), ("pc1", 1)] {
            let expected: Vec<f64> = good.iter().map(|row| score(row, of)).collect();
            assert!(close(&values(&records, name), &expected, 1e-12));
        }
        assert_eq!(values(&records, "label"), [0.0, 1.0, 2.0, 4.0, 5.0]);
        let bad: usize = records.iter().map(|record| record.bad_rows.len()).sum();
        assert_eq!(bad, 1);
    }
}

#[test]
fn columns_come_in_order_and_in_the_data_s_precision() {
    for (single, dtype) in [(false, Dtype::Float64), (true, Dtype::Float32)] {
        let (records, _) = transform(&json!({ "keep": "name" , "columns": ["x", "y"] }), single, 6);
        let fields: Vec<_> = records[0].outputs["data"]
            .schema
            .fields
            .iter()
            .map(|field| (field.name.clone(), field.dtype))
            .collect();
        assert_eq!(
            fields,
            [("pca0".to_owned(), dtype), ("pca1".to_owned(), dtype), ("name".to_owned(), Dtype::Utf8)]
        );
    }
}

#[test]
fn whitened_scores_have_unit_variance() {
    let (records, _) = transform(&json!({ "whiten": true, "standardize": true, "columns": ["?"] }), false, 6);
    for name in ["pca0", "pca1"] {
        let scores = values(&records, name);
        let variance = scores.iter().map(|score| score * score).sum::<f64>() / 4.0;
        assert!((variance - 1.0).abs() < 1e-9, "{variance}");
    }
}

#[test]
fn a_model_is_applied_to_another_dataset() {
    let (_, model) = transform(&json!({ "keep": ["label"] }), false, 6);
    let other = Batch::new(vec![
        ("y", Column::from_i64(&[1, 2])),
        ("more", Column::from_i64(&[9, 9])),
        ("x", Column::from_f64(&[3.0, 4.0])),
    ])
    .unwrap();
    let run = Run::new(json!({})).model(&model);
    let plan = run.plan::<Pca>(other.schema()).unwrap();
    assert_eq!((plan.fit, plan.columns.unwrap()), (false, vec!["x".to_owned(), "y".to_owned()]));
    assert_eq!(plan.outputs[0].1.fields.len(), 2);
    let records = run.transform::<Pca>(&[vec![other]]).unwrap();
    let (mean, components) = (array(&model, "mean_.npy"), array(&model, "components_.npy"));
    let expected = (3.0 - mean[0]) * components[0] + (1.0 - mean[1]) * components[1];
    assert!((values(&records, "pca0")[0] - expected).abs() < 1e-12);
    let lacking = Batch::new(vec![("y", Column::from_i64(&[1]))]).unwrap();
    let said = run.transform::<Pca>(&[vec![lacking]]).unwrap_err().to_string();
    assert_eq!(said, "the model needs it: there is no column `x`; the input has y");
}

#[test]
fn fixed_size_lists_are_flattened() {
    let vectors = Column::from_f32(&[1.0, 2.0, 3.0, 5.0, 4.0, 4.0, 0.0, 1.0]).with_width(2);
    let batch = Batch::new(vec![("v", vectors)]).unwrap();
    let model = fit(json!({}), &[vec![batch.clone()]]).unwrap().model;
    assert_eq!(crate::json(&model)["feature_names_in_"], json!(["v[0]", "v[1]"]));
    let records = Run::new(json!({})).model(&model).transform::<Pca>(&[vec![batch]]).unwrap();
    assert_eq!(values(&records, "pca0").len(), 4);
}

#[test]
fn only_bad_rows_write_nothing() {
    let (_, model) = transform(&json!({ "columns": ["x", "y"] }), false, 6);
    let bad =
        Batch::new(vec![("x", Column::from_f64(&[f64::INFINITY])), ("y", Column::from_f64(&[1.0]))]).unwrap();
    let records = Run::new(json!({})).model(&model).transform::<Pca>(&[vec![bad]]).unwrap();
    assert!(records[0].outputs["data"].batches.is_empty());
    assert_eq!(records[0].bad_rows.len(), 1);
}
