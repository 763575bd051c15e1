//! Runs processors natively, as a host would: plan, fit per partition, merge in partition order,
//! finalise, then assign or transform with the model and the prior state.
//!
//! Every state crosses as bytes, each partition gets a fresh task, and batches hold only the columns
//! that the plan asked for; so what passes here meets nothing new in a module.

mod descriptor;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::processor::parameters;
use crate::{
    Aggregator, BAD, Context, DROP, Error, Input, ModelFile, Plan, Processor, Result, Schema, Splitter,
    Transformer,
};

pub use descriptor::check_descriptor;

pub use crate::memory::{Batch, Record, Written};

/// One run of a processor.
#[derive(Debug, Clone, Default)]
pub struct Run {
    parameters: Value,
    seed: u64,
    files: BTreeMap<String, Vec<u8>>,
}

/// What a fit gave.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The model's files.
    pub model: Vec<ModelFile>,
    /// The merged state before each partition.
    pub priors: Vec<Vec<u8>>,
    /// The merged state of all.
    pub state: Vec<u8>,
}

/// What a splitter decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// For each partition, each row's output number, or [`DROP`] or [`BAD`].
    pub rows: Vec<Vec<u16>>,
}

impl Assigned {
    /// The numbers of all rows, in order.
    #[must_use]
    pub fn flat(&self) -> Vec<u16> {
        self.rows.concat()
    }

    /// Rows in each output, in the order of the outputs.
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        let count =
            |output: usize| self.rows.iter().flatten().filter(|row| usize::from(**row) == output).count();
        (0..self.outputs.len()).map(count).collect()
    }
}

impl Run {
    /// A run with these parameters and seed 0.
    #[must_use]
    pub fn new(parameters: Value) -> Self {
        Self { parameters, ..Self::default() }
    }

    /// The same with another seed.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same with a model that was made before, as `method: Transform` gives it.
    #[must_use]
    pub fn model(self, files: &[ModelFile]) -> Self {
        self.with_files("model", files)
    }

    /// The same with the model last published at this place.
    #[must_use]
    pub fn previous(self, files: &[ModelFile]) -> Self {
        self.with_files("previous", files)
    }

    fn with_files(mut self, place: &str, files: &[ModelFile]) -> Self {
        self.files.extend(files.iter().map(|file| (format!("{place}/{}", file.name), file.bytes.clone())));
        self
    }

