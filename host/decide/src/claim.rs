//! The volume and the claim by which pods mount a Dataset: which to make, which to remove, and
//! whether the claim of the Dataset's name is its own.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    CSIPersistentVolumeSource, ObjectReference, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PersistentVolumeSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use millrace_crds::dataset::{AccessMode, Dataset};
use millrace_crds::{Reason, names};

use crate::mounts;
use crate::name::Name;
use crate::refusal::Refusal;

/// The size that volume and claim name. Nobody reserves it: it only has to be the same in both, and
/// small, because a ResourceQuota counts it.
const NOMINAL_SIZE: &str = "1Gi";

/// A claim, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// UID of the Dataset that it was made for; none where somebody else made it.
    pub dataset: Option<String>,
    /// It is being deleted, which waits for the pods that use it.
    pub deleting: bool,
}

impl Claim {
    /// What a PersistentVolumeClaim says.
    #[must_use]
    pub fn of(claim: &PersistentVolumeClaim) -> Self {
        Self { dataset: dataset_uid(&claim.metadata), deleting: claim.metadata.deletion_timestamp.is_some() }
    }
}

/// A volume of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// UID of the Dataset that it was made for.
    pub dataset: String,
    /// It is being deleted.
    pub deleting: bool,
}

impl Volume {
    /// What a PersistentVolume of ours says; none where it is somebody else's.
    #[must_use]
    pub fn of(volume: &PersistentVolume) -> Option<Self> {
        Some(Self {
            name: volume.metadata.name.clone()?,
            uid: volume.metadata.uid.clone().unwrap_or_default(),
            dataset: dataset_uid(&volume.metadata)?,
            deleting: volume.metadata.deletion_timestamp.is_some(),
        })
    }
}

fn dataset_uid(metadata: &ObjectMeta) -> Option<String> {
    metadata.labels.as_ref()?.get(names::LABEL_DATASET_UID).cloned()
}

/// What the cluster has under a Dataset's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The claim of its name.
    pub claim: Option<Claim>,
    /// Volumes that were made for a Dataset of its namespace and name.
    pub volumes: Vec<Volume>,
    /// UIDs of all Datasets of that name: one, or two in two groups.
    pub datasets: BTreeSet<String>,
}

/// A change to volumes and claims.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimChange {
    /// Make this volume.
    CreateVolume(Box<PersistentVolume>),
    /// Make this claim.
    CreateClaim(Box<PersistentVolumeClaim>),
    /// Remove the volume of a Dataset that is gone.
    RemoveVolume(Volume),
}

/// What is to be made and removed, and why pods cannot mount the Dataset, if they cannot.
#[must_use]
pub fn decide(dataset: &Dataset, name: &Name, seen: &Seen) -> (Vec<ClaimChange>, Option<Refusal>) {
    let mut changes = orphans(seen);
    let uid = dataset.metadata.uid.clone().unwrap_or_default();
    if !seen.volumes.iter().any(|volume| volume.dataset == uid) {
        changes.push(ClaimChange::CreateVolume(Box::new(volume(dataset, name, &uid))));
    }
    let refusal = match &seen.claim {
        None => {
            changes.push(ClaimChange::CreateClaim(Box::new(claim(dataset, name, &uid))));
            None
        }
        Some(claim) if claim.dataset.as_deref() == Some(&uid) && !claim.deleting => None,
        Some(claim) if claim.deleting => Some(taken(format!(
            "PersistentVolumeClaim {name} is being deleted, which waits for the pods that use it"
        ))),
        Some(_) => Some(taken(format!(
            "PersistentVolumeClaim {name} is there and was not made for this Dataset: delete or rename one of them"
        ))),
    };
    (changes, refusal)
}

/// Volumes whose Dataset is gone.
#[must_use]
pub fn orphans(seen: &Seen) -> Vec<ClaimChange> {
    let orphans =
        seen.volumes.iter().filter(|volume| !volume.deleting && !seen.datasets.contains(&volume.dataset));
    orphans.cloned().map(ClaimChange::RemoveVolume).collect()
}

fn taken(message: String) -> Refusal {
    Refusal::new(Reason::ClaimNameTaken, message)
}

/// The name of a Dataset's volume.
#[must_use]
pub fn volume_name(dataset_uid: &str) -> String {
    format!("millrace-{dataset_uid}")
}

fn labels(name: &Name, uid: &str) -> BTreeMap<String, String> {
    // A label's value is at most 63 characters; names of Datasets may be longer.
    let short = (name.name.len() <= 63).then(|| (names::LABEL_DATASET.to_owned(), name.name.clone()));
    let uid = (names::LABEL_DATASET_UID.to_owned(), uid.to_owned());
    short.into_iter().chain([uid]).collect()
}

/// `ReadOnlyMany` unless the Dataset says otherwise, as everywhere.
fn access_modes(dataset: &Dataset) -> Vec<String> {
    let word = |mode: &AccessMode| {
        let word = match mode {
            AccessMode::ReadOnlyMany => "ReadOnlyMany",
            AccessMode::ReadWriteOnce => "ReadWriteOnce",
            AccessMode::ReadWriteMany => "ReadWriteMany",
            AccessMode::ReadWriteOncePod => "ReadWriteOncePod",
        };
        word.to_owned()
    };
    match dataset.spec.access_modes.as_slice() {
        [] => vec![word(&AccessMode::ReadOnlyMany)],
        modes => modes.iter().map(word).collect(),
    }
}

fn size() -> BTreeMap<String, Quantity> {
    BTreeMap::from([("storage".to_owned(), Quantity(NOMINAL_SIZE.to_owned()))])
}

