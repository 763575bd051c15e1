//! The dense kernels against plain loops in double precision.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int32Array, RecordBatch,
};
use arrow::datatypes::{DataType, Field};
use millrace_engine::kernels::{KernelError, Moments, Projection, eigh};
use proptest::prelude::*;

fn vectors(values: &[f32], width: i32) -> ArrayRef {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    Arc::new(FixedSizeListArray::new(item, width, Arc::new(Float32Array::from(values.to_vec())), None))
}

fn one(name: &str, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, array, true)]).unwrap()
}

/// Sums and products by the definition.
fn plain(rows: &[Vec<f64>], shift: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let k = shift.len();
    let (mut sums, mut gram) = (vec![0.0; k], vec![0.0; k * k]);
    for row in rows {
        let moved: Vec<f64> = row.iter().zip(shift).map(|(x, a)| x - a).collect();
        for i in 0..k {
            sums[i] += moved[i];
            for j in 0..k {
                gram[i * k + j] += moved[i] * moved[j];
            }
        }
    }
    (sums, gram)
}

fn close(found: &[f64], expected: &[f64], tolerance: f64) -> bool {
    let scale = expected.iter().fold(1e-30_f64, |most, value| most.max(value.abs()));
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(f, e)| (f - e).abs() <= tolerance * scale)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn moments_of_vectors_agree_with_the_definition(
        width in 1_usize..40, rows in 0_usize..150, start in 0_usize..5, seed in any::<u32>()
    ) {
        let cell = |at: usize| ((at as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 16_777_216.0;
        let values: Vec<f32> = (0..(rows + start) * width).map(cell).collect();
        let list = vectors(&values, i32::try_from(width).unwrap());
        let shift: Vec<f64> = (0..width).map(|at| f64::from(cell(at + 7))).collect();
        let mut moments = Moments::new(vec!["v".to_owned()], shift.clone());
        let bad = moments.add(&one("v", list.slice(start, rows))).unwrap();
        prop_assert!(bad.is_empty());
        let kept: Vec<Vec<f64>> = values.chunks(width).skip(start).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect();
        let (sums, gram) = plain(&kept, &shift);
        let found = moments.take();
        prop_assert_eq!(found.rows, rows as u64);
        prop_assert!(close(&found.sums, &sums, 1e-5));
        prop_assert!(close(&found.gram, &gram, 1e-5));
        prop_assert_eq!(moments.take().rows, 0);
    }

    #[test]
    fn projections_agree_with_the_definition(
        width in 1_usize..90, rows in 1_usize..140, outputs in 1_usize..20, single in any::<bool>()
    ) {
        let values: Vec<f32> = (0..rows * width).map(|at| (at as f32 * 0.37).sin()).collect();
        let weights: Vec<f64> = (0..width * outputs).map(|at| (at as f64 * 0.11).cos()).collect();
        let shift: Vec<f64> = (0..width).map(|at| at as f64 * 0.01).collect();
        let names = vec!["v".to_owned()];
        let mut projection = Projection::new(names, shift.clone(), weights.clone(), outputs, single).unwrap();
        let found = projection.apply(&one("v", vectors(&values, i32::try_from(width).unwrap()))).unwrap();
        let found: Vec<f64> = if single {
            found.values.chunks(4).map(|cell| f64::from(f32::from_le_bytes(cell.try_into().unwrap()))).collect()
        } else {
            found.values.chunks(8).map(|cell| f64::from_le_bytes(cell.try_into().unwrap())).collect()
        };
        let mut expected = vec![0.0; rows * outputs];
        for (row, values) in values.chunks(width).enumerate() {
            for (column, value) in values.iter().enumerate() {
                for output in 0..outputs {
                    expected[row * outputs + output] += (f64::from(*value) - shift[column]) * weights[column * outputs + output];
                }
            }
        }
        prop_assert!(close(&found, &expected, 1e-4));
    }
}

#[test]
fn mixed_columns_are_summed_in_double_precision() {
    let a: ArrayRef = Arc::new(Int32Array::from(vec![1_000_003, 2, 3]));
    let b: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 0.2, 0.3]));
    let batch = RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap();
    let mut moments = Moments::new(vec!["b".to_owned(), "a".to_owned()], vec![0.0; 2]);
    moments.add(&batch).unwrap();
    let rows = vec![vec![0.1, 1_000_003.0], vec![0.2, 2.0], vec![0.3, 3.0]];
    let (sums, gram) = plain(&rows, &[0.0; 2]);
    let found = moments.take();
    assert!(close(&found.sums, &sums, 1e-15) && close(&found.gram, &gram, 1e-15));
}

