//! The component half of `#[processor]`: bindings of one world, and the exports that call the SDK.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// The contract, as the SDK ships it; inlined so that a processor crate needs no copy of its own.
const CONTRACT: &str = include_str!("../../wit/processor.wit");

/// A world of the contract.
#[derive(Clone, Copy)]
pub(crate) struct World {
    name: &'static str,
    aggregator: bool,
    splitter: bool,
    transformer: bool,
}

const WORLDS: [World; 5] = [
    World { name: "split", aggregator: false, splitter: true, transformer: false },
    World { name: "fit-split", aggregator: true, splitter: true, transformer: false },
    World { name: "transform", aggregator: false, splitter: false, transformer: true },
    World { name: "fit-transform", aggregator: true, splitter: false, transformer: true },
    World { name: "aggregate", aggregator: true, splitter: false, transformer: false },
];

impl World {
    /// The world whose name is the identifier's, with `_` for `-`.
    pub(crate) fn from_ident(ident: &Ident) -> syn::Result<Self> {
        let wanted = ident.to_string().replace('_', "-");
        WORLDS.into_iter().find(|world| world.name == wanted).ok_or_else(|| {
            let message = "expected one of: split, fit_split, transform, fit_transform, aggregate";
            syn::Error::new(ident.span(), message)
        })
    }
}

/// Everything that exists on wasm32 only.
pub(crate) fn expand(world: World, processor: &Ident, descriptor_file: &TokenStream) -> TokenStream {
    let bindings = bindings(world);
    let descriptor = descriptor_export(descriptor_file);
    let aggregator = world.aggregator.then(aggregator_export);
    let splitter = world.splitter.then(splitter_export);
    let transformer = world.transformer.then(transformer_export);
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[expect(unsafe_code, reason = "the exports of a component are raw functions, which wit-bindgen writes")]
        mod millrace_component {
            use ::millrace_sdk::component::{self as sdk, bindings::millrace::processor as contract};
            use contract::{data::Batch, types};
            use super::#processor as Processor;

            #bindings
            struct Component;
            #descriptor
            #aggregator
            #splitter
            #transformer
            export!(Component);
        }
    }
}

fn bindings(world: World) -> TokenStream {
    let world = world.name;
    quote! {
        ::millrace_sdk::component::wit_bindgen::generate!({
            inline: #CONTRACT,
            world: #world,
            runtime_path: "::millrace_sdk::component::wit_bindgen::rt",
            with: {
                "millrace:processor/types@0.1.0": ::millrace_sdk::component::bindings::millrace::processor::types,
                "millrace:processor/data@0.1.0": ::millrace_sdk::component::bindings::millrace::processor::data,
                "millrace:processor/context@0.1.0": ::millrace_sdk::component::bindings::millrace::processor::context,
                "millrace:processor/kernels@0.1.0": ::millrace_sdk::component::bindings::millrace::processor::kernels,
            },
        });
    }
}