fn volume(dataset: &Dataset, name: &Name, uid: &str) -> PersistentVolume {
    let writable = mounts::is_writable(&dataset.spec);
    let attributes = [("namespace", name.namespace.clone()), ("name", name.name.clone())]
        .map(|(key, value)| (key.to_owned(), value));
    let csi = CSIPersistentVolumeSource {
        driver: names::CSI_DRIVER.to_owned(),
        volume_handle: uid.to_owned(),
        read_only: (!writable).then_some(true),
        volume_attributes: Some(attributes.into()),
        ..CSIPersistentVolumeSource::default()
    };
    let claim = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("PersistentVolumeClaim".to_owned()),
        namespace: Some(name.namespace.clone()),
        name: Some(name.name.clone()),
        ..ObjectReference::default()
    };
    PersistentVolume {
        metadata: ObjectMeta {
            name: Some(volume_name(uid)),
            labels: Some(labels(name, uid)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeSpec {
            access_modes: Some(access_modes(dataset)),
            capacity: Some(size()),
            claim_ref: Some(claim),
            csi: Some(csi),
            // The data is the Dataset's, never the claim's: nothing is deleted with it.
            persistent_volume_reclaim_policy: Some("Retain".to_owned()),
            ..PersistentVolumeSpec::default()
        }),
        status: None,
    }
}

fn claim(dataset: &Dataset, name: &Name, uid: &str) -> PersistentVolumeClaim {
    let owner = OwnerReference {
        api_version: dataset.api_version.clone(),
        kind: "Dataset".to_owned(),
        name: name.name.clone(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name.name.clone()),
            namespace: Some(name.namespace.clone()),
            labels: Some(labels(name, uid)),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(access_modes(dataset)),
            resources: Some(VolumeResourceRequirements {
                requests: Some(size()),
                ..VolumeResourceRequirements::default()
            }),
            // Empty, not absent: no provisioner of the cluster is to answer this claim.
            storage_class_name: Some(String::new()),
            volume_name: Some(volume_name(uid)),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_crds::dataset::DatasetSpec;

    fn dataset() -> (Dataset, Name) {
        let mut dataset = Dataset::new("demo", DatasetSpec::default());
        dataset.metadata.uid = Some("u1".into());
        (dataset, Name::new("default", "demo"))
    }

    fn seen(claim: Option<Claim>, volumes: &[&str]) -> Seen {
        let volume = |uid: &&str| Volume {
            name: volume_name(uid),
            uid: format!("volume-of-{uid}"),
            dataset: (*uid).to_owned(),
            deleting: false,
        };
        let volumes = volumes.iter().map(volume).collect();
        Seen { claim, volumes, datasets: BTreeSet::from(["u1".to_owned()]) }
    }

    fn kinds(changes: &[ClaimChange]) -> Vec<&'static str> {
        let kind = |change: &ClaimChange| match change {
            ClaimChange::CreateVolume(_) => "+volume",
            ClaimChange::CreateClaim(_) => "+claim",
            ClaimChange::RemoveVolume(_) => "-volume",
        };
        changes.iter().map(kind).collect()
    }

    #[test]
    fn what_is_missing_is_made_and_what_is_there_stays() {
        let (dataset, name) = dataset();
        let decided = |claim, volumes: &[&str]| decide(&dataset, &name, &seen(claim, volumes));
        let own = || Some(Claim { dataset: Some("u1".into()), deleting: false });
        for (claim, volumes, expected) in [
            (None, [].as_slice(), ["+volume", "+claim"].as_slice()),
            (None, &["u1"], &["+claim"]),
            (own(), &["u1"], &[]),
            (own(), &["u0", "u1"], &["-volume"]),
        ] {
            let (changes, refusal) = decided(claim, volumes);
            assert_eq!((kinds(&changes).as_slice(), refusal), (expected, None));
        }
    }

    #[test]
    fn a_claim_of_somebody_else_is_left_alone_and_named() {
        let (dataset, name) = dataset();
        for (claim, words) in [
            (Claim::default(), "delete or rename one of them"),
            (Claim { dataset: Some("u0".into()), deleting: true }, "is being deleted"),
        ] {
            let (changes, refusal) = decide(&dataset, &name, &seen(Some(claim), &["u1"]));
            let refusal = refusal.unwrap();
            assert_eq!((changes.len(), refusal.reason), (0, Reason::ClaimNameTaken));
            assert!(refusal.message.contains(words), "{}", refusal.message);
        }
    }

    #[test]
    fn volume_and_claim_name_each_other_and_the_dataset() {
        let (dataset, name) = dataset();
        let (changes, _) = decide(&dataset, &name, &seen(None, &[]));
        let [ClaimChange::CreateVolume(volume), ClaimChange::CreateClaim(claim)] = changes.as_slice() else {
            panic!("{changes:?}")
        };
        let spec = volume.spec.clone().unwrap();
        let reference = spec.claim_ref.unwrap();
        assert_eq!(
            (reference.namespace.as_deref(), reference.name.as_deref()),
            (Some("default"), Some("demo"))
        );
        let csi = spec.csi.unwrap();
        assert_eq!(
            (csi.driver.as_str(), csi.volume_handle.as_str(), csi.read_only),
            ("csi.millrace.dev", "u1", Some(true))
        );
        assert_eq!(claim.spec.clone().unwrap().volume_name, volume.metadata.name);
        assert_eq!(Claim::of(claim).dataset.as_deref(), Some("u1"));
        assert_eq!(Volume::of(volume).unwrap().dataset, "u1");
    }

    #[test]
    fn volumes_of_datasets_that_are_gone_go() {
        let mut seen = seen(None, &["u0", "u1"]);
        seen.datasets.clear();
        assert_eq!(orphans(&seen).len(), 2);
    }
}
