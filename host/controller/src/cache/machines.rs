//! The cluster's Nodes, of which only the labels are kept: operations choose nodes by them.

use k8s_openapi::api::core::v1::Node as Machine;
use kube::ResourceExt;
use millrace_decide::Name;

use super::Objects;
use super::kinds::Cached;
use crate::key::Key;

impl Cached for Machine {
    fn put(objects: &mut Objects, (): &(), object: Self) -> Vec<Key> {
        let labels = object.labels().clone();
        let old = objects.labels.insert(object.name_any(), labels.clone());
        if old == Some(labels) { Vec::new() } else { objects.homeless.iter().cloned().collect() }
    }

    fn remove(objects: &mut Objects, (): &(), name: &Name) -> Vec<Key> {
        objects.labels.remove(&name.name);
        Vec::new()
    }

    fn names(objects: &Objects, (): &()) -> Vec<Name> {
        objects.labels.keys().map(|name| Name::new("", name)).collect()
    }
}
