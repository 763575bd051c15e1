//! From a PodSpec to a Job's spec: the datasets at their paths, what the operation adds, the rest untouched.

use millrace_crds::Reason;
use millrace_crds::node_task::TaskDataset;
use millrace_crds::operation::OperationFields;
use serde_json::{Map, Value, json};

use crate::affinity::within;
use crate::refusal::Refusal;

/// The Job's spec. Tries are ours to count, each a Job of its own; `OnFailure` restarts in place
/// and is counted by the kubelet.
///
/// # Errors
/// `InvalidSpec` where it could never run.
pub(super) fn spec(
    pod: &Map<String, Value>,
    datasets: &[TaskDataset],
    fields: &OperationFields,
) -> Result<Value, Refusal> {
    let mut pod = pod.clone();
    let restarts = restart_policy(&mut pod)?;
    check_containers(&pod)?;
    mount(&mut pod, datasets);
    add_fields(&mut pod, fields);
    let metadata = fields.pod_metadata.clone().unwrap_or_default();
    let mut spec = json!({
        "backoffLimit": if restarts { fields.backoff_limit } else { 0 },
        "template": {
            "metadata": {"labels": metadata.labels, "annotations": metadata.annotations},
            "spec": pod,
        },
    });
    // Also where no controller is at work, the deadline holds.
    if let (Some(seconds), Some(spec)) = (fields.active_deadline_seconds, spec.as_object_mut()) {
        spec.insert("activeDeadlineSeconds".to_owned(), json!(seconds));
    }
    Ok(spec)
}

/// Never unless it says otherwise; whether containers are restarted in place.
fn restart_policy(pod: &mut Map<String, Value>) -> Result<bool, Refusal> {
    let policy = pod.entry("restartPolicy").or_insert_with(|| json!("Never"));
    match policy.as_str() {
        Some("Never") => Ok(false),
        Some("OnFailure") => Ok(true),
        _ => Err(invalid(format!(
            "processor.spec.restartPolicy is {policy}: a step must be able to end, so use Never or OnFailure"
        ))),
    }
}

fn check_containers(pod: &Map<String, Value>) -> Result<(), Refusal> {
    let containers = pod.get("containers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let lacks = |container: &&Value, field: &str| {
        container.get(field).and_then(Value::as_str).is_none_or(str::is_empty)
    };
    if containers.is_empty() {
        return Err(invalid(
            "processor.spec has no containers: name at least one, with its image".to_owned(),
        ));
    }
    match containers.iter().find(|container| lacks(container, "name") || lacks(container, "image")) {
        Some(_) => {
            Err(invalid("a container of processor.spec has no name or no image: give it both".to_owned()))
        }
        None => Ok(()),
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new(Reason::InvalidSpec, message)
}

/// Every dataset at its path in every container, unless the container has something there already.
fn mount(pod: &mut Map<String, Value>, datasets: &[TaskDataset]) {
    let mut volumes = list(pod, "volumes");
    for (index, dataset) in datasets.iter().enumerate() {
        let claim = json!({"claimName": dataset.name, "readOnly": !dataset.writable});
        volumes.push(json!({"name": volume_name(index), "persistentVolumeClaim": claim}));
    }
    pod.insert("volumes".to_owned(), Value::Array(volumes));
    for field in ["initContainers", "containers"] {
        let containers = pod.get_mut(field).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            mount_into(container, datasets);
            // The only way by which the end of a log reaches a pod's status.
            container.entry("terminationMessagePolicy").or_insert_with(|| json!("FallbackToLogsOnError"));
        }
    }
}

fn mount_into(container: &mut Map<String, Value>, datasets: &[TaskDataset]) {
    let mut mounts = list(container, "volumeMounts");
    for (index, dataset) in datasets.iter().enumerate() {
        let path = crate::mounts::tidy(&dataset.path);
        let there = mounts.iter().any(|mount| {
            mount
                .get("mountPath")
                .and_then(Value::as_str)
                .is_some_and(|there| crate::mounts::tidy(there) == path)
        });
        if !there {
            mounts
                .push(json!({"name": volume_name(index), "mountPath": path, "readOnly": !dataset.writable}));
        }
    }
    container.insert("volumeMounts".to_owned(), Value::Array(mounts));
}

fn volume_name(index: usize) -> String {
    format!("millrace-dataset-{index}")
}