    fn context(&self, extra: Option<(&str, &[u8])>, plan: Option<&Plan>) -> Context {
        let mut files = self.files.clone();
        files.extend(extra.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())));
        let planned = plan.map(|plan| plan.outputs.iter().cloned().collect()).unwrap_or_default();
        Context { host: crate::host::Context::new(self.seed, files, planned) }
    }

    /// The plan for an input of this schema.
    ///
    /// # Errors
    /// The processor's.
    pub fn plan<P: Processor>(&self, schema: &Schema) -> Result<Plan> {
        let inputs = [Input { name: "data".to_owned(), schema: schema.clone() }];
        self.processor::<P>()?.plan(&self.context(None, None), &inputs)
    }

    fn processor<P: Processor>(&self) -> Result<P> {
        parameters(&self.parameters.to_string())
    }

    /// Fit, merge as a left fold by partition number, finalise.
    ///
    /// # Errors
    /// The processor's.
    pub fn fit<A: Aggregator>(&self, partitions: &[Vec<Batch>]) -> Result<Fitted> {
        let plan = self.plan::<A>(&schema_of(partitions))?;
        let partials =
            partitions.iter().map(|batches| self.partial::<A>(&plan, batches)).collect::<Result<Vec<_>>>()?;
        let aggregator = self.processor::<A>()?;
        let context = self.context(None, Some(&plan));
        let mut merged = aggregator.start(&context)?;
        let mut priors = Vec::new();
        for partial in &partials {
            priors.push(aggregator.encode(&mut merged)?);
            aggregator.merge(&mut merged, aggregator.decode(partial)?)?;
        }
        let state = aggregator.encode(&mut merged)?;
        let model = aggregator.finalize(aggregator.decode(&state)?, &context)?;
        Ok(Fitted { model, priors, state })
    }

    /// The partial state of one partition.
    ///
    /// # Errors
    /// The processor's.
    pub fn partial<A: Aggregator>(&self, plan: &Plan, batches: &[Batch]) -> Result<Vec<u8>> {
        let aggregator = self.processor::<A>()?;
        let context = self.context(None, Some(plan));
        let mut state = aggregator.start(&context)?;
        for batch in batches {
            let batch = batch.only(plan.columns.as_deref());
            aggregator.update(&mut state, &context, &crate::Batch::new(&batch))?;
        }
        aggregator.encode(&mut state)
    }

    /// A splitter that learns nothing.
    ///
    /// # Errors
    /// The processor's, or `Internal` where it breaks the contract.
    pub fn split<S: Splitter>(&self, partitions: &[Vec<Batch>]) -> Result<Assigned> {
        let plan = self.plan::<S>(&schema_of(partitions))?;
        let mut assigned = Assigned { outputs: Vec::new(), rows: Vec::new() };
        for batches in partitions {
            let (outputs, rows) = self.assign::<S>(&plan, None, batches)?;
            assigned.outputs = outputs;
            assigned.rows.push(rows);
        }
        Ok(assigned)
    }

    /// A splitter that learns, where its plan says so.
    ///
    /// # Errors
    /// As for [`Self::split`].
    pub fn fit_split<S: Splitter + Aggregator>(&self, partitions: &[Vec<Batch>]) -> Result<Assigned> {
        let plan = self.plan::<S>(&schema_of(partitions))?;
        if !plan.fit {
            return self.split::<S>(partitions);
        }
        let fitted = self.fit::<S>(partitions)?;
        self.apply_split::<S>(&fitted, partitions)
    }

    /// Assigns with what a fit gave.
    ///
    /// # Errors
    /// As for [`Self::split`].
    pub fn apply_split<S: Splitter>(&self, fitted: &Fitted, partitions: &[Vec<Batch>]) -> Result<Assigned> {
        let plan = self.plan::<S>(&schema_of(partitions))?;
        let run = self.clone().model(&fitted.model);
        let mut assigned = Assigned { outputs: Vec::new(), rows: Vec::new() };
        for (number, batches) in partitions.iter().enumerate() {
            let prior = plan.prior.then(|| fitted.priors.get(number)).flatten();
            let (outputs, rows) = run.assign::<S>(&plan, prior.map(Vec::as_slice), batches)?;
            assigned.outputs = outputs;
            assigned.rows.push(rows);
        }
        Ok(assigned)
    }

    fn assign<S: Splitter>(
        &self,
        plan: &Plan,
        prior: Option<&[u8]>,
        batches: &[Batch],
    ) -> Result<(Vec<String>, Vec<u16>)> {
        let splitter = self.processor::<S>()?;
        let context = self.context(prior.map(|bytes| ("prior", bytes)), Some(plan));
        let mut task = splitter.open(&context)?;
        let outputs = splitter.outputs(&task)?;
        let mut all = Vec::new();
        for batch in batches {
            let batch = batch.only(plan.columns.as_deref());
            let rows = splitter.assign(&mut task, &context, &crate::Batch::new(&batch))?;
            check_assignment(&rows, batch.rows(), outputs.len())?;
            all.extend(rows);
        }
        Ok((outputs, all))
    }

    /// Applies a transformer, with the model that [`Self::model`] gave; one record per partition.
    ///
    /// # Errors
    /// The processor's.
    pub fn transform<T: Transformer>(&self, partitions: &[Vec<Batch>]) -> Result<Vec<Record>> {
        let plan = self.plan::<T>(&schema_of(partitions))?;
        partitions.iter().map(|batches| self.transform_one::<T>(&plan, batches)).collect()
    }

    fn transform_one<T: Transformer>(&self, plan: &Plan, batches: &[Batch]) -> Result<Record> {
        let transformer = self.processor::<T>()?;
        let context = self.context(None, Some(plan));
        let mut task = transformer.open(&context)?;
        for batch in batches {
            let batch = batch.only(plan.columns.as_deref());
            transformer.process(&mut task, &context, &crate::Batch::new(&batch))?;
        }
        transformer.finish(&mut task, &context)?;
        Ok(context.host.record())
    }
}

fn schema_of(partitions: &[Vec<Batch>]) -> Schema {
    partitions.iter().flatten().next().map(|batch| batch.schema().clone()).unwrap_or_default()
}

/// What the host checks of an answer.
fn check_assignment(rows: &[u16], expected: usize, outputs: usize) -> Result<()> {
    if rows.len() != expected {
        return Err(Error::internal(format!("{} assignments for {expected} rows", rows.len())));
    }
    match rows.iter().find(|row| usize::from(**row) >= outputs && ![DROP, BAD].contains(*row)) {
        Some(row) => Err(Error::internal(format!("output number {row} of {outputs}"))),
        None => Ok(()),
    }
}
