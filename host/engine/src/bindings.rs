//! The contract as Rust types, generated from the WIT text.
//!
//! The imports are bound once; each exported interface is bound alone, on the same types, so that a
//! module of any world is the sum of the interfaces it exports.

/// What the host offers: every world imports (parts of) this.
pub(crate) mod api {
    wasmtime::component::bindgen!({
        path: "../../guest-sdk/wit",
        world: "host-api",
        imports: { default: trappable },
        with: {
            "millrace:processor/data.batch": crate::state::HostBatch,
            "millrace:processor/data.output": crate::state::HostOutput,
            "millrace:processor/data.table": crate::state::HostTable,
            "millrace:processor/data.blob": crate::state::HostBlob,
            "millrace:processor/kernels.moments": crate::host::ChargedMoments,
            "millrace:processor/kernels.projection": crate::host::ChargedProjection,
        },
    });
}

macro_rules! exported {
    ($module:ident, $text:literal) => {
        pub(crate) mod $module {
            wasmtime::component::bindgen!({
                inline: $text,
                path: "../../guest-sdk/wit",
                with: {
                    "millrace:processor/types": crate::bindings::api::millrace::processor::types,
                    "millrace:processor/data": crate::bindings::api::millrace::processor::data,
                    "millrace:processor/context": crate::bindings::api::millrace::processor::context,
                    "millrace:processor/kernels": crate::bindings::api::millrace::processor::kernels,
                },
            });
        }
    };
}

exported!(
    descriptor,
    "package millrace:host; world only-descriptor { include millrace:processor/host-api@0.1.0; export millrace:processor/descriptor@0.1.0; }"
);
exported!(
    aggregator,
    "package millrace:host; world only-aggregator { include millrace:processor/host-api@0.1.0; export millrace:processor/aggregator@0.1.0; }"
);
exported!(
    splitter,
    "package millrace:host; world only-splitter { include millrace:processor/host-api@0.1.0; export millrace:processor/splitter@0.1.0; }"
);
exported!(
    transformer,
    "package millrace:host; world only-transformer { include millrace:processor/host-api@0.1.0; export millrace:processor/transformer@0.1.0; }"
);
