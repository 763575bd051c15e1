//! What a processor implements. The parameter struct is `self` everywhere; what is learnt or kept
//! between batches is a separate value.

use serde::de::DeserializeOwned;

use crate::{Batch, Context, Error, Result, Schema};

/// In a splitter's answer: the row goes nowhere.
pub const DROP: u16 = 0xffff;
/// In a splitter's answer: the row is bad; what becomes of it is the object's `onBadRow`.
pub const BAD: u16 = 0xfffe;

/// A struct of parameters, and what follows from them before any row is read.
pub trait Processor: DeserializeOwned + Sized + 'static {
    /// What the run will need and make. Where an existing model is applied, the context has it.
    ///
    /// # Errors
    /// `InvalidParams` or `InvalidInput` where parameters and schemas do not fit together.
    fn plan(&self, context: &Context, inputs: &[Input]) -> Result<Plan>;
}

/// An input port and the columns it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// `data`, or the name the object gives.
    pub name: String,
    /// Its columns.
    pub schema: Schema,
}

/// What a run will need and make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Outputs and their columns. Empty where the names are found in the data; a schema without
    /// fields where the module gives it to [`Context::open_output`].
    pub outputs: Vec<(String, Schema)>,
    /// The columns that will be asked for; none = unknown, so all are decoded.
    pub columns: Option<Vec<String>>,
    /// Whether a pass over the data comes first.
    pub fit: bool,
    /// Whether each partition wants the merged state of all earlier ones.
    pub prior: bool,
}

/// Decides for every row which output it goes to; the host moves the rows.
pub trait Splitter: Processor {
    /// What one partition keeps between batches; `()` where there is nothing.
    type Task;

    /// Called once per partition. The model and the prior state are side inputs of the context.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn open(&self, context: &Context) -> Result<Self::Task>;

    /// Names of the outputs; the position is the number that `assign` gives.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn outputs(&self, task: &Self::Task) -> Result<Vec<String>>;

    /// One output number per row of the batch, or [`DROP`] or [`BAD`].
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn assign(&self, task: &mut Self::Task, context: &Context, batch: &Batch<'_>) -> Result<Vec<u16>>;
}

/// Makes rows from rows.
pub trait Transformer: Processor {
    /// What one partition keeps between batches, its open outputs among it.
    type Task;

    /// Called once per partition.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn open(&self, context: &Context) -> Result<Self::Task>;

    /// Works on one batch and writes what it made.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn process(&self, task: &mut Self::Task, context: &Context, batch: &Batch<'_>) -> Result<()>;

    /// After the partition's last batch.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn finish(&self, _task: &mut Self::Task, _context: &Context) -> Result<()> {
        Ok(())
    }
}

/// Learns from all rows: one state per partition, merged in partition order, then made a model.
pub trait Aggregator: Processor {
    /// What is learnt.
    type State;

    /// The state of no rows.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn start(&self, context: &Context) -> Result<Self::State>;

    /// Adds the rows of one batch.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn update(&self, state: &mut Self::State, context: &Context, batch: &Batch<'_>) -> Result<()>;

    /// Adds the state of later partitions. Associative.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn merge(&self, state: &mut Self::State, later: Self::State) -> Result<()>;

    /// The state as bytes. Asking twice gives the same bytes.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn encode(&self, state: &mut Self::State) -> Result<Vec<u8>>;

    /// What [`Aggregator::encode`] wrote. The bytes may be damaged: check, never trap.
    ///
    /// # Errors
    /// `InvalidInput` where they are.
    fn decode(&self, bytes: &[u8]) -> Result<Self::State>;

    /// The model, from the state of all rows.
    ///
    /// # Errors
    /// Any; the run fails with it.
    fn finalize(&self, state: Self::State, context: &Context) -> Result<Vec<ModelFile>>;
}

/// A part of a model: a file of its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Its name; a later task opens it as `model/NAME`.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl ModelFile {
    /// A file of these bytes.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes }
    }
}

/// The input called `data`, which every processor of one input has.
///
/// # Errors
/// `InvalidInput` where there is none.
pub fn data_input(inputs: &[Input]) -> Result<&Input> {
    inputs.iter().find(|input| input.name == "data").ok_or_else(|| Error::input("there is no input `data`"))
}

/// Reads parameters from their JSON text.
///
/// # Errors
/// `InvalidParams` with what serde says.
pub(crate) fn parameters<P: Processor>(json: &str) -> Result<P> {
    serde_json::from_str(json).map_err(|error| Error::parameter("", error.to_string()))
}
