//! What users meet: wrong parameters, inputs that do not fit, damaged states and models.

use millrace_sdk::testing::{Batch, Run};
use millrace_sdk::{Aggregator, Column, Error};
use pca::Pca;
use serde_json::{Value, json};

use crate::{fit, partitions};

fn said(parameters: Value, rows: &[Vec<f64>]) -> String {
    fit(parameters, &partitions(rows, 2, 2)).unwrap_err().to_string()
}

fn three() -> Vec<Vec<f64>> {
    vec![vec![1.0, 2.0], vec![2.0, 1.0], vec![5.0, 5.0]]
}

#[test]
fn numbers_of_components_are_checked() {
    assert_eq!(
        said(json!({ "n_components": 3 }), &three()),
        "/n_components: 3 components of an input that has at most 2 (the smaller of its rows and columns)"
    );
    assert!(said(json!({ "n_components": "1.5" }), &three()).starts_with("/n_components: `1.5` is neither"));
    assert!(said(json!({ "components": 3 }), &three()).contains("unknown field"));
}

#[test]
fn columns_are_checked() {
    assert_eq!(
        said(json!({ "columns": "z*" }), &three()),
        "/columns/0: there is no column `z*`; the input has x0, x1"
    );
    assert_eq!(said(json!({ "keep": "z" }), &three()), "/keep: there is no column `z`; the input has x0, x1");
    assert!(said(json!({ "keep": ["x0", "x1"] }), &three()).contains("no numeric column"));
    assert_eq!(
        said(json!({ "columns": "x1", "keep": "x0", "prefix": "x", "n_components": 1 }), &three()),
        "/prefix: `x0` is kept and would also be the name of a component"
    );
}

#[test]
fn two_good_rows_are_needed() {
    assert_eq!(said(json!({}), &three()[..1]), "PCA needs at least 2 good rows, and the input has 1");
    let bad = vec![vec![f64::NAN, 1.0], vec![1.0, f64::INFINITY]];
    assert_eq!(said(json!({}), &bad), "PCA needs at least 2 good rows, and the input has none");
    let missing = Column::from_f64(&[1.0, 2.0]).with_missing(|_| true);
    let batch = Batch::new(vec![("x", missing)]).unwrap();
    assert!(matches!(fit(json!({}), &[vec![batch]]), Err(Error::InvalidInput(_))));
    assert!(matches!(Run::new(json!({})).fit::<Pca>(&[]), Err(Error::InvalidInput(_))));
}

#[test]
fn damaged_bytes_are_errors() {
    let pca: Pca = serde_json::from_value(json!({})).unwrap();
    let fitted = fit(json!({}), &partitions(&three(), 2, 2)).unwrap();
    for cut in 0..fitted.state.len() {
        assert!(pca.decode(&fitted.state[..cut]).is_err());
    }
    for name in ["model.json", "components_.npy", "mean_.npy", "scale_.npy"] {
        let mut model = fitted.model.clone();
        model
            .iter_mut()
            .filter(|file| file.name == name)
            .for_each(|file| file.bytes.truncate(file.bytes.len() - 3));
        let outcome = Run::new(json!({})).model(&model).transform::<Pca>(&partitions(&three(), 2, 2));
        assert!(matches!(outcome, Err(Error::InvalidInput(_))), "{name}");
        model.retain(|file| file.name != name);
        assert!(
            name == "model.json"
                || Run::new(json!({})).model(&model).transform::<Pca>(&partitions(&three(), 2, 2)).is_err()
        );
    }
}
