//! From the merged scatter to the model: scale, decompose, choose, sign.

use millrace_sdk::{Context, Error, Result};

use crate::features::Features;
use crate::model::{Model, Summary};
use crate::moments::Scatter;
use crate::{Components, Pca};

/// Without a word from the user, unless there are fewer.
const DEFAULT_COMPONENTS: usize = 16;

/// The model of all rows.
pub(crate) fn finalize(pca: &Pca, features: Features, scatter: Scatter, context: &Context) -> Result<Model> {
    if scatter.rows < 2 {
        return Err(Error::input("PCA needs at least 2 good rows, and the input has 1"));
    }
    let Scatter { rows, mean, upper } = scatter;
    let size = features.len();
    let scale = scales(pca.standardize, rows, &mean, &upper);
    let covariance = covariance(upper, &scale, rows);
    let (values, vectors) = context.eigh(&covariance, size)?;
    drop(covariance);
    let ranks = size.min(usize::try_from(rows).unwrap_or(usize::MAX));
    let variances: Vec<f64> = values.into_iter().take(ranks).map(|value| value.max(0.0)).collect();
    let ratios = ratios(&variances);
    let count = count(pca.n_components.as_ref(), &ratios)?;
    let components = vectors.chunks(size).take(count).flat_map(signed).collect();
    let (kept, dropped) = variances.split_at_checked(count).unwrap_or((&variances, &[]));
    let summary = Summary {
        n_components: count,
        n_samples: rows,
        whiten: pca.whiten,
        standardize: pca.standardize,
        explained_variance_ratio: ratios.into_iter().take(count).collect(),
        noise_variance: average(dropped),
    };
    let singular = kept.iter().map(|variance| (variance * (rows - 1) as f64).sqrt()).collect();
    Ok(Model { features, summary, components, mean, scale, variances: kept.to_vec(), singular })
}

/// The positions of the diagonal in an upper triangle stored row by row.
fn diagonal(size: usize) -> impl Iterator<Item = usize> {
    (0..size).scan(0, move |start, row| {
        let here = *start;
        *start += size - row;
        Some(here)
    })
}

/// √v, or 1 where the column is constant by scikit-learn's rule: v ≤ n ε v + (n μ ε)².
fn scales(standardize: bool, rows: u64, mean: &[f64], upper: &[f64]) -> Vec<f64> {
    let count = rows as f64;
    let scale = |(position, mean): (usize, &f64)| {
        let variance = upper.get(position).copied().unwrap_or(0.0) / count;
        let noise = count * f64::EPSILON * variance + (count * mean * f64::EPSILON).powi(2);
        if standardize && variance > noise { variance.sqrt() } else { 1.0 }
    };
    diagonal(mean.len()).zip(mean).map(scale).collect()
}

/// M / (c cᵀ (n − 1)), both triangles.
fn covariance(upper: Vec<f64>, scale: &[f64], rows: u64) -> Vec<f64> {
    let size = scale.len();
    let degrees = (rows - 1) as f64;
    let mut matrix = vec![0.0; size * size];
    let mut entries = upper.into_iter();
    for (row, left) in scale.iter().enumerate() {
        for ((column, right), entry) in scale.iter().enumerate().skip(row).zip(&mut entries) {
            let value = entry / (left * right * degrees);
            for position in [row * size + column, column * size + row] {
                if let Some(place) = matrix.get_mut(position) {
                    *place = value;
                }
            }
        }
    }
    matrix
}

/// Each variance by their sum; 0 where nothing varies.
fn ratios(variances: &[f64]) -> Vec<f64> {
    let total: f64 = variances.iter().sum();
    variances.iter().map(|variance| if total > 0.0 { variance / total } else { 0.0 }).collect()
}

/// How many components the parameters ask for, of as many as there are ratios.
fn count(wanted: Option<&Components>, ratios: &[f64]) -> Result<usize> {
    let most = ratios.len();
    match wanted {
        None => Ok(most.min(DEFAULT_COMPONENTS)),
        Some(Components::Count(count)) => usize::try_from(*count).ok().filter(|count| (1..=most).contains(count)).ok_or_else(|| {
            let message = format!("{count} components of an input that has at most {most} (the smaller of its rows and columns)");
            Error::parameter("/n_components", message)
        }),
        Some(Components::Share(text)) => {
            let share = share(text)?;
            let sums = ratios.iter().scan(0.0, |sum, ratio| {
                *sum += ratio;
                Some(*sum)
            });
            Ok(most.min(1 + sums.filter(|sum| *sum <= share).count()))
        }
    }
}

/// A share of the variance, as a decimal between 0 and 1.
pub(crate) fn share(text: &str) -> Result<f64> {
    let number = text.trim().parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    number.ok_or_else(|| {
        let message = format!(
            "`{text}` is neither a number of components nor a share of the variance such as \"0.95\""
        );
        Error::parameter("/n_components", message)
    })
}

/// The component with its first entry of largest magnitude positive.
fn signed(component: &[f64]) -> Vec<f64> {
    let largest =
        component.iter().fold(0.0_f64, |best, entry| if entry.abs() > best.abs() { *entry } else { best });
    let sign = if largest < 0.0 { -1.0 } else { 1.0 };
    component.iter().map(|entry| entry * sign).collect()
}

fn average(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_count_as_scikit_learn_counts() {
        let ratios = [0.5, 0.25, 0.125, 0.125];
        let of = |text: &str| count(Some(&Components::Share(text.to_owned())), &ratios).unwrap();
        assert_eq!([of("0.1"), of("0.5"), of("0.74"), of("0.75"), of("0.99")], [1, 2, 2, 3, 4]);
        assert_eq!(count(Some(&Components::Share("0.9".to_owned())), &[0.0, 0.0]).unwrap(), 2);
        assert!(
            share("1").is_err() && share("0").is_err() && share("many").is_err() && share("NaN").is_err()
        );
    }

    #[test]
    fn counts_are_checked() {
        let of = |number| count(Some(&Components::Count(number)), &[0.5, 0.5]);
        assert_eq!(of(2).unwrap(), 2);
        assert_eq!(count(None, &[0.5, 0.5]).unwrap(), 2);
        assert_eq!(count(None, &[0.05; 20]).unwrap(), 16);
        assert!(of(0).is_err() && of(3).is_err() && of(16).is_err());
    }

    #[test]
    fn the_first_largest_entry_is_positive() {
        assert_eq!(signed(&[0.1, -0.7, 0.7]), [-0.1, 0.7, -0.7]);
        assert_eq!(signed(&[0.7, -0.7]), [0.7, -0.7]);
    }
}
