//! What a DataProcessing asks for.

use millrace_crds::Reason;
use millrace_crds::common::Access;
use millrace_crds::data_processing::{
    DataProcessingSpec, DatasetUse, Method, OutputDataset, WasmProcessor, WorkloadProcessor,
};
use millrace_crds::node_task::{TaskDataset, TaskWasm};
use millrace_crds::operation::OperationFields;
use serde_json::Value;

use super::ask::{Ask, Work, dataset};
use crate::access;
use crate::catalog::Catalog;
use crate::container;
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

    fn uses(&self, namespace: &str) -> Vec<Name> {
        self.datasets.iter().map(|one| used(one, namespace)).collect()
    }

    fn writes(&self, namespace: &str) -> Vec<Name> {
        let bare = |one: &DatasetUse| TaskDataset {
            namespace: used(one, namespace).namespace,
            name: one.name.clone(),
            path: one.path.clone(),
            ..TaskDataset::default()
        };
        let datasets: Vec<TaskDataset> = self.datasets.iter().map(bare).collect();
        let written = written(self);
        let places = written.iter().filter_map(|path| paths::resolve("output", path, &datasets).ok());
        places.map(|place| Name::new(&place.dataset.namespace, &place.dataset.name)).collect()
    }

    fn module(&self) -> Option<&str> {
        self.processor.wasm.as_ref().map(|wasm| wasm.module.as_str())
    }

    fn workload(&self) -> Option<&WorkloadProcessor> {
        self.processor.workload.as_ref()
    }

    fn outputs(&self) -> &[OutputDataset] {
        &self.outputs
    }

    fn work(&self, namespace: &str, catalog: &Catalog) -> Result<Work, Hold> {
        let Some(wasm) = &self.processor.wasm else { return command_work(self, namespace, catalog) };
        // What is wrong whatever else there is comes first: module, parameters, then what they work on.
        let found = modules::resolve(&wasm.module, namespace, catalog)?;
        check_parameters(&found, wasm)?;
        check_method(wasm)?;
        let datasets = found_datasets(self, namespace, catalog)?;
        check_paths(wasm, &datasets, namespace, catalog)?;
        let wasm = Some(TaskWasm { module: found.module, processor: wasm.clone() });
        Ok(Work { datasets, paths: Vec::new(), wasm, replicas: 1, command: None })
    }
}

fn used(one: &DatasetUse, namespace: &str) -> Name {
    Name::new(one.namespace.as_deref().unwrap_or(namespace), &one.name)
}

fn found_datasets(
    spec: &DataProcessingSpec,
    namespace: &str,
    catalog: &Catalog,
) -> Result<Vec<TaskDataset>, Hold> {
    let find = |one: &DatasetUse| dataset(&used(one, namespace), &one.path, namespace, catalog);
    spec.datasets.iter().map(find).collect()
}

/// The paths that a step publishes at: a module's output and model, a container's outputs.
fn written(spec: &DataProcessingSpec) -> Vec<&String> {
    match &spec.processor.wasm {
        Some(wasm) => {
            let model = wasm.model.iter().filter(|_| wasm.method != Method::Transform);
            wasm.output.iter().chain(model).collect()
        }
        None => spec.outputs.iter().map(|output| &output.port).collect(),
    }
}

/// A container or another workload.
fn command_work(spec: &DataProcessingSpec, namespace: &str, catalog: &Catalog) -> Result<Work, Hold> {
    let datasets = found_datasets(spec, namespace, catalog)?;
    let command = container::command(spec, &datasets, namespace, catalog)?;
    let nothing = || {
        let message = "processor is empty: give one of processor.wasm, processor.spec and processor.workload";
        Hold::refuse(Reason::InvalidSpec, message)
    };
    Ok(Work { datasets, command: Some(command.ok_or_else(nothing)?), replicas: 1, ..Work::default() })
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
