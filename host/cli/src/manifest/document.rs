//! One object of a manifest: which kind it is, what it is called, where it stands in its text.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Rules;
use super::fault::{Fault, Source};
use super::kinds::{Kind, Kinds};
use super::locate::{Part, locate};
use super::yaml::{Content, Node};
use crate::nearest::suggestion;

/// One object, with the text it was read from.
#[derive(Debug)]
pub struct Document {
    /// Where it was read from.
    pub source: Arc<Source>,
    /// As it was written.
    pub node: Node,
    /// As it will be applied.
    pub object: Value,
    /// `data.fluid.io/v1alpha1`.
    pub api_version: String,
    /// `DataLoad`.
    pub kind: String,
    /// `dataloads`.
    pub plural: String,
    /// Empty for objects of the whole cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Document {
    /// Finds out what an object is, and gives it a namespace.
    pub(super) fn identify(source: &Arc<Source>, node: Node, rules: &Rules<'_>) -> Result<Self, Vec<Fault>> {
        let kind = kind_of(source, &node, rules.kinds).map_err(|fault| vec![*fault])?;
        let name = name_of(source, &node).map_err(|fault| vec![*fault])?;
        let mut object = node.to_json();
        let namespace =
            match (kind.namespaced, node.get("metadata").and_then(|metadata| metadata.get("namespace"))) {
                (false, _) => String::new(),
                (true, Some(namespace)) => namespace.text().unwrap_or_default().to_owned(),
                (true, None) => rules.namespace.to_owned(),
            };
        if let Some(metadata) = object.get_mut("metadata").filter(|_| kind.namespaced) {
            metadata["namespace"] = json!(namespace);
        }
        Ok(Self {
            source: Arc::clone(source),
            object,
            api_version: kind.api_version.clone(),
            kind: kind.kind.clone(),
            plural: kind.plural.clone(),
            namespace,
            name,
            node,
        })
    }

    /// A fault at a field of this object.
    pub fn fault(&self, path: &str, part: Part, message: String) -> Fault {
        Fault::new(&self.source, locate(&self.node, path, part), message)
    }

    /// Whether it runs to an end.
    pub fn is_operation(&self) -> bool {
        matches!(self.kind.as_str(), "DataLoad" | "DataProcessing")
    }

    /// `DataLoad default/warm`.
    pub fn title(&self) -> String {
        title(&self.kind, &self.namespace, &self.name)
    }
}

/// An object in words: `DataLoad default/warm`, `RuntimeProfile fast`.
pub fn title(kind: &str, namespace: &str, name: &str) -> String {
    if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
}

/// The items of every `kind: List`, as kubectl writes several objects.
pub(super) fn expand_lists(nodes: Vec<Node>) -> Vec<Node> {
    let expand = |node: Node| {
        let is_list = node.get("kind").and_then(Node::text) == Some("List");
        match node.get("items") {
            Some(Node { content: Content::List(items), .. }) if is_list => items.clone(),
            _ => vec![node],
        }
    };
    nodes.into_iter().flat_map(expand).collect()
}

/// Bare keys that kubectl reads as booleans: `on: Failure` becomes `"true": Failure` there.
const BOOLEAN_WORDS: [&str; 4] = ["on", "off", "yes", "no"];

/// Warns of bare keys that kubectl would read as something else.
pub(super) fn misread_keys(source: &Arc<Source>, node: &Node) -> Vec<Fault> {
    let mut faults: Vec<_> = node.items().iter().flat_map(|item| misread_keys(source, item)).collect();
    for entry in node.entries() {
        let written = source.text.get(entry.key_place.clone()).unwrap_or_default();
        if written == entry.key && BOOLEAN_WORDS.contains(&entry.key.to_lowercase().as_str()) {
            let message = format!("kubectl reads the bare key {} as a boolean", entry.key);
            let help = format!("write \"{}\": in quotes, which means the same here and there", entry.key);
            faults
                .push(Fault::new(source, entry.key_place.clone(), message).label("not in quotes").help(help));
        }
        faults.extend(misread_keys(source, &entry.value));
    }
    faults
}

fn kind_of<'a>(source: &Arc<Source>, node: &Node, kinds: &'a Kinds) -> Result<&'a Kind, Box<Fault>> {
    let fault = |place, message| Box::new(Fault::new(source, place, message));
    if !matches!(node.content, Content::Map(_)) {
        return Err(fault(
            node.place.clone(),
            "a manifest is a map with apiVersion, kind and metadata".to_owned(),
        ));
    }
    let text = |field: &str| {
        let value =
            node.get(field).ok_or_else(|| fault(node.place.clone(), format!("{field} is missing")))?;
        let wrong = || fault(value.place.clone(), format!("{field} must be a string"));
        value.text().map(|text| (text, value.place.clone())).ok_or_else(wrong)
    };
    let (api_version, version_place) = text("apiVersion")?;
    let (kind, kind_place) = text("kind")?;
    if let Some(found) = kinds.find(api_version, kind) {
        return Ok(found);
    }
    let of_version = kinds.of(api_version);
    let versions = kinds.versions_of(kind);
    if of_version.is_empty() || !versions.is_empty() {
        let message = format!("there is no kind {kind} in apiVersion {api_version}");
        let help = if versions.is_empty() {
            suggestion(api_version, kinds.api_versions())
        } else {
            format!("{kind} is in {}", versions.join(" and "))
        };
        return Err(Box::new(
            fault(version_place, message).label("not an apiVersion of this kind").help(help),
        ));
    }
    let message = format!("there is no kind {kind} in apiVersion {api_version}");
    let help = suggestion(kind, of_version);
    Err(Box::new(fault(kind_place, message).label("unknown kind").help(help)))
}

fn name_of(source: &Arc<Source>, node: &Node) -> Result<String, Box<Fault>> {
    let name = node.get("metadata").and_then(|metadata| metadata.get("name"));
    let place = locate(node, "metadata.name", Part::Value);
    let Some(name) = name else {
        return Err(Box::new(
            Fault::new(source, place, "metadata.name is missing".to_owned())
                .help("every object has a name: metadata: {name: …}"),
        ));
    };
    match name.text() {
        Some(text) if is_name(text) => Ok(text.to_owned()),
        Some(text) => {
            let message = format!("metadata.name {text:?} is not a name");
            Err(Box::new(Fault::new(source, place, message).help("lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, at most 253")))
        }
        None => Err(Box::new(
            Fault::new(source, place, "metadata.name must be a string".to_owned()).help("put it in quotes"),
        )),
    }
}

/// RFC 1123 subdomain, as an API server wants names.
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let outer = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= 253
        && bytes.iter().copied().all(inner)
        && bytes.first().is_some_and(outer)
        && bytes.last().is_some_and(outer)
}
