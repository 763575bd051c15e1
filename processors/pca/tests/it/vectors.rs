//! Results worked out by `vectors/make.py` in exact arithmetic.

use millrace_sdk::ModelFile;
use millrace_sdk::testing::Run;
use pca::Pca;
use serde_json::Value;

use crate::{array, close, fit, json, partitions};

#[derive(serde::Deserialize)]
struct Case {
    parameters: Value,
    rows: Vec<Vec<f64>>,
    expected: Expected,
}

#[derive(serde::Deserialize)]
struct Expected {
    mean_: Vec<f64>,
    scale_: Vec<f64>,
    explained_variance_: Vec<f64>,
    explained_variance_ratio_: Vec<f64>,
    singular_values_: Vec<f64>,
    components_: Vec<Vec<f64>>,
    noise_variance_: f64,
    scores: Vec<Vec<f64>>,
}

const TOLERANCE: f64 = 1e-8;

fn check_model(model: &[ModelFile], expected: &Expected) {
    for (name, values) in [
        ("mean_.npy", &expected.mean_),
        ("scale_.npy", &expected.scale_),
        ("explained_variance_.npy", &expected.explained_variance_),
        ("singular_values_.npy", &expected.singular_values_),
        ("components_.npy", &expected.components_.concat()),
    ] {
        assert!(
            close(&array(model, name), values, TOLERANCE),
            "{name}: {:?} and {values:?}",
            array(model, name)
        );
    }
    let summary = json(model);
    let ratios: Vec<f64> = serde_json::from_value(summary["explained_variance_ratio_"].clone()).unwrap();
    assert!(close(&ratios, &expected.explained_variance_ratio_, TOLERANCE));
    let noise = summary["noise_variance_"].as_f64().unwrap();
    assert!((noise - expected.noise_variance_).abs() <= TOLERANCE * expected.explained_variance_[0]);
}

#[test]
fn models_and_scores() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../vectors/pca.json")).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        for size in [1, 5, 1000] {
            let parts = partitions(&case.rows, size, 3);
            let model = fit(case.parameters.clone(), &parts).unwrap().model;
            check_model(&model, &case.expected);
            let records = Run::new(case.parameters.clone()).model(&model).transform::<Pca>(&parts).unwrap();
            for component in 0..case.expected.components_.len() {
                let batches = records.iter().flat_map(|record| &record.outputs["data"].batches);
                let column = |batch: &millrace_sdk::testing::Batch| {
                    batch.column(&format!("pca{component}")).unwrap().to_f64().unwrap()
                };
                let scores: Vec<f64> = batches.flat_map(column).collect();
                let expected: Vec<f64> = case.expected.scores.iter().map(|row| row[component]).collect();
                assert!(close(&scores, &expected, TOLERANCE), "component {component}");
            }
        }
    }
}
