//! PCA written out a second time: two passes over all rows, and power iteration with deflation in
//! place of the Jacobi rotations of the SDK's kernels.

pub(crate) struct Reference {
    pub(crate) mean: Vec<f64>,
    pub(crate) scale: Vec<f64>,
    pub(crate) variances: Vec<f64>,
    /// As rows.
    pub(crate) components: Vec<Vec<f64>>,
}

fn column_mean(rows: &[Vec<f64>], column: usize) -> f64 {
    rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64
}

pub(crate) fn pca(rows: &[Vec<f64>], standardize: bool, count: usize) -> Reference {
    let size = rows[0].len();
    let mean: Vec<f64> = (0..size).map(|column| column_mean(rows, column)).collect();
    let variance = |column: usize| {
        rows.iter().map(|row| (row[column] - mean[column]).powi(2)).sum::<f64>() / rows.len() as f64
    };
    let scale: Vec<f64> = (0..size)
        .map(|column| if standardize && variance(column) > 1e-20 { variance(column).sqrt() } else { 1.0 })
        .collect();
    let centered: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| (0..size).map(|column| (row[column] - mean[column]) / scale[column]).collect())
        .collect();
    let product = |a: usize, b: usize| {
        centered.iter().map(|row| row[a] * row[b]).sum::<f64>() / (rows.len() - 1) as f64
    };
    let mut matrix: Vec<Vec<f64>> = (0..size).map(|a| (0..size).map(|b| product(a, b)).collect()).collect();
    let mut reference = Reference { mean, scale, variances: Vec::new(), components: Vec::new() };
    for _ in 0..count {
        let (value, vector) = dominant(&matrix);
        for (a, line) in matrix.iter_mut().enumerate() {
            line.iter_mut().enumerate().for_each(|(b, entry)| *entry -= value * vector[a] * vector[b]);
        }
        reference.variances.push(value);
        reference.components.push(vector);
    }
    reference
}

/// The largest eigenvalue and its vector, its largest entry positive.
fn dominant(matrix: &[Vec<f64>]) -> (f64, Vec<f64>) {
    let mut vector: Vec<f64> = (0..matrix.len()).map(|index| 1.0 + (index as f64 * 0.7).sin()).collect();
    let mut value = 0.0;
    for _ in 0..20_000 {
        let next: Vec<f64> =
            matrix.iter().map(|line| line.iter().zip(&vector).map(|(a, b)| a * b).sum()).collect();
        value = next.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
        if value == 0.0 {
            break;
        }
        vector = next.iter().map(|entry| entry / value).collect();
    }
    let largest =
        vector.iter().fold(0.0_f64, |best, entry| if entry.abs() > best.abs() { *entry } else { best });
    (value, vector.iter().map(|entry| entry * largest.signum()).collect())
}
