//! Eigenvalues and eigenvectors of a symmetric matrix.

use faer::{Mat, Side};

use super::matrix::KernelError;

/// Eigenvalues, descending, and eigenvectors (one a row, n x n) of a symmetric matrix (n x n,
/// row-major; its lower triangle is read). One thread; the same bits for the same bits on one
/// instruction level.
///
/// # Errors
/// The matrix is not n x n or holds NaN or infinities, or the iteration did not converge.
pub fn eigh(matrix: &[f64], n: usize) -> Result<(Vec<f64>, Vec<f64>), KernelError> {
    if n.checked_mul(n) != Some(matrix.len()) {
        return Err(KernelError::Shape(format!("{} values for a matrix of {n} x {n}", matrix.len())));
    }
    if !matrix.iter().all(|value| value.is_finite()) {
        return Err(KernelError::Shape("the matrix holds values that are not finite".to_owned()));
    }
    if n == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let at = |row: usize, column: usize| matrix.get(row * n + column).copied().unwrap_or(0.0);
    let symmetric = Mat::from_fn(n, n, |row, column| at(row.max(column), row.min(column)));
    let decomposed = symmetric.self_adjoint_eigen(Side::Lower).map_err(|_| KernelError::NoConvergence)?;
    let (values, vectors) = (decomposed.S().column_vector(), decomposed.U());
    let descending = (0..n).rev();
    let eigenvalues = descending.clone().map(|at| values[at]).collect();
    let eigenvectors = descending.flat_map(|column| (0..n).map(move |row| vectors[(row, column)])).collect();
    Ok((eigenvalues, eigenvectors))
}