fn descriptor_export(file: &TokenStream) -> TokenStream {
    quote! {
        const DESCRIPTOR_LENGTH: usize = include_bytes!(#file).len();

        /// The descriptor where it can be read without running anything.
        #[unsafe(link_section = "millrace:descriptor")]
        pub static DESCRIPTOR_SECTION: [u8; DESCRIPTOR_LENGTH] = *include_bytes!(#file);

        use exports::millrace::processor::descriptor;

        fn port(port: ::millrace_sdk::Port) -> descriptor::Port {
            descriptor::Port { name: port.name, description: port.description, schema: None }
        }

        fn guarantee(guarantee: ::millrace_sdk::Guarantee) -> descriptor::Guarantee {
            use ::millrace_sdk::Guarantee as From;
            use descriptor::Guarantee as To;
            match guarantee {
                From::DisjointBy(column) => To::DisjointBy(column),
                From::MinRowsPerOutput(number) => To::MinRowsPerOutput(number),
                From::MinRowsPerClass(column, number) => To::MinRowsPerClass((column, number)),
                From::ExactSizes(sizes) => To::ExactSizes(sizes),
            }
        }

        fn traits(traits: &[::millrace_sdk::Trait]) -> descriptor::Traits {
            use ::millrace_sdk::Trait as From;
            use descriptor::Traits as To;
            traits.iter().fold(To::empty(), |all, one| {
                all | match one {
                    From::Deterministic => To::DETERMINISTIC,
                    From::OrderInsensitive => To::ORDER_INSENSITIVE,
                    From::RowLocal => To::ROW_LOCAL,
                    From::Splittable => To::SPLITTABLE,
                }
            })
        }

        impl descriptor::Guest for Component {
            fn describe() -> descriptor::Descriptor {
                let all = sdk::describe::<Processor>();
                descriptor::Descriptor {
                    name: all.name,
                    version: all.version,
                    description: all.description,
                    params_schema: all.params_schema.to_string(),
                    inputs: all.inputs.into_iter().map(port).collect(),
                    side_inputs: all.side_inputs.into_iter().map(port).collect(),
                    outputs: all.outputs.into_iter().map(port).collect(),
                    guarantees: all.guarantees.into_iter().map(guarantee).collect(),
                    traits: traits(&all.traits),
                }
            }

            fn plan(params: String, inputs: Vec<(String, types::Schema)>) -> Result<descriptor::RunPlan, types::Error> {
                let plan = sdk::plan::<Processor>(&params, inputs)?;
                Ok(descriptor::RunPlan { outputs: plan.outputs, columns: plan.columns, fit: plan.fit, prior: plan.prior })
            }
        }
    }
}

fn aggregator_export() -> TokenStream {
    quote! {
        use exports::millrace::processor::aggregator;

        impl aggregator::Guest for Component {
            type State = State;
        }

        struct State(sdk::State<Processor>);

        impl aggregator::GuestState for State {
            fn open() -> Result<aggregator::State, types::Error> {
                sdk::State::open().map(|state| aggregator::State::new(State(state)))
            }
            fn restore(partial: Vec<u8>) -> Result<aggregator::State, types::Error> {
                sdk::State::restore(&partial).map(|state| aggregator::State::new(State(state)))
            }
            fn update(&self, input: &Batch) -> Result<(), types::Error> {
                self.0.update(input)
            }
            fn merge(&self, other: Vec<u8>) -> Result<(), types::Error> {
                self.0.merge(&other)
            }
            fn partial(&self) -> Result<Vec<u8>, types::Error> {
                self.0.partial()
            }
            fn finalize(&self) -> Result<Vec<(String, Vec<u8>)>, types::Error> {
                self.0.finalize()
            }
        }
    }
}

fn splitter_export() -> TokenStream {
    quote! {
        use exports::millrace::processor::splitter;

        impl splitter::Guest for Component {
            type Task = SplitTask;
        }

        struct SplitTask(sdk::SplitTask<Processor>);

        impl splitter::GuestTask for SplitTask {
            fn open() -> Result<splitter::Task, types::Error> {
                sdk::SplitTask::open().map(|task| splitter::Task::new(SplitTask(task)))
            }
            fn outputs(&self) -> Result<Vec<String>, types::Error> {
                self.0.outputs()
            }
            fn assign(&self, input: &Batch) -> Result<Vec<u8>, types::Error> {
                self.0.assign(input)
            }
        }
    }
}

fn transformer_export() -> TokenStream {
    quote! {
        use exports::millrace::processor::transformer;

        impl transformer::Guest for Component {
            type Task = TransformTask;
        }

        struct TransformTask(sdk::TransformTask<Processor>);

        impl transformer::GuestTask for TransformTask {
            fn open() -> Result<transformer::Task, types::Error> {
                sdk::TransformTask::open().map(|task| transformer::Task::new(TransformTask(task)))
            }
            fn process(&self, input: &Batch) -> Result<(), types::Error> {
                self.0.process(input)
            }
            fn finish(&self) -> Result<(), types::Error> {
                self.0.finish()
            }
        }
    }
}
