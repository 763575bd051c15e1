//! What a run would do: the steps in order, what each waits for, what it reads and writes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::table;
use crate::manifest::Document;
use crate::manifest::document::title;
use crate::manifest::together::predecessor;

/// One step of the plan.
pub struct Planned<'a> {
    document: &'a Document,
    after: Option<String>,
    /// Objects that the manifests do not hold.
    waiting_for: Vec<String>,
    does: String,
    reads: String,
    writes: String,
}

impl Planned<'_> {
    /// `DataLoad default/warm`.
    pub fn title(&self) -> String {
        self.document.title()
    }
}

/// The steps in the order in which they can start; those that wait for one another keep the texts' order.
pub fn plan(documents: &[Document]) -> Vec<Planned<'_>> {
    let there: BTreeSet<_> = documents.iter().map(Document::title).collect();
    let mut waiting: Vec<_> = documents.iter().filter(|document| document.is_operation()).collect();
    let mut planned = Vec::new();
    while !waiting.is_empty() {
        let still: BTreeSet<_> = waiting.iter().map(|document| document.title()).collect();
        let can_start =
            |document: &&Document| predecessor(document).is_none_or(|after| !still.contains(&after));
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(can_start);
        if ready.is_empty() {
            // A circle was refused before; what is left would be one.
            break;
        }
        planned.extend(ready.into_iter().map(|document| step(document, &there)));
        waiting = rest;
    }
    planned
}

/// For people.
pub fn text(planned: &[Planned<'_>]) -> String {
    let rows = planned.iter().enumerate().map(|(index, step)| {
        let missing = step.waiting_for.iter().map(|title| format!("{title} (not in these manifests)"));
        let after = step.after.iter().filter(|title| !step.waiting_for.contains(title)).cloned();
        let waits: Vec<_> = after.chain(missing).collect();
        vec![
            (index + 1).to_string(),
            step.document.title(),
            step.does.clone(),
            waits.join("\n"),
            step.reads.clone(),
            step.writes.clone(),
        ]
    });
    table::render(&["", "STEP", "DOES", "WAITS FOR", "READS", "WRITES"], rows)
}

/// For programs.
pub fn json(planned: &[Planned<'_>]) -> String {
    let steps = planned.iter().map(|step| {
        json!({
            "kind": step.document.kind,
            "namespace": step.document.namespace,
            "name": step.document.name,
            "does": step.does,
            "runAfter": step.after,
            "waitingFor": step.waiting_for,
            "reads": step.reads,
            "writes": step.writes,
        })
    });
    format!("{:#}\n", json!({"plan": steps.collect::<Vec<_>>()}))
}

fn step<'a>(document: &'a Document, there: &BTreeSet<String>) -> Planned<'a> {
    let after = predecessor(document);
    let missing = datasets(document).into_iter().chain(after.clone()).filter(|title| !there.contains(title));
    let wasm = |field: &str| {
        document
            .object
            .pointer(&format!("/spec/processor/wasm/{field}"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let loads = document.object.pointer("/spec/dataset/name").and_then(Value::as_str);
    Planned {
        document,
        waiting_for: missing.collect(),
        does: loads.map_or_else(|| processor(document), |_| "load".to_owned()),
        reads: loads.unwrap_or_else(|| wasm("input")).to_owned(),
        writes: wasm("output").to_owned(),
        after,
    }
}

/// The module, or the container's image, or the workload's kind.
fn processor(document: &Document) -> String {
    let text = |pointer: &str| document.object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let image = || text("/spec/processor/spec/containers/0/image").map(|image| format!("container {image}"));
    text("/spec/processor/wasm/module")
        .or_else(image)
        .or_else(|| text("/spec/processor/workload/kind"))
        .unwrap_or_default()
}

/// Titles of the Datasets that an operation names. Either API group may serve them.
fn datasets(document: &Document) -> Vec<String> {
    let one = document.object.pointer("/spec/dataset");
    let many = document.object.pointer("/spec/datasets").and_then(Value::as_array);
    let uses = one.into_iter().chain(many.into_iter().flatten());
    let field = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    uses.map(|used| {
        title(
            "Dataset",
            &field(used, "namespace").unwrap_or_else(|| document.namespace.clone()),
            &field(used, "name").unwrap_or_default(),
        )
    })
    .collect()
}
