//! The model: against the reference, and the same however the rows are cut.

use proptest::prelude::*;
use serde_json::json;

use crate::{array, close, file, fit, json as model_json, partitions, reference};

/// Rows with well separated variances along turned axes, far from the origin.
fn rows(count: usize, size: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut state = seed | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let mut one = || {
        let free: Vec<f64> = (0..size).map(|axis| random() * 3.0_f64.powi(-(axis as i32))).collect();
        (0..size)
            .map(|column| {
                1000.0
                    + free
                        .iter()
                        .enumerate()
                        .map(|(axis, value)| value * ((column * (axis + 2)) as f64 + 0.3).cos())
                        .sum::<f64>()
            })
            .collect()
    };
    (0..count).map(|_| one()).collect()
}

#[test]
fn it_agrees_with_two_passes() {
    for (standardize, seed) in [(false, 3), (true, 4)] {
        let rows = rows(200, 5, seed);
        let expected = reference::pca(&rows, standardize, 3);
        let parameters = json!({ "n_components": 3, "standardize": standardize });
        let model = fit(parameters, &partitions(&rows, 33, 10)).unwrap().model;
        assert!(close(&array(&model, "mean_.npy"), &expected.mean, 1e-12));
        assert!(close(&array(&model, "scale_.npy"), &expected.scale, 1e-9));
        assert!(close(&array(&model, "explained_variance_.npy"), &expected.variances, 1e-9));
        assert!(close(&array(&model, "components_.npy"), &expected.components.concat(), 1e-6));
        let singular: Vec<f64> =
            expected.variances.iter().map(|variance| (variance * 199.0).sqrt()).collect();
        assert!(close(&array(&model, "singular_values_.npy"), &singular, 1e-9));
    }
}

#[test]
fn the_summary_has_the_names_of_scikit_learn() {
    let model = fit(json!({ "n_components": 2, "whiten": true }), &partitions(&rows(50, 4, 9), 50, 50))
        .unwrap()
        .model;
    let summary = model_json(&model);
    assert_eq!(summary["n_components_"], 2);
    assert_eq!(summary["n_samples_"], 50);
    assert_eq!(summary["n_features_in_"], 4);
    assert_eq!(summary["feature_names_in_"], json!(["x0", "x1", "x2", "x3"]));
    assert_eq!(summary["whiten"], true);
    let all = fit(json!({ "n_components": 4 }), &partitions(&rows(50, 4, 9), 50, 50)).unwrap().model;
    let variances = array(&all, "explained_variance_.npy");
    let noise = summary["noise_variance_"].as_f64().unwrap();
    assert!((noise - (variances[2] + variances[3]) / 2.0).abs() < 1e-12);
    let ratio = summary["explained_variance_ratio_"][0].as_f64().unwrap();
    assert!((ratio - variances[0] / variances.iter().sum::<f64>()).abs() < 1e-12);
    assert_eq!(model_json(&all)["noise_variance_"], 0.0);
}

#[test]
fn a_share_of_the_variance_is_enough() {
    let model = fit(json!({ "n_components": "0.9" }), &partitions(&rows(300, 5, 2), 100, 30)).unwrap().model;
    let ratios: Vec<f64> =
        serde_json::from_value(model_json(&model)["explained_variance_ratio_"].clone()).unwrap();
    assert!(ratios.iter().sum::<f64>() > 0.9);
    assert!(ratios.iter().take(ratios.len() - 1).sum::<f64>() <= 0.9);
}

#[test]
fn constant_columns_are_exactly_nothing() {
    let mut rows = rows(60, 3, 5);
    rows.iter_mut().for_each(|row| row[1] = 0.1);
    for standardize in [false, true] {
        let model = fit(json!({ "n_components": 3, "standardize": standardize }), &partitions(&rows, 60, 7))
            .unwrap()
            .model;
        let components = array(&model, "components_.npy");
        assert_eq!(array(&model, "mean_.npy")[1], 0.1);
        assert_eq!(array(&model, "scale_.npy")[1], 1.0);
        assert_eq!([components[1], components[4]], [0.0, 0.0]);
        assert_eq!(array(&model, "explained_variance_.npy")[2], 0.0);
    }
    let constant = vec![vec![7.0, 8.0]; 5];
    let model = fit(json!({}), &partitions(&constant, 2, 1)).unwrap().model;
    assert_eq!(array(&model, "explained_variance_.npy"), [0.0, 0.0]);
    assert_eq!(model_json(&model)["explained_variance_ratio_"], json!([0.0, 0.0]));
}

#[test]
fn fewer_rows_than_columns() {
    let model = fit(json!({}), &partitions(&rows(3, 8, 1), 1, 1)).unwrap().model;
    assert_eq!(model_json(&model)["n_components_"], 3);
    assert_eq!(array(&model, "components_.npy").len(), 24);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn cuts_change_only_rounding(seed in any::<u64>(), size in 1_usize..70, batch in 1_usize..30) {
        let rows = rows(60, 4, seed);
        let whole = fit(json!({ "n_components": 2 }), &partitions(&rows, 60, 60)).unwrap().model;
        let parts = fit(json!({ "n_components": 2 }), &partitions(&rows, size, batch)).unwrap().model;
        for name in ["mean_.npy", "explained_variance_.npy", "components_.npy"] {
            prop_assert!(close(&array(&parts, name), &array(&whole, name), 1e-9), "{}", name);
        }
        let again = fit(json!({ "n_components": 2 }), &partitions(&rows, size, batch)).unwrap().model;
        prop_assert_eq!(file(&again, "components_.npy"), file(&parts, "components_.npy"));
    }
}
