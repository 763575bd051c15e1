//! The pod templates of built-in kinds: what an API server would refuse when a Job or Pod is
//! created. It is no full validation; it finds what a user's manifest most often lacks.

use serde_json::{Value, json};

use crate::object::at_path;
use crate::registry::Resource;
use crate::schema::FieldError;

/// What is wrong with the pod that a new object is or makes.
pub(super) fn check(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let path = match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => "spec",
        ("batch", "CronJob") => "spec.jobTemplate.spec.template.spec",
        ("batch", "Job") | ("apps", _) => "spec.template.spec",
        _ => return errors,
    };
    let nothing = json!({});
    let pod = at_path(object, path).unwrap_or(&nothing);
    if resource.group == "batch" {
        check_restart_policy(pod, path, &mut errors);
    }
    check_containers(pod, path, &mut errors);
    errors
}

/// A Job's pods must be able to end.
fn check_restart_policy(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let allowed = [json!("OnFailure"), json!("Never")];
    let place = format!("{path}.restartPolicy");
    match pod.get("restartPolicy") {
        None => errors.push(FieldError::required(&place, "valid values: \"OnFailure\", \"Never\"")),
        Some(policy) if !allowed.contains(policy) => {
            errors.push(FieldError::not_allowed(&place, policy, &allowed));
        }
        Some(_) => {}
    }
}

fn check_containers(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let listed =
        |field: &str| pod.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if listed("containers").is_empty() {
        errors.push(FieldError::required(&format!("{path}.containers"), ""));
    }
    let volumes: Vec<Value> =
        listed("volumes").iter().filter_map(|volume| volume.get("name").cloned()).collect();
    let mut names = Vec::new();
    for field in ["initContainers", "containers"] {
        for (position, container) in listed(field).iter().enumerate() {
            let place = format!("{path}.{field}[{position}]");
            check_container(container, &place, &volumes, errors);
            let name = container.get("name").cloned().unwrap_or(Value::Null);
            if names.contains(&name) && !name.is_null() {
                errors.push(FieldError::duplicate(&format!("{place}.name"), &name));
            }
            names.push(name);
        }
    }
}

fn check_container(container: &Value, path: &str, volumes: &[Value], errors: &mut Vec<FieldError>) {
    for field in ["name", "image"] {
        if container.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            errors.push(FieldError::required(&format!("{path}.{field}"), ""));
        }
    }
    let mounts = container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten();
    for (position, mount) in mounts.enumerate() {
        let place = format!("{path}.volumeMounts[{position}]");
        let name = mount.get("name").cloned().unwrap_or(Value::Null);
        if !volumes.contains(&name) {
            errors.push(FieldError::not_found(&format!("{place}.name"), &name));
        }
        if mount.get("mountPath").and_then(Value::as_str).is_none_or(str::is_empty) {
            errors.push(FieldError::required(&format!("{place}.mountPath"), ""));
        }
    }
}
