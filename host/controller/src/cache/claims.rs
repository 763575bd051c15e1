//! Volumes and claims, of which only what matters here is kept.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::ResourceExt;
use millrace_crds::dataset::DatasetGroup;
use millrace_crds::names;
use millrace_decide::Name;
use millrace_decide::claim::{Claim, Volume};

use super::Objects;
use super::kinds::{Cached, name_of};
use crate::key::Key;

/// A claim concerns the Datasets of its name, be it theirs or in their way.
impl Cached for PersistentVolumeClaim {
    fn put(objects: &mut Objects, (): &(), object: Self) -> Vec<Key> {
        let name = name_of(&object);
        let claim = Claim::of(&object);
        let old = objects.claims.insert(name.clone(), claim.clone());
        if old == Some(claim) { Vec::new() } else { concerned(objects, &name) }
    }

    fn remove(objects: &mut Objects, (): &(), name: &Name) -> Vec<Key> {
        objects.claims.remove(name);
        concerned(objects, name)
    }

    fn names(objects: &Objects, (): &()) -> Vec<Name> {
        objects.claims.keys().cloned().collect()
    }
}

/// Claims of anything but a Dataset are the larger part of a cluster's.
fn concerned(objects: &Objects, name: &Name) -> Vec<Key> {
    let there = DatasetGroup::ALL.into_iter().filter(|group| objects.dataset(name, *group).is_some());
    there.map(|group| Key::Dataset(group, name.clone())).collect()
}

impl Cached for PersistentVolume {
    fn selector() -> Option<&'static str> {
        Some(names::LABEL_DATASET_UID)
    }

    fn put(objects: &mut Objects, (): &(), object: Self) -> Vec<Key> {
        let claim = object.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        let (Some(volume), Some(claim)) = (Volume::of(&object), claim) else { return Vec::new() };
        let name = Name::new(
            claim.namespace.as_deref().unwrap_or_default(),
            claim.name.as_deref().unwrap_or_default(),
        );
        objects.volumes_of.insert(name.clone(), volume.name.clone());
        let old = objects.volumes.insert(object.name_any(), (name.clone(), volume.clone()));
        if old.is_some_and(|(_, old)| old == volume) { Vec::new() } else { both(&name) }
    }

    fn remove(objects: &mut Objects, (): &(), name: &Name) -> Vec<Key> {
        let Some((dataset, volume)) = objects.volumes.remove(&name.name) else { return Vec::new() };
        objects.volumes_of.remove(&dataset, &volume.name);
        both(&dataset)
    }

    fn names(objects: &Objects, (): &()) -> Vec<Name> {
        objects.volumes.keys().map(|name| Name::new("", name)).collect()
    }
}

/// Also where there is no Dataset any more: then the volume goes.
fn both(name: &Name) -> Vec<Key> {
    DatasetGroup::ALL.map(|group| Key::Dataset(group, name.clone())).into()
}
