//! The processor as a component: what the exports that `#[processor]` writes call.
//!
//! Only on wasm32. Nothing here decides anything; it translates between the contract's types and
//! the SDK's, and keeps each task's parameters, context and state together.

mod convert;
pub(crate) mod host;

use std::cell::RefCell;
use std::sync::Once;

pub use wit_bindgen;

use crate::processor::parameters;
use crate::{
    Aggregator, Batch, Context, Described, Descriptor, Error, Input, Level, Processor, Splitter, Transformer,
};

/// The host's half of the contract.
#[expect(missing_docs, reason = "written by wit-bindgen from the contract, where the docs are")]
pub mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "host-api", generate_all });
}

use bindings::millrace::processor::{data, types};

/// Sends the message of a panic to the run's log; the trap that follows carries none.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| host::Context.log(Level::Error, &panic.to_string())));
    });
}

fn current<P: Processor>() -> Result<(P, Context), types::Error> {
    report_panics();
    let parameters = parameters(&bindings::millrace::processor::context::params())?;
    Ok((parameters, Context { host: host::Context }))
}

/// The descriptor that the module carries.
#[must_use]
pub fn describe<P: Described>() -> Descriptor {
    report_panics();
    match Descriptor::parse(P::DESCRIPTOR) {
        Ok(descriptor) => descriptor,
        Err(error) => refuse_descriptor(&error),
    }
}

#[expect(
    clippy::panic,
    reason = "`describe` has no error in the contract, and a test of every processor reads its descriptor"
)]
fn refuse_descriptor(error: &serde_json::Error) -> ! {
    panic!("descriptor.json: {error}")
}

/// A plan in the contract's types.
#[derive(Debug)]
pub struct Plan {
    /// See the contract's `run-plan`.
    pub outputs: Vec<(String, types::Schema)>,
    /// See the contract's `run-plan`.
    pub columns: Option<Vec<String>>,
    /// See the contract's `run-plan`.
    pub fit: bool,
    /// See the contract's `run-plan`.
    pub prior: bool,
}

/// The export `plan`.
///
/// # Errors
/// The processor's.
pub fn plan<P: Processor>(json: &str, inputs: Vec<(String, types::Schema)>) -> Result<Plan, types::Error> {
    report_panics();
    let processor: P = parameters(json)?;
    let inputs: Vec<_> =
        inputs.into_iter().map(|(name, schema)| Input { name, schema: schema.into() }).collect();
    let plan = processor.plan(&Context { host: host::Context }, &inputs)?;
    let outputs = plan.outputs.into_iter().map(|(name, schema)| (name, (&schema).into())).collect();
    Ok(Plan { outputs, columns: plan.columns, fit: plan.fit, prior: plan.prior })
}

/// A splitter's task.
pub struct SplitTask<S: Splitter> {
    splitter: S,
    context: Context,
    task: RefCell<S::Task>,
}

impl<S: Splitter> SplitTask<S> {
    /// The export `open`.
    ///
    /// # Errors
    /// The processor's.
    pub fn open() -> Result<Self, types::Error> {
        let (splitter, context) = current::<S>()?;
        let task = RefCell::new(splitter.open(&context)?);
        Ok(Self { splitter, context, task })
    }

    /// The export `outputs`.
    ///
    /// # Errors
    /// The processor's.
    pub fn outputs(&self) -> Result<Vec<String>, types::Error> {
        Ok(self.splitter.outputs(&self.task.borrow())?)
    }

    /// The export `assign`.
    ///
    /// # Errors
    /// The processor's.
    pub fn assign(&self, input: &data::Batch) -> Result<Vec<u8>, types::Error> {
        let batch = Batch::new(input);
        let numbers = self.splitter.assign(&mut self.task.borrow_mut(), &self.context, &batch)?;
        Ok(numbers.into_iter().map(u16::to_le_bytes).collect::<Vec<_>>().into_flattened())
    }
}

/// A transformer's task.
pub struct TransformTask<T: Transformer> {
    transformer: T,
    context: Context,
    task: RefCell<T::Task>,
}

impl<T: Transformer> TransformTask<T> {
    /// The export `open`.
    ///
    /// # Errors
    /// The processor's.
    pub fn open() -> Result<Self, types::Error> {
        let (transformer, context) = current::<T>()?;
        let task = RefCell::new(transformer.open(&context)?);
        Ok(Self { transformer, context, task })
    }

    /// The export `process`.
    ///
    /// # Errors
    /// The processor's.
    pub fn process(&self, input: &data::Batch) -> Result<(), types::Error> {
        Ok(self.transformer.process(&mut self.task.borrow_mut(), &self.context, &Batch::new(input))?)
    }

    /// The export `finish`.
    ///
    /// # Errors
    /// The processor's.
    pub fn finish(&self) -> Result<(), types::Error> {
        Ok(self.transformer.finish(&mut self.task.borrow_mut(), &self.context)?)
    }
}

/// An aggregator's state.
pub struct State<A: Aggregator> {
    aggregator: A,
    context: Context,
    /// None once it was finalised.
    state: RefCell<Option<A::State>>,
}

impl<A: Aggregator> State<A> {
    /// The export `open`.
    ///
    /// # Errors
    /// The processor's.
    pub fn open() -> Result<Self, types::Error> {
        let (aggregator, context) = current::<A>()?;
        let state = aggregator.start(&context)?;
        Ok(Self { aggregator, context, state: RefCell::new(Some(state)) })
    }

    /// The export `restore`.
    ///
    /// # Errors
    /// The processor's.
    pub fn restore(partial: &[u8]) -> Result<Self, types::Error> {
        let (aggregator, context) = current::<A>()?;
        let state = aggregator.decode(partial)?;
        Ok(Self { aggregator, context, state: RefCell::new(Some(state)) })
    }

    fn with<R>(&self, work: impl FnOnce(&mut A::State) -> crate::Result<R>) -> Result<R, types::Error> {
        Ok(self.state.borrow_mut().as_mut().ok_or_else(finalized).and_then(work)?)
    }

    /// The export `update`.
    ///
    /// # Errors
    /// The processor's.
    pub fn update(&self, input: &data::Batch) -> Result<(), types::Error> {
        self.with(|state| self.aggregator.update(state, &self.context, &Batch::new(input)))
    }

    /// The export `merge`.
    ///
    /// # Errors
    /// The processor's.
    pub fn merge(&self, other: &[u8]) -> Result<(), types::Error> {
        let later = self.aggregator.decode(other)?;
        self.with(|state| self.aggregator.merge(state, later))
    }

    /// The export `partial`.
    ///
    /// # Errors
    /// The processor's.
    pub fn partial(&self) -> Result<Vec<u8>, types::Error> {
        self.with(|state| self.aggregator.encode(state))
    }

    /// The export `finalize`.
    ///
    /// # Errors
    /// The processor's.
    pub fn finalize(&self) -> Result<Vec<(String, Vec<u8>)>, types::Error> {
        let state = self.state.borrow_mut().take().ok_or_else(finalized)?;
        let files = self.aggregator.finalize(state, &self.context)?;
        Ok(files.into_iter().map(|file| (file.name, file.bytes)).collect())
    }
}

fn finalized() -> Error {
    Error::internal("this state was finalised already")
}
