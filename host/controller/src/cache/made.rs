//! Jobs and workloads that operations made, and the pods that are followed: of their Jobs, and held ones.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::ResourceExt;
use kube::api::{ApiResource, DynamicObject};
use millrace_crds::names;
use millrace_decide::{Name, OperationKind, OperationName};

use super::kinds::{Cached, name_of};
use super::{MadeName, Objects, Types};
use crate::key::Key;

impl Cached for DynamicObject {
    fn selector() -> Option<&'static str> {
        Some(names::LABEL_OPERATION_UID)
    }

    fn put(objects: &mut Objects, kind: &ApiResource, mut object: Self) -> Vec<Key> {
        object.metadata.managed_fields = None;
        let name: MadeName = (types(kind), name_of(&object));
        if let Some(uid) = operation_uid(&object) {
            objects.made_of.insert(uid.to_owned(), name.clone());
        }
        let keys = owner(&object).into_iter().collect();
        objects.made.insert(name, Arc::new(object));
        keys
    }

    fn remove(objects: &mut Objects, kind: &ApiResource, name: &Name) -> Vec<Key> {
        let name = (types(kind), name.clone());
        let Some(old) = objects.made.remove(&name) else { return Vec::new() };
        if let Some(uid) = operation_uid(old.as_ref()) {
            objects.made_of.remove(&uid.to_owned(), &name);
        }
        owner(&old).into_iter().collect()
    }

    fn names(objects: &Objects, kind: &ApiResource) -> Vec<Name> {
        let kind = types(kind);
        let mine = objects.made.keys().filter(|(other, _)| *other == kind);
        mine.map(|(_, name)| name.clone()).collect()
    }
}

impl Cached for Pod {
    fn selector() -> Option<&'static str> {
        Some(names::LABEL_WATCH)
    }

    fn put(objects: &mut Objects, (): &(), object: Self) -> Vec<Key> {
        let name = name_of(&object);
        let mut keys = Self::remove(objects, &(), &name);
        let pod = slim(object);
        if let Some(uid) = operation_uid(&pod) {
            objects.pods_of.insert(uid.to_owned(), name.clone());
        }
        keys.extend(concerned(objects, &pod));
        keys.dedup();
        objects.pods.insert(name, Arc::new(pod));
        keys
    }

    fn remove(objects: &mut Objects, (): &(), name: &Name) -> Vec<Key> {
        let Some(old) = objects.pods.remove(name) else { return Vec::new() };
        if let Some(uid) = operation_uid(old.as_ref()) {
            objects.pods_of.remove(&uid.to_owned(), name);
        }
        concerned(objects, &old)
    }

    fn names(objects: &Objects, (): &()) -> Vec<Name> {
        objects.pods.keys().cloned().collect()
    }
}

fn types(kind: &ApiResource) -> Types {
    (kind.api_version.clone(), kind.kind.clone())
}

fn operation_uid<K: ResourceExt>(object: &K) -> Option<&str> {
    object.labels().get(names::LABEL_OPERATION_UID).map(String::as_str)
}

/// The operation that a Job or workload was made for.
fn owner(object: &DynamicObject) -> Option<Key> {
    let owner = object.owner_references().iter().find(|owner| owner.controller == Some(true))?;
    let kind = OperationKind::of(&owner.kind)?;
    let name = Name::new(&object.namespace().unwrap_or_default(), &owner.name);
    Some(Key::Operation(OperationName { kind, name }))
}

/// The operation whose Job a pod is of.
fn concerned(objects: &Objects, pod: &Pod) -> Vec<Key> {
    let made = operation_uid(pod).into_iter().flat_map(|uid| objects.made_of.get(uid));
    made.filter_map(|name| owner(objects.made.get(name)?)).take(1).collect()
}

/// What decisions read of a pod, and no more: there may be very many.
fn slim(mut pod: Pod) -> Pod {
    pod.metadata.managed_fields = None;
    pod.metadata.annotations = None;
    pod.spec = pod.spec.map(|spec| PodSpec {
        node_name: spec.node_name,
        scheduling_gates: spec.scheduling_gates,
        affinity: spec.affinity,
        volumes: spec.volumes.map(|mut volumes| {
            volumes.retain(|volume| volume.persistent_volume_claim.is_some());
            volumes
        }),
        ..PodSpec::default()
    });
    pod
}
