//! The shipped module `pca`: principal components, fitted over partitions, applied row by row.
//!
//! What it computes stands in algorithms.md and may not change without a new major version. The sums
//! over rows and the decomposition are the host's dense kernels; the algorithm is here.

mod features;
mod fit;
mod model;
mod moments;
mod npy;
mod transform;

use millrace_sdk::{
    Aggregator, Batch, Context, Error, Input, ModelFile, Plan, Processor, Result, Schema, Transformer,
    data_input, processor,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::model::Model;
use crate::moments::State;
use crate::transform::Task;

/// Projects numeric columns onto their principal components.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[processor(fit_transform)]
pub struct Pca {
    /// How many components: a number, or the share of the variance to explain, as text. 16, or as
    /// many as there are, unless given.
    #[serde(default)]
    pub n_components: Option<Components>,
    /// Divide every column by its standard deviation first.
    #[serde(default)]
    pub standardize: bool,
    /// Scale the components to unit variance.
    #[serde(default)]
    pub whiten: bool,
    /// Columns to use: names, or globs with `*` and `?`. All numeric ones but `keep` unless given.
    #[serde(default)]
    pub columns: Option<Names>,
    /// Columns passed through.
    #[serde(default)]
    pub keep: Names,
    /// What the new columns' names begin with.
    #[serde(default = "default_prefix")]
    pub prefix: String,
}

/// A number of components.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Components {
    /// As many.
    Count(u64),
    /// As many as explain more than this share of the variance, such as `"0.95"`.
    Share(String),
}

/// One name or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Names {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Names {
    pub(crate) fn list(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

fn default_prefix() -> String {
    "pca".to_owned()
}

/// The only output.
pub(crate) const OUTPUT: &str = "data";

impl Processor for Pca {
    fn plan(&self, context: &Context, inputs: &[Input]) -> Result<Plan> {
        let schema = &data_input(inputs)?.schema;
        self.check_keep(schema)?;
        let model = Model::load_if_there(context)?;
        let features = match &model {
            Some(model) => model.features.found_in(schema)?,
            None => self.select(schema)?,
        };
        let components = model.as_ref().map(Model::components).or_else(|| self.count());
        let made = match components {
            Some(count) => self.output_schema(schema, &features, count)?,
            None => Schema::default(),
        };
        let mut columns = features.names().to_vec();
        columns.extend(self.keep.list().iter().filter(|name| !features.names().contains(name)).cloned());
        Ok(Plan {
            outputs: vec![(OUTPUT.to_owned(), made)],
            columns: Some(columns),
            fit: model.is_none(),
            prior: false,
        })
    }
}

impl Pca {
    /// The number of components where the parameters alone say it.
    fn count(&self) -> Option<usize> {
        match &self.n_components {
            Some(Components::Count(count)) => usize::try_from(*count).ok(),
            Some(Components::Share(_)) | None => None,
        }
    }

    /// The features of an input, refused where the parameters do not fit it.
    fn select(&self, schema: &Schema) -> Result<Features> {
        if let Some(Components::Share(text)) = &self.n_components {
            fit::share(text)?;
        }
        Features::select(schema, self.columns.as_ref(), self.keep.list())
    }
}

impl Aggregator for Pca {
    type State = State;

    fn start(&self, _context: &Context) -> Result<State> {
        Ok(State::default())
    }

    fn update(&self, state: &mut State, context: &Context, batch: &Batch<'_>) -> Result<()> {
        if !state.has_features() {
            state.set_features(self.select(batch.schema())?);
        }
        state.update(context, batch)
    }

    fn merge(&self, state: &mut State, later: State) -> Result<()> {
        state.merge(later)
    }

    fn encode(&self, state: &mut State) -> Result<Vec<u8>> {
        state.encode()
    }

    fn decode(&self, bytes: &[u8]) -> Result<State> {
        State::decode(bytes)
    }

    fn finalize(&self, state: State, context: &Context) -> Result<Vec<ModelFile>> {
        let no_rows = || Error::input("PCA needs at least 2 good rows, and the input has none");
        let (features, moments) = state.finish()?.ok_or_else(no_rows)?;
        fit::finalize(self, features, moments, context)?.into_files()
    }
}

impl Transformer for Pca {
    type Task = Task;

    fn open(&self, context: &Context) -> Result<Task> {
        Ok(Task::new(Model::load(context)?))
    }

    fn process(&self, task: &mut Task, context: &Context, batch: &Batch<'_>) -> Result<()> {
        task.process(self, context, batch)
    }
}