fn list(parent: &mut Map<String, Value>, field: &str) -> Vec<Value> {
    match parent.remove(field) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// What the operation says of its pods, where the PodSpec does not say it itself.
fn add_fields(pod: &mut Map<String, Value>, fields: &OperationFields) {
    if !fields.node_selector.is_empty() {
        within(pod, "nodeSelector", |selector| {
            for (key, value) in &fields.node_selector {
                selector.entry(key.clone()).or_insert_with(|| json!(value));
            }
        });
    }
    if !fields.tolerations.is_empty() {
        let mut tolerations = list(pod, "tolerations");
        tolerations.extend(fields.tolerations.iter().map(|one| json!(one)));
        pod.insert("tolerations".to_owned(), Value::Array(tolerations));
    }
    if let Some(affinity) = &fields.affinity {
        pod.entry("affinity").or_insert_with(|| json!(affinity));
    }
    if let Some(class) = &fields.priority_class_name {
        pod.entry("priorityClassName").or_insert_with(|| json!(class));
    }
    let first = pod.get_mut("containers").and_then(|all| all.get_mut(0)).and_then(Value::as_object_mut);
    if let (Some(resources), Some(first)) = (&fields.resources, first) {
        first.entry("resources").or_insert_with(|| json!(resources));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn dataset(name: &str, path: &str, writable: bool) -> TaskDataset {
        TaskDataset {
            namespace: "default".into(),
            name: name.into(),
            path: path.into(),
            writable,
            ..TaskDataset::default()
        }
    }

    fn made(pod: Value, fields: &OperationFields) -> Result<Value, Refusal> {
        let Value::Object(pod) = pod else { panic!("{pod}") };
        spec(&pod, &[dataset("raw", "/data1", false), dataset("out", "/data2/", true)], fields)
    }

    #[test]
    fn datasets_are_mounted_and_the_rest_is_as_it_was() {
        let pod = json!({
            "containers": [{"name": "group", "image": "handler:1", "imagePullPolicy": "IfNotPresent",
                "resources": {"limits": {"nvidia.com/gpu": 1}}, "aFieldOfTomorrow": {"x": 1}}],
            "tolerations": [{"key": "gpu"}], "serviceAccountName": "worker"
        });
        let job = made(pod.clone(), &OperationFields::default()).unwrap();
        let made = &job["template"]["spec"];
        for field in ["tolerations", "serviceAccountName"] {
            assert_eq!(made[field], pod[field]);
        }
        for field in ["resources", "imagePullPolicy", "aFieldOfTomorrow"] {
            assert_eq!(made["containers"][0][field], pod["containers"][0][field]);
        }
        assert_eq!(made["restartPolicy"], "Never");
        assert_eq!(
            made["volumes"][1]["persistentVolumeClaim"],
            json!({"claimName": "out", "readOnly": false})
        );
        let mounts = &made["containers"][0]["volumeMounts"];
        assert_eq!(mounts[0], json!({"name": "millrace-dataset-0", "mountPath": "/data1", "readOnly": true}));
        assert_eq!(mounts[1]["mountPath"], "/data2");
        assert!(made.get("nodeSelector").is_none());
        assert_eq!(job["backoffLimit"], 0);
    }

    #[test]
    fn what_the_container_mounts_itself_stays() {
        let own = json!({"name": "mine", "mountPath": "/data1"});
        let pod = json!({"containers": [{"name": "a", "image": "b", "volumeMounts": [own]}], "volumes": [{"name": "mine"}]});
        let job = made(pod, &OperationFields::default()).unwrap();
        let mounts = job["template"]["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0], own);
    }

    #[test]
    fn the_operations_fields_fill_in_what_the_pod_leaves_open() {
        let fields = OperationFields {
            node_selector: BTreeMap::from([("zone".into(), "a".into()), ("disk".into(), "ssd".into())]),
            priority_class_name: Some("high".into()),
            active_deadline_seconds: Some(60),
            backoff_limit: 2,
            ..OperationFields::default()
        };
        let pod = json!({"containers": [{"name": "a", "image": "b"}], "nodeSelector": {"zone": "b"},
                         "priorityClassName": "low", "restartPolicy": "OnFailure"});
        let job = made(pod, &fields).unwrap();
        assert_eq!(job["template"]["spec"]["nodeSelector"], json!({"zone": "b", "disk": "ssd"}));
        assert_eq!(job["template"]["spec"]["priorityClassName"], "low");
        assert_eq!((&job["activeDeadlineSeconds"], &job["backoffLimit"]), (&json!(60), &json!(2)));
    }

    #[test]
    fn what_could_never_run_is_refused() {
        let check = |pod: Value, wanted: &str| {
            let refusal = made(pod, &OperationFields::default()).unwrap_err();
            assert!(refusal.message.contains(wanted), "{refusal}");
        };
        check(json!({}), "no containers");
        check(json!({"containers": [{"name": "a"}]}), "no image");
        check(
            json!({"containers": [{"name": "a", "image": "b"}], "restartPolicy": "Always"}),
            "Never or OnFailure",
        );
    }
}
