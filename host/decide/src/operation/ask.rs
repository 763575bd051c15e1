//! What a kind of operation asks for: the only place where the kinds differ.

use std::fmt;

use millrace_crds::Reason;
use millrace_crds::common::Access;
use millrace_crds::data_processing::{OutputDataset, WorkloadProcessor};
use millrace_crds::node_task::{NodeTaskSpec, TaskDataset, TaskWasm};
use millrace_crds::operation::OperationFields;

use crate::access;
use crate::catalog::Catalog;
use crate::container::Command;
use crate::mounts;
use crate::name::Name;
use crate::paths;
use crate::placement::Needs;
use crate::refusal::{Hold, Refusal};
use crate::text;

/// What one kind of operation adds to what all share.
pub trait Ask: fmt::Debug + Send + Sync {
    /// What every operation has.
    fn fields(&self) -> &OperationFields;

    /// The Datasets that an operation in `namespace` names.
    fn uses(&self, namespace: &str) -> Vec<Name>;

    /// Those of them that an operation in `namespace` publishes into.
    fn writes(&self, namespace: &str) -> Vec<Name> {
        let _ = namespace;
        Vec::new()
    }

    /// The module that it names, if any.
    fn module(&self) -> Option<&str> {
        None
    }

    /// The workload of another kind that it asks for, if any.
    fn workload(&self) -> Option<&WorkloadProcessor> {
        None
    }

    /// Published outputs that become Datasets.
    fn outputs(&self) -> &[OutputDataset] {
        &[]
    }

    /// Reads the spec against what it points at; nothing later reads the spec.
    ///
    /// # Errors
    /// Waiting, or refused with what, why and what to do.
    fn work(&self, namespace: &str, catalog: &Catalog) -> Result<Work, Hold>;
}

/// Work that has been checked: everything that tasks are made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Work {
    /// The datasets, with mounts filled in.
    pub datasets: Vec<TaskDataset>,
    /// For a load: paths inside the first dataset; all of it where there is none.
    pub paths: Vec<String>,
    /// For a run: module and processor.
    pub wasm: Option<TaskWasm>,
    /// For a load: on how many nodes.
    pub replicas: usize,
    /// For a container or workload: what is created.
    pub command: Option<Command>,
}

impl Work {
    /// The work that a task was made from: what was resolved when the operation started stays.
    #[must_use]
    pub fn of_task(spec: &NodeTaskSpec, replicas: usize) -> Self {
        Self {
            datasets: spec.datasets.clone(),
            paths: spec.paths.clone(),
            wasm: spec.wasm.clone(),
            replicas,
            command: None,
        }
    }

    /// What matters when nodes are chosen.
    #[must_use]
    pub fn needs(&self, fields: &OperationFields) -> Needs {
        let reads = self.reads();
        let fetched = self.datasets.iter().filter(|dataset| {
            let name = Name::new(&dataset.namespace, &dataset.name);
            reads.contains(&name) && !mounts::in_place(&dataset.mounts)
        });
        Needs {
            fetched: fetched.map(|dataset| Name::new(&dataset.namespace, &dataset.name)).collect(),
            one_file_system: self.is_on_disk(),
            at_most: fields.parallelism.and_then(|most| usize::try_from(most).ok()),
        }
    }

    /// Datasets that are read: for a load all, for a run those of its inputs.
    fn reads(&self) -> Vec<Name> {
        let Some(wasm) = &self.wasm else {
            return self.datasets.iter().map(|one| Name::new(&one.namespace, &one.name)).collect();
        };
        let processor = &wasm.processor;
        let inputs = std::iter::once(processor.input.as_str())
            .chain(processor.inputs.iter().map(|input| input.path.as_str()));
        let places = inputs.filter_map(|path| paths::resolve("input", path, &self.datasets).ok());
        places.map(|place| Name::new(&place.dataset.namespace, &place.dataset.name)).collect()
    }

    /// Whether an input, the output or the model is on a node's own disk.
    fn is_on_disk(&self) -> bool {
        let Some(wasm) = &self.wasm else {
            return self.datasets.iter().any(|dataset| mounts::in_place(&dataset.mounts));
        };
        let processor = &wasm.processor;
        let places = std::iter::once(&processor.input)
            .chain(processor.inputs.iter().map(|input| &input.path))
            .chain(&processor.output)
            .chain(&processor.model);
        let mut mounts = places
            .filter_map(|path| paths::resolve("path", path, &self.datasets).ok())
            .filter_map(|place| place.mount());
        mounts.any(|mount| mounts::is_local(&mount.mount_point))
    }
}

/// Finds a Dataset that may be used from `namespace`.
pub(super) fn dataset(
    name: &Name,
    path: &str,
    namespace: &str,
    catalog: &Catalog,
) -> Result<TaskDataset, Hold> {
    let Some(dataset) = catalog.datasets.get(name) else {
        let nearest = text::nearest(&name.name, catalog.dataset_names(&name.namespace));
        let what = format!("Dataset {name}");
        return Err(catalog.missing.hold(&what, Reason::NotFound, &text::did_you_mean(nearest)));
    };
    access::check("Dataset", name, &dataset.spec.shared_with, namespace, Access::Read)?;
    if dataset.metadata.deletion_timestamp.is_some() {
        return Err(Hold::Wait(format!("Dataset {name}, which is being deleted")));
    }
    let seen = mounts::task_dataset(dataset, name, path);
    if seen.mounts.is_empty() {
        let message = format!("Dataset {name} has no mounts: add one to its spec.mounts");
        return Err(Hold::refuse(Reason::InvalidSpec, message));
    }
    mounts::check(&seen.mounts, catalog.laptop).map_err(|Refusal { reason, message }| {
        Hold::refuse(reason, format!("Dataset {name} cannot be used here: {message}"))
    })?;
    Ok(seen)
}