#[test]
fn bad_rows_are_skipped_and_named() {
    let mut values: Vec<f32> = (0..70 * 3).map(|at| at as f32).collect();
    values[4] = f32::NAN;
    values[65 * 3] = f32::INFINITY;
    let batch = one("v", vectors(&values, 3));
    let mut moments = Moments::new(vec!["v".to_owned()], vec![1.0; 3]);
    let bad = moments.add(&batch).unwrap();
    assert_eq!(bad.iter().map(|cell| cell.row).collect::<Vec<_>>(), [1, 65]);
    assert_eq!(bad[0].message, "column \"v\"[1] is NaN");
    assert_eq!(bad[1].message, "column \"v\"[0] is infinite");
    let good = values.chunks(3).enumerate().filter(|(row, _)| ![1, 65].contains(row));
    let good: Vec<Vec<f64>> = good.map(|(_, row)| row.iter().map(|x| f64::from(*x)).collect()).collect();
    let (sums, gram) = plain(&good, &[1.0; 3]);
    let found = moments.take();
    assert_eq!(found.rows, 68);
    assert!(close(&found.sums, &sums, 1e-6) && close(&found.gram, &gram, 1e-6));
    let mut projection = Projection::new(vec!["v".to_owned()], vec![0.0; 3], vec![1.0; 3], 1, true).unwrap();
    let projected = projection.apply(&batch).unwrap();
    assert_eq!(projected.bad, bad);
    assert_eq!(projected.values[4..8], [0; 4]);
}

#[test]
fn a_null_is_a_bad_row() {
    let batch = one("x", Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0)])));
    let mut moments = Moments::new(vec!["x".to_owned()], vec![0.0]);
    let bad = moments.add(&batch).unwrap();
    assert_eq!((bad.len(), bad[0].row, bad[0].message.as_str()), (1, 1, "column \"x\" is null"));
    assert_eq!(moments.take().sums, [4.0]);
}

#[test]
fn a_constant_column_comes_out_as_exactly_zero() {
    let batch = one("x", Arc::new(Float32Array::from(vec![0.1_f32; 1000])));
    let mut moments = Moments::new(vec!["x".to_owned()], vec![f64::from(0.1_f32)]);
    moments.add(&batch).unwrap();
    let found = moments.take();
    assert_eq!((found.sums, found.gram), (vec![0.0], vec![0.0]));
}

#[test]
fn columns_that_do_not_fit_are_named() {
    let text: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["a"]));
    let batch = one("t", text);
    let add =
        |name: &str, width| Moments::new(vec![name.to_owned()], vec![0.0; width]).add(&batch).unwrap_err();
    assert!(matches!(add("t", 1), KernelError::NotNumeric { .. }));
    assert_eq!(add("x", 1), KernelError::Missing("x".to_owned()));
    let batch = one("n", Arc::new(Int32Array::from(vec![1])));
    let wide = Moments::new(vec!["n".to_owned()], vec![0.0; 2]).add(&batch).unwrap_err();
    assert_eq!(wide, KernelError::Width { found: 1, expected: 2 });
}

#[test]
fn eigenvectors_rebuild_their_matrix() {
    let n = 12;
    let matrix: Vec<f64> =
        (0..n * n).map(|at| ((at / n + at % n) as f64 * 0.7).sin() + f64::from(at / n == at % n)).collect();
    let (values, vectors) = eigh(&matrix, n).unwrap();
    assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
    let rebuilt: Vec<f64> = (0..n * n)
        .map(|at| (0..n).map(|e| values[e] * vectors[e * n + at / n] * vectors[e * n + at % n]).sum())
        .collect();
    assert!(close(&rebuilt, &matrix, 1e-12));
    assert_eq!(eigh(&matrix, n).unwrap(), (values, vectors));
    assert!(matches!(eigh(&matrix, 5), Err(KernelError::Shape(_))));
    assert_eq!(eigh(&[], 0).unwrap(), (vec![], vec![]));
}
