//! From a CustomResourceDefinition to the resources it adds, or to what is wrong with it.

use std::sync::Arc;

use serde_json::Value;

use super::{Column, Resource, ResourceKey, Scale, api_version};
use crate::object::{self, at_path};
use crate::schema::{FieldError, Schema};

/// A definition that has been read: the resources of its served versions.
pub(crate) struct Definition {
    pub(crate) key: ResourceKey,
    pub(crate) versions: Vec<Resource>,
}

/// Reads a CustomResourceDefinition (`apiextensions.k8s.io/v1`). Compiles schemas and CEL rules.
pub(crate) fn definition_of(crd: &Value) -> Result<Definition, Vec<FieldError>> {
    let names = Names::read(crd)?;
    let versions =
        at_path(crd, "spec.versions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let storage = storage_version(versions)?;
    let mut served = Vec::new();
    let mut errors = Vec::new();
    for (position, version) in versions.iter().enumerate() {
        match resource(crd, &names, version, position, &storage) {
            Ok(resource) if version.get("served").and_then(Value::as_bool) == Some(true) => {
                served.push(resource)
            }
            Ok(_) => {}
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() {
        Ok(Definition { key: ResourceKey::new(&names.group, &names.plural), versions: served })
    } else {
        Err(errors)
    }
}

/// `spec.group` and `spec.names`, with what the API server derives when it is left out.
struct Names {
    group: String,
    kind: String,
    plural: String,
    singular: String,
    list_kind: String,
}

impl Names {
    fn read(crd: &Value) -> Result<Self, Vec<FieldError>> {
        let required = |path: &str| match text_at(crd, path) {
            "" => Err(vec![FieldError::required(path, "")]),
            text => Ok(text.to_owned()),
        };
        let (group, plural, kind) =
            (required("spec.group")?, required("spec.names.plural")?, required("spec.names.kind")?);
        if object::name(crd) != format!("{plural}.{group}") {
            let given = Value::String(object::name(crd).to_owned());
            let detail = "must be spec.names.plural+\".\"+spec.group";
            return Err(vec![FieldError::invalid("metadata.name", &given, detail)]);
        }
        let or = |path: &str, default: String| match text_at(crd, path) {
            "" => default,
            text => text.to_owned(),
        };
        let singular = or("spec.names.singular", kind.to_lowercase());
        let list_kind = or("spec.names.listKind", format!("{kind}List"));
        Ok(Self { group, kind, plural, singular, list_kind })
    }
}

fn text_at<'a>(value: &'a Value, path: &str) -> &'a str {
    at_path(value, path).and_then(Value::as_str).unwrap_or_default()
}

fn texts_at(value: &Value, path: &str) -> Vec<String> {
    object::texts(at_path(value, path)).into_iter().map(str::to_owned).collect()
}

fn storage_version(versions: &[Value]) -> Result<String, Vec<FieldError>> {
    let mut storage =
        versions.iter().filter(|version| version.get("storage").and_then(Value::as_bool) == Some(true));
    match (storage.next(), storage.next()) {
        (Some(version), None) => Ok(text_at(version, "name").to_owned()),
        _ => {
            let names: Vec<_> = versions.iter().map(|version| text_at(version, "name")).collect();
            let detail = "must have exactly one version marked as storage version";
            Err(vec![FieldError::invalid("spec.versions", &Value::from(names), detail)])
        }
    }
}

fn resource(
    crd: &Value,
    names: &Names,
    version: &Value,
    position: usize,
    storage: &str,
) -> Result<Resource, Vec<FieldError>> {
    let path = format!("spec.versions[{position}].schema.openAPIV3Schema");
    let Some(schema) = at_path(version, "schema.openAPIV3Schema") else {
        return Err(vec![FieldError::required(&path, "schemas are required")]);
    };
    let schema = Schema::compile(schema, &path)?;
    Ok(Resource {
        key: ResourceKey::new(&names.group, &names.plural),
        group: names.group.clone(),
        version: text_at(version, "name").to_owned(),
        kind: names.kind.clone(),
        plural: names.plural.clone(),
        singular: names.singular.clone(),
        list_kind: names.list_kind.clone(),
        short_names: texts_at(crd, "spec.names.shortNames"),
        categories: texts_at(crd, "spec.names.categories"),
        namespaced: text_at(crd, "spec.scope") == "Namespaced",
        storage_api_version: api_version(&names.group, storage),
        status: at_path(version, "subresources.status").is_some(),
        scale: at_path(version, "subresources.scale").map(scale),
        generation: true,
        orphans_by_default: false,
        schema: Some(Arc::new(schema)),
        reader: None,
        selectable: selectable(version),
        columns: columns(version),
    })
}

fn scale(value: &Value) -> Scale {
    Scale {
        spec_replicas: text_at(value, "specReplicasPath").to_owned(),
        status_replicas: text_at(value, "statusReplicasPath").to_owned(),
        selector: at_path(value, "labelSelectorPath").and_then(Value::as_str).map(str::to_owned),
    }
}

fn selectable(version: &Value) -> Vec<String> {
    let listed = version.get("selectableFields").and_then(Value::as_array).into_iter().flatten();
    listed.map(|field| text_at(field, "jsonPath").trim_start_matches('.').to_owned()).collect()
}

fn columns(version: &Value) -> Vec<Column> {
    let listed = version.get("additionalPrinterColumns").and_then(Value::as_array).into_iter().flatten();
    listed.map(column).collect()
}

fn column(value: &Value) -> Column {
    Column {
        name: text_at(value, "name").to_owned(),
        kind: text_at(value, "type").to_owned(),
        format: text_at(value, "format").to_owned(),
        description: text_at(value, "description").to_owned(),
        priority: value.get("priority").and_then(Value::as_i64).unwrap_or(0),
        path: text_at(value, "jsonPath").to_owned(),
    }
}
