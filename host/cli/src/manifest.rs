//! Manifests: from text to objects that are known to be right, with every fault at its place.
//!
//! A file per step: read (`source`), parse (`yaml`), name (`document`), make paths absolute
//! (`local_paths`), hold against the schema (`shape`), the modules (`parameters`) and each other
//! (`together`). Nothing here talks to an API server.

pub mod document;
pub mod fault;
pub mod kinds;
pub mod local_paths;
pub mod locate;
mod parameters;
mod shape;
pub mod source;
pub mod together;
pub mod yaml;

use std::sync::Arc;

pub use document::Document;
use fault::{Fault, Source};
use kinds::Kinds;

pub use shape::with_article;

use crate::modules::Modules;

/// What manifests are held against.
pub struct Rules<'a> {
    /// The kinds there are.
    pub kinds: &'a Kinds,
    /// The modules there are.
    pub modules: &'a Modules,
    /// Where objects without a namespace go.
    pub namespace: &'a str,
}

/// Objects that are ready to be applied, and what their author should know.
pub struct Manifests {
    /// In the order of the texts.
    pub documents: Vec<Document>,
    /// What is right here and would not be elsewhere.
    pub warnings: Vec<Fault>,
}

/// Reads all documents of all sources.
///
/// # Errors
/// Everything that is wrong with any of them, in the order of the texts.
pub fn read(sources: &[Arc<Source>], rules: &Rules<'_>) -> Result<Manifests, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let mut documents = Vec::new();
    for source in sources {
        let nodes = yaml::parse(&source.text).unwrap_or_else(|error| {
            faults.push(Fault::new(source, error.place, format!("this is not YAML: {}", error.message)));
            Vec::new()
        });
        for node in document::expand_lists(nodes) {
            warnings.extend(document::misread_keys(source, &node));
            match Document::identify(source, node, rules) {
                Ok(document) => documents.push(document),
                Err(found) => faults.extend(found),
            }
        }
    }
    for document in &mut documents {
        local_paths::resolve(&mut document.object, &document.source.folder);
        faults.extend(shape::check(document, rules));
    }
    if faults.is_empty() {
        faults.extend(
            documents.iter().flat_map(|document| parameters::check(document, &documents, rules.modules)),
        );
        faults.extend(together::check(&documents));
    }
    if faults.is_empty() { Ok(Manifests { documents, warnings }) } else { Err(faults) }
}
