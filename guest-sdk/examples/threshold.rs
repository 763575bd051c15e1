//! The splitter of the README: rows at or above a threshold in one output, the others in another.

use millrace_sdk::{BAD, Batch, Context, Input, Plan, Processor, Result, Splitter, data_input, processor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Divides rows at a value of a column.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[processor(split, descriptor = "examples/threshold.json")]
pub struct Threshold {
    /// Numeric column to look at.
    pub column: String,
    /// Smallest value of the output `high`.
    pub at: i64,
}

impl Processor for Threshold {
    fn plan(&self, _: &Context, inputs: &[Input]) -> Result<Plan> {
        let schema = &data_input(inputs)?.schema;
        schema.named_by("/column", &self.column)?;
        let outputs = ["low", "high"].map(|name| (name.to_owned(), schema.clone())).to_vec();
        Ok(Plan { outputs, columns: Some(vec![self.column.clone()]), ..Plan::default() })
    }
}

impl Splitter for Threshold {
    type Task = ();

    fn open(&self, _: &Context) -> Result<()> {
        Ok(())
    }

    fn outputs(&self, (): &()) -> Result<Vec<String>> {
        Ok(vec!["low".to_owned(), "high".to_owned()])
    }

    fn assign(&self, (): &mut (), _: &Context, batch: &Batch<'_>) -> Result<Vec<u16>> {
        let column = batch.column(&self.column)?;
        let output = |(row, value): (usize, &f64)| match column.is_valid(row) {
            true => u16::from(*value >= self.at as f64),
            false => BAD,
        };
        Ok(column.to_f64()?.iter().enumerate().map(output).collect())
    }
}
