//! The objects a user may ask for, and the internal ones that controller and agent share.
//!
//! One file per kind. The YAML beside this crate (`crds/yaml/`) is generated from these types by
//! `millrace crds` and checked for drift. Nothing here decides, reads or writes anything.

#![expect(
    clippy::duplicated_attributes,
    reason = "kube's derive takes one printcolumn per column, and they look alike"
)]

pub mod cache_node;
pub mod common;
pub mod condition;
pub mod data_flow;
pub mod data_load;
pub mod data_process;
pub mod data_processing;
pub mod dataset;
pub mod names;
pub mod node_task;
pub mod operation;
pub mod processor_module;
pub mod raw;
pub mod reason;
pub mod runtime_profile;

pub use cache_node::CacheNode;
pub use data_flow::DataFlow;
pub use data_load::DataLoad;
pub use data_process::DataProcess;
pub use data_processing::DataProcessing;
pub use dataset::Dataset;
pub use node_task::NodeTask;
pub use processor_module::ProcessorModule;
pub use reason::Reason;
pub use runtime_profile::RuntimeProfile;

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// Every CRD, in the order in which they are installed.
#[must_use]
pub fn all() -> &'static [CustomResourceDefinition] {
    // Making the schemas takes milliseconds, and a local run needs them twice.
    static ALL: LazyLock<Vec<CustomResourceDefinition>> = LazyLock::new(make);
    &ALL
}

fn make() -> Vec<CustomResourceDefinition> {
    let mut crds = dataset::crds();
    crds.extend([
        RuntimeProfile::crd(),
        DataLoad::crd(),
        DataProcessing::crd(),
        DataProcess::crd(),
        DataFlow::crd(),
        ProcessorModule::crd(),
        NodeTask::crd(),
        CacheNode::crd(),
    ]);
    crds
}
