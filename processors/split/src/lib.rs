//! The shipped module `split`: into outputs of given sizes, exactly, by strata, by groups or by hash.
//!
//! What it computes stands in algorithms.md and may not change without a new major version. `exact`,
//! `groups` and `hash` are the three ways; this file only chooses between them.

mod counts;
mod exact;
mod groups;
mod hash;
mod model;
mod parameters;
mod permutation;
mod sizes;

use millrace_sdk::{
    Aggregator, Batch, Context, Error, Input, ModelFile, Plan, Processor, Result, Splitter, data_input,
    processor,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::counts::Counts;
pub use crate::parameters::{Columns, Way};
pub use crate::sizes::{Size, Sizes};

/// Divides a dataset into named outputs.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[processor(fit_split)]
pub struct Split {
    /// Outputs and their sizes.
    pub sizes: Sizes,
    /// Column or columns whose values every output has in the same proportions.
    #[serde(default)]
    pub stratify: Option<Columns>,
    /// Each output has at least so many rows of every value of `stratify`, or the run fails.
    #[serde(default)]
    pub min_per_class: u64,
    /// Column whose values are kept whole.
    #[serde(default)]
    pub groups: Option<String>,
    /// Column whose value alone decides.
    #[serde(default)]
    pub hash: Option<String>,
}

impl Processor for Split {
    fn plan(&self, _context: &Context, inputs: &[Input]) -> Result<Plan> {
        let schema = &data_input(inputs)?.schema;
        let way = self.way()?;
        let columns = self.key_columns();
        for (pointer, column) in &columns {
            schema.named_by(pointer, column)?;
        }
        let sizes = self.sizes.parse()?;
        let outputs = sizes.names().map(|name| (name.to_owned(), schema.clone())).collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Ok(Plan { outputs, columns: Some(columns), fit: way != Way::Hash, prior: way == Way::Exact })
    }
}

impl Aggregator for Split {
    type State = Counts;

    fn start(&self, _context: &Context) -> Result<Counts> {
        Ok(Counts::default())
    }

    fn update(&self, state: &mut Counts, _context: &Context, batch: &Batch<'_>) -> Result<()> {
        state.add_batch(&self.keys(batch)?)
    }

    fn merge(&self, state: &mut Counts, later: Counts) -> Result<()> {
        state.add(&later)
    }

    fn encode(&self, state: &mut Counts) -> Result<Vec<u8>> {
        Ok(state.encode())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Counts> {
        Counts::decode(bytes)
    }

    fn finalize(&self, state: Counts, context: &Context) -> Result<Vec<ModelFile>> {
        let sizes = self.sizes.parse()?;
        let bytes = match self.way()? {
            Way::Exact => exact::fit(&sizes, &state, self.min_per_class)?.encode(),
            Way::Groups => {
                let previous = context.side_input(&format!("previous/{}", model::FILE))?;
                groups::fit(&sizes, &state, self.class_minimum(), context.seed(), previous.as_deref())?
                    .encode()
            }
            Way::Hash => return Err(Error::internal("a split by hash learns nothing")),
        };
        Ok(vec![ModelFile::new(model::FILE, bytes)])
    }
}

/// What one partition keeps between batches.
#[derive(Debug)]
pub enum Task {
    /// Ranks within strata.
    Exact(exact::Task),
    /// Known values.
    Groups(groups::Task),
    /// Nothing but thresholds.
    Hash(Box<hash::Task>),
}

impl Splitter for Split {
    type Task = Task;

    fn open(&self, context: &Context) -> Result<Task> {
        let sizes = self.sizes.parse()?;
        match self.way()? {
            Way::Exact => {
                let prior = context
                    .side_input("prior")?
                    .ok_or_else(|| Error::internal("the prior state is missing"))?;
                let model = model::Exact::decode(&context.model(model::FILE)?)?;
                exact::Task::open(model, &Counts::decode(&prior)?, context.seed()).map(Task::Exact)
            }
            Way::Groups => groups::Task::open(&context.model(model::FILE)?).map(Task::Groups),
            Way::Hash => hash::Task::open(&sizes, context.seed()).map(Box::new).map(Task::Hash),
        }
    }

    fn outputs(&self, task: &Task) -> Result<Vec<String>> {
        match task {
            Task::Exact(task) => Ok(task.outputs().to_vec()),
            Task::Groups(task) => Ok(task.outputs().to_vec()),
            Task::Hash(_) => Ok(self.sizes.parse()?.names().map(str::to_owned).collect()),
        }
    }

    fn assign(&self, task: &mut Task, context: &Context, batch: &Batch<'_>) -> Result<Vec<u16>> {
        match task {
            Task::Exact(task) => task.assign(&self.keys(batch)?),
            Task::Groups(task) => task.assign(&self.keys(batch)?, context),
            Task::Hash(task) => task.assign(batch, self.hash.as_deref().unwrap_or_default()),
        }
    }
}
