//! The operations that a flow's steps become, checked as a whole before the first one starts.

use std::collections::BTreeMap;

use millrace_crds::data_flow::{DataFlowSpec, FlowStep, When};
use millrace_crds::data_load::DataLoadSpec;
use millrace_crds::data_processing::DataProcessingSpec;
use millrace_crds::{Reason, names};
use serde_json::{Value, json};

use super::super::child::{Child, without_makers};
use super::super::{Operation, task};
use super::parameters;
use crate::name::{Name, OperationKind, OperationName};
use crate::order::cycle_from;
use crate::refusal::Refusal;
use crate::text;

/// Fields that a step takes from its flow where it does not say otherwise.
const INHERITED: [&str; 5] = ["nodeSelector", "affinity", "tolerations", "priorityClassName", "podMetadata"];

/// The operation of every step, in the order of the spec.
///
/// # Errors
/// `InvalidSpec` or `Cycle`: what is wrong with which step.
pub(super) fn make(flow: &Operation, spec: &DataFlowSpec) -> Result<Vec<Child>, Refusal> {
    check_needs(spec)?;
    check_circles(flow, spec)?;
    let values = parameters::values(flow, spec)?;
    let inherited = flow.ask.spec();
    spec.steps.iter().map(|step| child(flow, step, &values, &inherited)).collect()
}

fn wrong(step: &FlowStep, why: &str) -> Refusal {
    Refusal::new(Reason::InvalidSpec, format!("step {}: {why}", step.name))
}

fn check_needs(spec: &DataFlowSpec) -> Result<(), Refusal> {
    let names = || spec.steps.iter().map(|step| step.name.as_str());
    for step in &spec.steps {
        if let Some(need) = step.needs.iter().find(|need| !names().any(|name| name == need.as_str())) {
            let hint = text::did_you_mean(text::nearest(need, names()));
            return Err(wrong(step, &format!("it needs {need}, which is no step of this flow.{hint}")));
        }
        if step.when == When::Failure && step.needs.is_empty() {
            return Err(wrong(
                step,
                "when: Failure needs the steps whose failure it is for: name them in needs",
            ));
        }
    }
    let Some(from) = &spec.retry_from else { return Ok(()) };
    if names().any(|name| name == from) {
        return Ok(());
    }
    let hint = text::did_you_mean(text::nearest(from, names()));
    Err(Refusal::new(Reason::InvalidSpec, format!("retryFrom {from} is no step of this flow.{hint}")))
}

fn check_circles(flow: &Operation, spec: &DataFlowSpec) -> Result<(), Refusal> {
    let name = |step: &str| OperationName {
        kind: OperationKind::DataFlow,
        name: Name::new(&flow.name.name.name, step),
    };
    let needs: BTreeMap<&str, &[String]> =
        spec.steps.iter().map(|step| (step.name.as_str(), step.needs.as_slice())).collect();
    for step in &spec.steps {
        let after = |at: &OperationName| {
            let needs = needs.get(at.name.name.as_str()).copied().unwrap_or_default();
            needs.iter().map(|need| name(need)).collect()
        };
        if let Err(cycle) = cycle_from(&name(&step.name), after) {
            let steps: Vec<&str> = cycle.0.iter().map(|one| one.name.name.as_str()).collect();
            let message = format!(
                "these steps need one another in a circle, so none can start: {} → {}; remove one of the needs",
                steps.join(" → "),
                step.name
            );
            return Err(Refusal::new(Reason::Cycle, message));
        }
    }
    Ok(())
}

fn child(
    flow: &Operation,
    step: &FlowStep,
    values: &BTreeMap<String, String>,
    inherited: &Value,
) -> Result<Child, Refusal> {
    let (kind, given) =
        given(step).ok_or_else(|| wrong(step, "give exactly one of dataLoad, dataProcessing or workload"))?;
    if let Some(field) = ["policy", "schedule"].iter().find(|field| given.get(**field).is_some()) {
        return Err(wrong(step, &format!("{field} belongs to the flow: move it to spec.{field}")));
    }
    let mut spec = parameters::fill(without_makers(given), values).map_err(|why| wrong(step, &why))?;
    if let Some(fields) = spec.as_object_mut() {
        for field in INHERITED {
            if let Some(value) = inherited.get(field) {
                fields.entry(field).or_insert_with(|| value.clone());
            }
        }
    }
    let checked = match kind {
        OperationKind::DataLoad => serde_json::from_value::<DataLoadSpec>(spec.clone()).map(|_| ()),
        _ => serde_json::from_value::<DataProcessingSpec>(spec.clone()).map(|_| ()),
    };
    checked.map_err(|error| wrong(step, &format!("its {kind} cannot be read: {error}")))?;
    let round = round(flow, step).to_string();
    let label = task::label_value(&format!("DataFlow.{}", flow.name.name.name));
    let labels = [
        (names::LABEL_OPERATION, label),
        (names::LABEL_OPERATION_UID, flow.uid.clone()),
        (names::LABEL_STEP, step.name.clone()),
    ];
    let fresh = flow.fresh.then(|| (names::ANNOTATION_FRESH.to_owned(), "true".to_owned()));
    Ok(Child {
        name: flow.child_name(kind, &step.name, &[&round]),
        owner: flow.as_owner(),
        labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
        annotations: fresh.into_iter().collect(),
        spec,
    })
}

/// How often the flow was run again when the step was last made.
fn round(flow: &Operation, step: &FlowStep) -> i32 {
    let states = &flow.status.step_states;
    states.iter().find(|state| state.name == step.name).map_or(flow.status.retries, |state| state.round)
}

/// The kind and the spec that a step gives.
fn given(step: &FlowStep) -> Option<(OperationKind, Value)> {
    if let Some(load) = &step.data_load {
        return Some((OperationKind::DataLoad, Value::Object(load.0.clone())));
    }
    if let Some(process) = &step.data_processing {
        return Some((OperationKind::DataProcessing, Value::Object(process.0.clone())));
    }
    let workload = step.workload.as_ref()?;
    let mut processor = json!({
        "apiVersion": workload.api_version, "kind": workload.kind, "spec": workload.spec,
    });
    if let (Some(when), Some(fields)) = (&workload.success_when, processor.as_object_mut()) {
        fields.insert("successWhen".to_owned(), json!(when));
    }
    let spec = json!({"datasets": workload.datasets, "processor": {"workload": processor}});
    Some((OperationKind::DataProcessing, spec))
}

/// The Datasets that a step names.
pub(super) fn datasets(step: &FlowStep, namespace: &str) -> Vec<Name> {
    let Some((_, spec)) = given(step) else { return Vec::new() };
    let several = spec.get("datasets").and_then(Value::as_array).into_iter().flatten();
    let name = |one: &Value| {
        let text = |field: &str| one.get(field).and_then(Value::as_str);
        Some(Name::new(text("namespace").unwrap_or(namespace), text("name")?))
    };
    spec.get("dataset").into_iter().chain(several).filter_map(name).collect()
}
