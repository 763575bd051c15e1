//! The model as files: scikit-learn's attribute names, in JSON and npy, so that numpy alone reads it.

use millrace_sdk::{Context, Error, ModelFile, Result};
use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::npy;

const JSON: &str = "model.json";
const COMPONENTS: &str = "components_.npy";
const MEAN: &str = "mean_.npy";
const VARIANCE: &str = "explained_variance_.npy";
const SINGULAR: &str = "singular_values_.npy";
const SCALE: &str = "scale_.npy";
const FORMAT: u32 = 1;

/// A fitted PCA.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    pub(crate) features: Features,
    pub(crate) summary: Summary,
    /// Components x elements.
    pub(crate) components: Vec<f64>,
    pub(crate) mean: Vec<f64>,
    /// What every element is divided by, 1 without `standardize`.
    pub(crate) scale: Vec<f64>,
    pub(crate) variances: Vec<f64>,
    pub(crate) singular: Vec<f64>,
}

/// The part of the model that is no array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    #[serde(rename = "n_components_")]
    pub(crate) n_components: usize,
    #[serde(rename = "n_samples_")]
    pub(crate) n_samples: u64,
    pub(crate) whiten: bool,
    pub(crate) standardize: bool,
    #[serde(rename = "explained_variance_ratio_")]
    pub(crate) explained_variance_ratio: Vec<f64>,
    #[serde(rename = "noise_variance_")]
    pub(crate) noise_variance: f64,
}

/// The text of `model.json`.
#[derive(Serialize, Deserialize)]
struct Text {
    format: u32,
    #[serde(flatten)]
    summary: Summary,
    #[serde(rename = "n_features_in_")]
    n_features: usize,
    #[serde(rename = "feature_names_in_")]
    feature_names: Vec<String>,
    columns: Vec<Column>,
    single: bool,
}

#[derive(Serialize, Deserialize)]
struct Column {
    name: String,
    width: u32,
}

impl Model {
    /// Number of components.
    pub(crate) fn components(&self) -> usize {
        self.summary.n_components
    }

    pub(crate) fn into_files(self) -> Result<Vec<ModelFile>> {
        let (count, size) = (self.components(), self.features.len());
        let text =
            serde_json::to_vec_pretty(&self.text()).map_err(|error| Error::internal(error.to_string()))?;
        Ok(vec![
            ModelFile::new(JSON, text),
            ModelFile::new(COMPONENTS, npy::write(&[count, size], &self.components)),
            ModelFile::new(MEAN, npy::write(&[size], &self.mean)),
            ModelFile::new(SCALE, npy::write(&[size], &self.scale)),
            ModelFile::new(VARIANCE, npy::write(&[count], &self.variances)),
            ModelFile::new(SINGULAR, npy::write(&[count], &self.singular)),
        ])
    }

    fn text(&self) -> Text {
        let names = self.features.names().iter().zip(self.features.widths());
        Text {
            format: FORMAT,
            summary: self.summary.clone(),
            n_features: self.features.len(),
            feature_names: self.features.element_names(),
            columns: names.map(|(name, width)| Column { name: name.clone(), width: *width }).collect(),
            single: self.features.single(),
        }
    }

    /// The model that this run applies.
    pub(crate) fn load(context: &Context) -> Result<Self> {
        let text = context.model(JSON)?;
        Self::read(&text, |name| context.model(name))
    }

    /// The model, where the run applies one that was made before.
    pub(crate) fn load_if_there(context: &Context) -> Result<Option<Self>> {
        let Some(text) = context.side_input(&format!("model/{JSON}"))? else { return Ok(None) };
        Self::read(&text, |name| context.model(name)).map(Some)
    }

    fn read(text: &[u8], file: impl Fn(&str) -> Result<Vec<u8>>) -> Result<Self> {
        let wrong = |why: String| Error::input(format!("the model's `{JSON}` cannot be read: {why}"));
        let text: Text = serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        if text.format != FORMAT {
            return Err(wrong(format!("it has format {} and this module reads {FORMAT}", text.format)));
        }
        let (names, widths) = text.columns.into_iter().map(|column| (column.name, column.width)).unzip();
        let features = Features::new(names, widths, text.single)?;
        let (count, size) = (text.summary.n_components, features.len());
        if !(1..=size).contains(&count) {
            return Err(wrong(format!("{count} components of {size} features")));
        }
        let array = |name: &str, length| npy::read(name, &file(name)?, length);
        Ok(Self {
            components: array(COMPONENTS, count * size)?,
            mean: array(MEAN, size)?,
            scale: array(SCALE, size)?,
            variances: array(VARIANCE, count)?,
            singular: array(SINGULAR, count)?,
            summary: text.summary,
            features,
        })
    }

    /// diag(1/c) Vᵀ, each column divided by max(√λ, ε) where the model whitens: elements x components.
    pub(crate) fn weights(&self) -> Vec<f64> {
        let count = self.components();
        let mut weights = vec![0.0; self.components.len()];
        for (component, (line, variance)) in
            self.components.chunks(self.features.len()).zip(&self.variances).enumerate()
        {
            let divisor = if self.summary.whiten { variance.sqrt().max(f64::EPSILON) } else { 1.0 };
            let places = weights.iter_mut().skip(component).step_by(count);
            for (place, (entry, scale)) in places.zip(line.iter().zip(&self.scale)) {
                *place = entry / scale / divisor;
            }
        }
        weights
    }
}
