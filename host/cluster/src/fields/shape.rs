//! How the lists and maps of an object are merged: by the schema for custom resources, by a table
//! for the built-in kinds and for `ObjectMeta`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Step;
use crate::schema::{ListKind, Node, Schema, Values};

/// The merge rules at one place of an object.
#[derive(Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// The root of a custom resource.
    Root(&'a Schema),
    /// A place the schema describes.
    Node(&'a Node),
    /// A place of a built-in kind, known by the name of the field that holds it.
    Field(&'a str),
    /// A place nothing describes: maps are merged, lists replaced.
    Unknown,
}

/// How the elements of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Elements<'a> {
    /// Not at all: the list is one value.
    Atomic,
    /// By their value.
    Set,
    /// By these fields.
    Keyed(Vec<&'a str>),
}

/// Keyed lists of the built-in kinds: the field that holds the list and its keys.
const KEYED: &[(&str, &[&str])] = &[
    ("conditions", &["type"]),
    ("ownerReferences", &["uid"]),
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("volumes", &["name"]),
    ("env", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("imagePullSecrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("schedulingGates", &["name"]),
    ("resourceClaims", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("secrets", &["name"]),
    ("addresses", &["type"]),
    ("podIPs", &["ip"]),
    ("hostIPs", &["ip"]),
    ("claims", &["name"]),
];

/// Sets of the built-in kinds.
const SETS: &[&str] = &["finalizers"];

/// Maps of the built-in kinds: their entries are data, not fields.
const MAPS: &[&str] = &[
    "labels",
    "annotations",
    "matchLabels",
    "nodeSelector",
    "data",
    "binaryData",
    "stringData",
    "limits",
    "requests",
    "capacity",
    "allocatable",
    "parameters",
    "volumeAttributes",
];

/// Maps and objects of the built-in kinds that are replaced as a whole.
const ATOMIC: &[&str] = &[
    "selector",
    "nodeSelector",
    "matchLabelSelector",
    "labelSelector",
    "nodeSelectorTerms",
    "dataSource",
    "secretRef",
    "valueFrom",
    "fieldRef",
    "resourceFieldRef",
    "configMapKeyRef",
    "secretKeyRef",
    "claimRef",
    "capacity",
    "involvedObject",
    "fieldsV1",
];

impl<'a> Shape<'a> {
    /// The rules for objects of a resource.
    pub(crate) fn of(schema: Option<&'a Schema>) -> Self {
        schema.map_or(Self::Field(""), Self::Root)
    }

    /// The rules of a field of this object.
    pub(crate) fn field(self, name: &'a str) -> Self {
        match self {
            Self::Root(_) if name == "metadata" => Self::Field(name),
            Self::Root(schema) => node_field(schema.root(), name),
            Self::Node(node) => node_field(node, name),
            // Entries of a map have no rules of their own, whatever they are called.
            Self::Field(map) if MAPS.contains(&map) => Self::Unknown,
            Self::Field(_) => Self::Field(name),
            Self::Unknown => Self::Unknown,
        }
    }

    /// The rules of an element of this list.
    pub(crate) fn element(self) -> Self {
        match self {
            Self::Node(Node { items: Some(items), .. }) => Self::Node(items),
            Self::Field(_) => Self::Field(""),
            Self::Node(_) | Self::Root(_) | Self::Unknown => Self::Unknown,
        }
    }

    /// How the elements of this list are told apart.
    pub(crate) fn elements(self, list: &[Value]) -> Elements<'a> {
        match self {
            Self::Node(node) => match &node.list {
                ListKind::Atomic => Elements::Atomic,
                ListKind::Set => Elements::Set,
                ListKind::Map(keys) => Elements::Keyed(keys.iter().map(String::as_str).collect()),
            },
            Self::Field(name) => built_in_elements(name, list),
            Self::Root(_) | Self::Unknown => Elements::Atomic,
        }
    }

    /// Whether this object is replaced as a whole.
    pub(crate) fn is_atomic_map(self) -> bool {
        match self {
            Self::Node(node) => node.atomic_map,
            Self::Field(name) => ATOMIC.contains(&name),
            Self::Root(_) | Self::Unknown => false,
        }
    }

    /// Whether the name is a field of this object, rather than an entry of a map.
    pub(crate) fn knows(self, name: &str) -> bool {
        match self {
            Self::Root(_) => true,
            Self::Node(node) => node.properties.contains_key(name),
            Self::Field(holder) => !MAPS.contains(&holder),
            Self::Unknown => false,
        }
    }

    /// The value a key field has when it is left out.
    fn key_default(self, key: &str) -> Option<Value> {
        match self {
            Self::Node(node) => node.items.as_ref()?.properties.get(key)?.default.clone(),
            Self::Field("ports") if key == "protocol" => Some(Value::from("TCP")),
            _ => None,
        }
    }
}

fn node_field<'a>(node: &'a Node, name: &'a str) -> Shape<'a> {
    match (node.properties.get(name), &node.values) {
        (Some(property), _) => Shape::Node(property),
        (None, Values::Of(of)) => Shape::Node(of),
        (None, Values::Any | Values::Unknown) => Shape::Unknown,
    }
}

fn built_in_elements<'a>(name: &str, list: &[Value]) -> Elements<'a> {
    if SETS.contains(&name) {
        return Elements::Set;
    }
    if name == "ports" {
        // Containers and Services both have ports, with different keys.
        let of_container = list.iter().any(|port| port.get("containerPort").is_some());
        return Elements::Keyed(vec![if of_container { "containerPort" } else { "port" }, "protocol"]);
    }
    let keyed = KEYED.iter().find(|(field, _)| *field == name);
    keyed.map_or(Elements::Atomic, |(_, keys)| Elements::Keyed(keys.to_vec()))
}

/// The steps to the elements of a list; `None` for an atomic list or one with an element that
/// lacks its keys, which is then one value.
pub(crate) fn steps(shape: Shape<'_>, list: &[Value]) -> Option<Vec<Step>> {
    match shape.elements(list) {
        Elements::Atomic => None,
        Elements::Set => Some(list.iter().map(Step::value).collect()),
        Elements::Keyed(keys) => list.iter().map(|element| key_step(shape, &keys, element)).collect(),
    }
}

fn key_step(shape: Shape<'_>, keys: &[&str], element: &Value) -> Option<Step> {
    let mut found = BTreeMap::new();
    for key in keys {
        if let Some(value) = element.get(key).cloned().or_else(|| shape.key_default(key)) {
            found.insert(*key, value);
        }
    }
    (!found.is_empty()).then(|| Step::key(&found))
}

/// Whether a field of an element is one of the list's keys.
pub(crate) fn is_key(shape: Shape<'_>, list: &[Value], field: &str) -> bool {
    matches!(shape.elements(list), Elements::Keyed(keys) if keys.contains(&field))
}
