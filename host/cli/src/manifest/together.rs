//! Documents held against each other: one name twice, operations that wait for one another.

use std::collections::BTreeMap;

use millrace_crds::operation::RunAfter;

use super::document::{Document, title};
use super::fault::Fault;
use super::locate::Part;

/// What is wrong between documents.
pub(super) fn check(documents: &[Document]) -> Vec<Fault> {
    let mut faults = twice(documents);
    faults.extend(circles(documents));
    faults
}

fn twice(documents: &[Document]) -> Vec<Fault> {
    let mut first: BTreeMap<(&str, &str, &str, &str), &Document> = BTreeMap::new();
    let mut faults = Vec::new();
    for document in documents {
        let key = (
            document.api_version.as_str(),
            document.kind.as_str(),
            document.namespace.as_str(),
            document.name.as_str(),
        );
        if let Some(earlier) = first.get(&key) {
            let place = earlier.fault("metadata.name", Part::Value, String::new()).location();
            let message = format!("{} is there twice", document.title());
            let fault = document.fault("metadata.name", Part::Value, message).label("again");
            faults.push(fault.help(format!("the first one is at {place}: rename or remove one")));
        } else {
            first.insert(key, document);
        }
    }
    faults
}

/// What an operation runs after: the title of the object it names.
pub fn predecessor(document: &Document) -> Option<String> {
    let run_after: RunAfter =
        serde_json::from_value(document.object.pointer("/spec/runAfter")?.clone()).ok()?;
    let namespace = run_after.namespace.as_deref().unwrap_or(&document.namespace);
    Some(title(run_after.target_kind(), namespace, &run_after.name))
}

fn circles(documents: &[Document]) -> Vec<Fault> {
    let operations: BTreeMap<String, &Document> = documents
        .iter()
        .filter(|document| document.is_operation())
        .map(|document| (document.title(), document))
        .collect();
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    for start in operations.keys() {
        let circle = circle_from(start, &operations);
        // Every circle is told once, at its first member.
        if circle.iter().min() == Some(start) && !seen.contains(start) {
            seen.push(start.clone());
            faults.extend(operations.get(start).map(|document| circle_fault(document, &circle)));
        }
    }
    faults
}

/// The titles on the way from an operation back to itself; empty where there is none.
fn circle_from(start: &str, operations: &BTreeMap<String, &Document>) -> Vec<String> {
    let mut way = vec![start.to_owned()];
    while let Some(next) =
        way.last().and_then(|last| operations.get(last)).and_then(|document| predecessor(document))
    {
        if next == start {
            return way;
        }
        if way.contains(&next) {
            break;
        }
        way.push(next);
    }
    Vec::new()
}

fn circle_fault(document: &Document, circle: &[String]) -> Fault {
    let shown = circle.iter().chain(circle.first()).map(String::as_str).collect::<Vec<_>>().join(" after ");
    let fault = document.fault(
        "spec.runAfter",
        Part::Key,
        format!("these run after one another in a circle: {shown}"),
    );
    fault.label("would wait for itself").help("remove one of the runAfter lines")
}
