//! What a DataProcessing asks for.

use millrace_crds::Reason;
use millrace_crds::common::Access;
use millrace_crds::data_process::DataProcessSpec;
use millrace_crds::data_processing::{DataProcessingSpec, DatasetUse, Method, OutputDataset, WasmProcessor};
use millrace_crds::node_task::{TaskDataset, TaskWasm};
use millrace_crds::operation::OperationFields;
use serde_json::Value;

use super::ask::{Ask, Work, dataset};
use super::child;
use crate::access;
use crate::catalog::Catalog;
use crate::modules::{self, FoundModule};
use crate::name::Name;
use crate::parameters;
use crate::paths;
use crate::refusal::{Hold, Refusal};
use crate::text;

/// Parameter errors that one message lists.
const SHOWN: usize = 8;

impl Ask for DataProcessingSpec {
    fn fields(&self) -> &OperationFields {
        &self.operation
    }

    fn spec(&self) -> Value {
        child::as_json(self)
    }

    fn uses(&self, namespace: &str) -> Vec<Name> {
        self.datasets.iter().map(|one| used(one, namespace)).collect()
    }

    fn writes(&self, namespace: &str) -> Vec<Name> {
        let Some(wasm) = &self.processor.wasm else { return Vec::new() };
        let model = wasm.model.iter().filter(|_| wasm.method != Method::Transform);
        let bare = |one: &DatasetUse| TaskDataset {
            namespace: used(one, namespace).namespace,
            name: one.name.clone(),
            path: one.path.clone(),
            ..TaskDataset::default()
        };
        let datasets: Vec<TaskDataset> = self.datasets.iter().map(bare).collect();
        let places =
            wasm.output.iter().chain(model).filter_map(|path| paths::resolve("output", path, &datasets).ok());
        places.map(|place| Name::new(&place.dataset.namespace, &place.dataset.name)).collect()
    }

    fn module(&self) -> Option<&str> {
        self.processor.wasm.as_ref().map(|wasm| wasm.module.as_str())
    }

    fn outputs(&self) -> &[OutputDataset] {
        &self.outputs
    }

    fn work(&self, namespace: &str, catalog: &Catalog) -> Result<Work, Hold> {
        let wasm = self.processor.wasm.as_ref().ok_or_else(|| no_module(self))?;
        // What is wrong whatever else there is comes first: module, parameters, then what they work on.
        let found = modules::resolve(&wasm.module, namespace, catalog)?;
        check_parameters(&found, wasm)?;
        check_method(wasm)?;
        let datasets = self
            .datasets
            .iter()
            .map(|one| dataset(&used(one, namespace), &one.path, namespace, catalog))
            .collect::<Result<Vec<_>, _>>()?;
        check_paths(wasm, &datasets, namespace, catalog)?;
        let wasm = Some(TaskWasm { module: found.module, file: found.file, processor: wasm.clone() });
        Ok(Work { datasets, paths: Vec::new(), wasm, replicas: 1 })
    }
}

/// A DataProcess: read in the newer spelling, kept in its own.
#[derive(Debug)]
pub(super) struct Respelled {
    given: DataProcessSpec,
    read: DataProcessingSpec,
}

impl Respelled {
    pub(super) fn new(given: DataProcessSpec) -> Self {
        Self { read: given.processing(), given }
    }
}

impl Ask for Respelled {
    fn fields(&self) -> &OperationFields {
        &self.read.operation
    }

    fn spec(&self) -> Value {
        child::as_json(&self.given)
    }

    fn uses(&self, namespace: &str) -> Vec<Name> {
        self.read.uses(namespace)
    }

    fn work(&self, namespace: &str, catalog: &Catalog) -> Result<Work, Hold> {
        self.read.work(namespace, catalog)
    }
}

fn used(one: &DatasetUse, namespace: &str) -> Name {
    Name::new(one.namespace.as_deref().unwrap_or(namespace), &one.name)
}

fn no_module(spec: &DataProcessingSpec) -> Hold {
    let what = match &spec.processor.workload {
        Some(workload) => format!("processor.workload ({})", workload.kind),
        None => "processor.spec (a container)".to_owned(),
    };
    Hold::refuse(
        Reason::NotSupported,
        format!(
            "this version runs Wasm modules only, and this step is a {what}: use processor.wasm, or run it in a cluster with a version that starts Jobs"
        ),
    )
}

fn check_parameters(found: &FoundModule, wasm: &WasmProcessor) -> Result<(), Hold> {
    let Some(schema) = found.schema() else { return Ok(()) };
    let given = Value::Object(wasm.parameters.0.clone());
    let errors = parameters::check(schema, &given)
        .map_err(|error| Hold::refuse(Reason::ModuleRefused, format!("module {}: {error}", wasm.module)))?;
    if errors.is_empty() {
        return Ok(());
    }
    let lines = errors.iter().map(|error| match &error.expected {
        Some(expected) => format!("{error} (expected: {expected})"),
        None => error.to_string(),
    });
    let message =
        format!("the parameters do not fit module {}: {}", found.module.name, text::list(lines, SHOWN));
    Err(Hold::refuse(Reason::InvalidParameters, message))
}

fn check_method(wasm: &WasmProcessor) -> Result<(), Refusal> {
    let missing = |field: &str, why: &str| {
        Err(Refusal::new(Reason::InvalidSpec, format!("{why}: name a folder in processor.wasm.{field}")))
    };
    match wasm.method {
        Method::Fit if wasm.model.is_none() => missing("model", "method Fit writes a model"),
        Method::Transform if wasm.model.is_none() => missing("model", "method Transform reads a model"),
        Method::Transform | Method::FitTransform if wasm.output.is_none() => {
            missing("output", "this step publishes data")
        }
        Method::Fit | Method::Transform | Method::FitTransform => Ok(()),
    }
}

fn check_paths(
    wasm: &WasmProcessor,
    datasets: &[TaskDataset],
    namespace: &str,
    catalog: &Catalog,
) -> Result<(), Refusal> {
    paths::resolve("input", &wasm.input, datasets)?;
    for input in &wasm.inputs {
        paths::resolve(&format!("inputs[{}]", input.name), &input.path, datasets)?;
    }
    let written = match wasm.method {
        Method::Transform => vec![("output", &wasm.output)],
        Method::Fit => vec![("model", &wasm.model)],
        Method::FitTransform => vec![("output", &wasm.output), ("model", &wasm.model)],
    };
    for (field, path) in written {
        let Some(path) = path else { continue };
        let place = paths::resolve_output(field, path, datasets)?;
        may_write(place.dataset, namespace, catalog)?;
        if crate::mounts::tidy(path) == crate::mounts::tidy(&wasm.input) {
            let message = format!("{field} {path} is the input itself: publish to another folder");
            return Err(Refusal::new(Reason::InvalidSpec, message));
        }
    }
    match &wasm.model {
        Some(model) if wasm.method == Method::Transform => {
            paths::resolve("model", model, datasets).map(|_| ())
        }
        _ => Ok(()),
    }
}

fn may_write(dataset: &TaskDataset, namespace: &str, catalog: &Catalog) -> Result<(), Refusal> {
    let name = Name::new(&dataset.namespace, &dataset.name);
    let shares = catalog.datasets.get(&name).map(|dataset| dataset.spec.shared_with.as_slice());
    access::check("Dataset", &name, shares.unwrap_or_default(), namespace, Access::Write)
}
