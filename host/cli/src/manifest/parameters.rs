//! What an operation says of its module: whether there is such a module, and whether the parameters fit.

use millrace_decide::parameters::{self, ParameterError};
use serde_json::{Value, json};

use super::document::Document;
use super::fault::Fault;
use super::locate::Part;
use crate::modules::{Modules, NONE_SHIPPED};
use crate::nearest::suggestion;

const MODULE: &str = "spec.processor.wasm.module";
const PARAMETERS: &str = "spec.processor.wasm.parameters";

/// What is wrong with the module or the parameters of one document, if it has any.
pub(super) fn check(document: &Document, documents: &[Document], modules: &Modules) -> Vec<Fault> {
    let Some(wasm) = document.object.pointer("/spec/processor/wasm") else { return Vec::new() };
    let reference = wasm.get("module").and_then(Value::as_str).unwrap_or_default();
    if is_uploaded(reference, document, documents) {
        return Vec::new();
    }
    let Some(module) = modules.find(reference) else {
        return vec![unknown_module(document, reference, modules)];
    };
    let none = json!({});
    let given = wasm.get("parameters").unwrap_or(&none);
    let schema = Value::Object(module.info.descriptor.params_schema.clone());
    match parameters::check(&schema, given) {
        Ok(errors) => errors.iter().map(|error| wrong_parameter(document, reference, error)).collect(),
        Err(error) => vec![document.fault(MODULE, Part::Value, error.to_string())],
    }
}

/// Whether one of the manifests is the ProcessorModule that `reference` names.
fn is_uploaded(reference: &str, document: &Document, documents: &[Document]) -> bool {
    let path = reference.split('@').next().unwrap_or_default();
    let (namespace, name) = path.rsplit_once('/').unwrap_or((document.namespace.as_str(), path));
    documents
        .iter()
        .any(|other| other.kind == "ProcessorModule" && other.namespace == namespace && other.name == name)
}

fn unknown_module(document: &Document, reference: &str, modules: &Modules) -> Fault {
    let name = reference.split('@').next().unwrap_or_default();
    let message = match modules.find(name) {
        Some(module) => format!(
            "there is no version {reference} of module {name}: this is {}",
            module.info.descriptor.version
        ),
        None => format!("there is no module {reference}"),
    };
    let help = if modules.is_empty() { NONE_SHIPPED.to_owned() } else { suggestion(name, modules.names()) };
    document.fault(MODULE, Part::Value, message).label("unknown module").help(help)
}

fn wrong_parameter(document: &Document, module: &str, error: &ParameterError) -> Fault {
    let unknown_name = error.nearest.is_some() || error.message.starts_with("there is no parameter");
    let part = if unknown_name { Part::Key } else { Part::Value };
    let more = format!("`millrace process {module} --help` lists the parameters");
    let help = match &error.expected {
        Some(expected) => format!("expected: {expected}\n{more}"),
        None => more,
    };
    document
        .fault(&field_path(&error.pointer), part, error.message.clone())
        .label("does not fit the module")
        .help(help)
}

/// `spec.processor.wasm.parameters[sizes][train]` of the pointer `/sizes/train`.
fn field_path(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.fold(PARAMETERS.to_owned(), |path, step| format!("{path}[{step}]"))
}
