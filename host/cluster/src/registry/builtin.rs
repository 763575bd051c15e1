//! The built-in kinds the server knows. They have no schema here: the kinds that people write are
//! read through their Rust types, the others are kept as given.

use serde_json::{Value, json};

use super::{Resource, ResourceKey, Scale, api_version};
use crate::object;

const NAMESPACED: u8 = 1;
const STATUS: u8 = 2;
const GENERATION: u8 = 4;
const SCALE: u8 = 8;
const ORPHANS: u8 = 16;

/// Group, version, kind, plural, short names, traits, selectable fields.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, u8, &'static str);

const POD_FIELDS: &str = "spec.nodeName,spec.restartPolicy,spec.schedulerName,spec.serviceAccountName,spec.hostNetwork,status.phase,status.podIP,status.nominatedNodeName";
const EVENT_FIELDS: &str = "involvedObject.kind,involvedObject.namespace,involvedObject.name,involvedObject.uid,involvedObject.apiVersion,involvedObject.resourceVersion,involvedObject.fieldPath,reason,reportingComponent,source,type";
const EVENTS_V1_FIELDS: &str =
    "regarding.kind,regarding.namespace,regarding.name,regarding.uid,reason,reportingController,type";

const ROWS: &[Row] = &[
    ("", "v1", "Namespace", "namespaces", "ns", STATUS, "status.phase"),
    ("", "v1", "Node", "nodes", "no", STATUS, "spec.unschedulable"),
    ("", "v1", "PersistentVolume", "persistentvolumes", "pv", STATUS, ""),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", NAMESPACED | STATUS, ""),
    ("", "v1", "Pod", "pods", "po", NAMESPACED | STATUS | GENERATION, POD_FIELDS),
    ("", "v1", "Service", "services", "svc", NAMESPACED | STATUS, "spec.clusterIP,spec.type"),
    ("", "v1", "ServiceAccount", "serviceaccounts", "sa", NAMESPACED, ""),
    ("", "v1", "Secret", "secrets", "", NAMESPACED, "type"),
    ("", "v1", "ConfigMap", "configmaps", "cm", NAMESPACED, ""),
    ("", "v1", "Event", "events", "ev", NAMESPACED, EVENT_FIELDS),
    ("", "v1", "ResourceQuota", "resourcequotas", "quota", NAMESPACED | STATUS, ""),
    ("apps", "v1", "Deployment", "deployments", "deploy", NAMESPACED | STATUS | GENERATION | SCALE, ""),
    ("apps", "v1", "StatefulSet", "statefulsets", "sts", NAMESPACED | STATUS | GENERATION | SCALE, ""),
    ("apps", "v1", "DaemonSet", "daemonsets", "ds", NAMESPACED | STATUS | GENERATION, ""),
    (
        "apps",
        "v1",
        "ReplicaSet",
        "replicasets",
        "rs",
        NAMESPACED | STATUS | GENERATION | SCALE,
        "status.replicas",
    ),
    ("batch", "v1", "Job", "jobs", "", NAMESPACED | STATUS | GENERATION | ORPHANS, "status.successful"),
    ("batch", "v1", "CronJob", "cronjobs", "cj", NAMESPACED | STATUS | GENERATION, ""),
    ("coordination.k8s.io", "v1", "Lease", "leases", "", NAMESPACED, ""),
    ("events.k8s.io", "v1", "Event", "events", "ev", NAMESPACED, EVENTS_V1_FIELDS),
    (
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        "pdb",
        NAMESPACED | STATUS | GENERATION,
        "",
    ),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", "", NAMESPACED, ""),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "", NAMESPACED, ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "", 0, ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "", 0, ""),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "pc", 0, ""),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", "sc", 0, ""),
    ("storage.k8s.io", "v1", "CSIDriver", "csidrivers", "", 0, ""),
    (
        super::CRD_GROUP,
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "crd,crds",
        STATUS | GENERATION,
        "",
    ),
];

/// An entry for every built-in kind.
pub(super) fn resources() -> Vec<Resource> {
    ROWS.iter().map(resource).collect()
}

fn resource(&(group, version, kind, plural, short_names, traits, selectable): &Row) -> Resource {
    // Both groups of Event show the same objects, kept as the core group writes them.
    let (storage_group, storage_version) = if plural == "events" { ("", "v1") } else { (group, version) };
    Resource {
        key: ResourceKey::new(storage_group, plural),
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        list_kind: format!("{kind}List"),
        short_names: listed(short_names),
        categories: Vec::new(),
        namespaced: traits & NAMESPACED != 0,
        storage_api_version: api_version(storage_group, storage_version),
        status: traits & STATUS != 0,
        scale: (traits & SCALE != 0).then(replicas),
        generation: traits & GENERATION != 0,
        orphans_by_default: traits & ORPHANS != 0,
        schema: None,
        reader: super::typed::reader(group, kind),
        selectable: listed(selectable),
        columns: Vec::new(),
    }
}

fn listed(text: &str) -> Vec<String> {
    text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn replicas() -> Scale {
    Scale {
        spec_replicas: ".spec.replicas".to_owned(),
        status_replicas: ".status.replicas".to_owned(),
        selector: None,
    }
}

/// The fields whose names differ between the two groups of Event: core name, `events.k8s.io` name.
const EVENT_NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// Writes an object as another version of its resource has it. Custom resources convert by their
/// `apiVersion` alone (strategy None).
pub(super) fn convert(object: &mut Value, wanted: &str) {
    if object.get("kind").and_then(Value::as_str) == Some("Event") {
        for (core, grouped) in EVENT_NAMES {
            let (from, to) = if wanted == "v1" { (grouped, core) } else { (core, grouped) };
            if let Some(value) = object::root(object).remove(from) {
                object::set_field(object, to, Some(value));
            }
        }
    }
    object::set_field(object, "apiVersion", Some(json!(wanted)));
}
