//! The shipped module `group`: one output for every value of a column, named by the value.
//!
//! The fit pass counts the values; the model says which value goes to which output. How a value
//! becomes a folder's name stands in `names`.

mod model;
mod names;
mod values;

use millrace_sdk::{
    Aggregator, Batch, Context, Error, Input, KeyColumn, KeyTable, ModelFile, Plan, Processor, Result,
    Splitter, data_input, processor, push_part,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Model;
pub use crate::names::name_of;
use crate::values::Values;

/// Divides a dataset by the values of a column.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[processor(fit_split)]
pub struct Group {
    /// Column whose values name the outputs.
    pub by: String,
    /// The largest number of values that get an output of their own.
    #[serde(default = "default_max_outputs")]
    pub max_outputs: u32,
    /// Output for all other values: the rarest beyond `maxOutputs`, and those the fit did not see.
    #[serde(default)]
    pub other: Option<String>,
}

fn default_max_outputs() -> u32 {
    256
}

impl Processor for Group {
    fn plan(&self, _context: &Context, inputs: &[Input]) -> Result<Plan> {
        data_input(inputs)?.schema.named_by("/by", &self.by)?;
        Ok(Plan { outputs: Vec::new(), columns: Some(vec![self.by.clone()]), fit: true, prior: false })
    }
}

impl Group {
    fn keys(&self, batch: &Batch<'_>) -> Result<KeyColumn> {
        KeyColumn::new(batch.column(&self.by)?, &self.by)
    }
}

impl Aggregator for Group {
    type State = Values;

    fn start(&self, _context: &Context) -> Result<Values> {
        Ok(Values::default())
    }

    fn update(&self, state: &mut Values, _context: &Context, batch: &Batch<'_>) -> Result<()> {
        state.add_batch(&self.keys(batch)?)
    }

    fn merge(&self, state: &mut Values, later: Values) -> Result<()> {
        state.add(&later)
    }

    fn encode(&self, state: &mut Values) -> Result<Vec<u8>> {
        Ok(state.encode())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Values> {
        Values::decode(bytes)
    }

    fn finalize(&self, state: Values, _context: &Context) -> Result<Vec<ModelFile>> {
        let model = Model::fit(&state, self.max_outputs as usize, self.other.as_deref())?;
        Ok(vec![ModelFile::new(model::FILE, model.encode())])
    }
}

/// What one partition keeps: the outputs of the known values.
#[derive(Debug)]
pub struct Task {
    outputs: Vec<String>,
    values: KeyTable,
    targets: Vec<u16>,
    other: Option<u16>,
}

impl Splitter for Group {
    type Task = Task;

    fn open(&self, context: &Context) -> Result<Task> {
        let model = Model::decode(&context.model(model::FILE)?)?;
        let mut task = Task {
            outputs: model.outputs,
            values: KeyTable::default(),
            targets: Vec::new(),
            other: model.other,
        };
        for (value, output) in model.values {
            task.values.insert(&value).map_err(|limit| Error::input(limit.to_string()))?;
            task.targets.push(output);
        }
        Ok(task)
    }

    fn outputs(&self, task: &Task) -> Result<Vec<String>> {
        Ok(task.outputs.clone())
    }

    fn assign(&self, task: &mut Task, _context: &Context, batch: &Batch<'_>) -> Result<Vec<u16>> {
        let keys = self.keys(batch)?;
        let (mut key, mut scratch) = (Vec::new(), Vec::new());
        let mut one = |row| {
            key.clear();
            push_part(keys.text(row, &mut scratch), &mut key);
            let known = task.values.find(&key).and_then(|number| task.targets.get(number)).copied();
            known.or(task.other).ok_or_else(|| self.unknown(&key))
        };
        (0..keys.rows()).map(&mut one).collect()
    }
}

impl Group {
    fn unknown(&self, key: &[u8]) -> Error {
        let value = String::from_utf8_lossy(key.get(4..).unwrap_or_default()).into_owned();
        Error::input(format!(
            "the model does not know the value {value:?} of `{}`: the input changed since the fit, or the model was made from other data; name an output for such values with `other`",
            self.by
        ))
    }
}
