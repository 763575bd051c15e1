//! Every label, annotation, finalizer, gate and field manager of ours, and how made objects are named.

/// What all of our names begin with.
pub const DOMAIN: &str = "millrace.dev";

/// Label on everything an operation made: `<Kind>.<name>`.
pub const LABEL_OPERATION: &str = "millrace.dev/operation";
/// Label on everything an operation made: the operation's UID.
pub const LABEL_OPERATION_UID: &str = "millrace.dev/operation-uid";
/// Label on a NodeTask: its stage, such as `load` or `run`.
pub const LABEL_ACTION: &str = "millrace.dev/action";
/// Label on a Job or workload of an operation: which try it is, from 1.
pub const LABEL_ATTEMPT: &str = "millrace.dev/attempt";
/// Label on pods that the controller follows.
pub const LABEL_WATCH: &str = "millrace.dev/watch";
/// Value of [`LABEL_WATCH`] on the pods of an operation's Job.
pub const WATCH_OPERATION: &str = "operation";
/// Label on a pod: what it waits for, such as `DataProcessing.data`.
pub const LABEL_NEEDS: &str = "millrace.dev/needs";
/// Label on a Dataset's volume and claim: the Dataset's name.
pub const LABEL_DATASET: &str = "millrace.dev/dataset";
/// Label on a Dataset's volume and claim: the Dataset's UID.
pub const LABEL_DATASET_UID: &str = "millrace.dev/dataset-uid";
/// Annotation on a Job of an operation that the controller stopped.
pub const ANNOTATION_STOPPED: &str = "millrace.dev/stopped";
/// Annotation on an operation: do not reuse what an earlier run published.
pub const ANNOTATION_FRESH: &str = "millrace.dev/fresh";
/// Finalizer on operations: their NodeTasks end and their staging is removed first.
pub const FINALIZER: &str = "millrace.dev/cleanup";
/// Scheduling gate of a held pod.
pub const GATE: &str = "millrace.dev/data";
/// Field manager of the controller.
pub const MANAGER_CONTROLLER: &str = "millrace.dev/controller";
/// Field manager of the node agent.
pub const MANAGER_NODE: &str = "millrace.dev/node";
/// Field manager of the command line.
pub const MANAGER_CLI: &str = "millrace.dev/cli";
/// The volume plugin by which pods see Datasets.
pub const CSI_DRIVER: &str = "csi.millrace.dev";
/// Category of all of our kinds (`kubectl get millrace`).
pub const CATEGORY: &str = "millrace";
/// Name of the only node on a laptop.
pub const LOCAL_NODE: &str = "local";
/// Folder inside an output that holds manifest and staging; readers skip it.
pub const OUTPUT_FOLDER: &str = "_millrace";

/// Longest part of the owner's name that a made name keeps.
const OWNER_LENGTH: usize = 40;
/// Length of the hash at the end of a made name.
const HASH_LENGTH: usize = 10;
/// Longest name an API server accepts in a label value, which is where names end up.
const NAME_LENGTH: usize = 63;

/// The name of an object made for `owner`: `<owner, ≤ 40>-<stage>-<10 base32 of a hash>`, ≤ 63 bytes.
///
/// The hash covers everything that tells two made objects apart, so that creating one twice is
/// creating it once. `parts` are the generation or tick, the attempt, the node, as they apply.
#[must_use]
pub fn made_name(owner: &str, owner_uid: &str, stage: &str, parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [owner_uid, stage].iter().chain(parts) {
        // Length first, so that ("ab", "c") and ("a", "bc") differ.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash =
        base32::encode(base32::Alphabet::Rfc4648Lower { padding: false }, hasher.finalize().as_bytes());
    let hash: String = hash.chars().take(HASH_LENGTH).collect();
    let room =
        OWNER_LENGTH.min(NAME_LENGTH - HASH_LENGTH - 2 - stage.len().min(NAME_LENGTH - HASH_LENGTH - 3));
    let owner: String = owner.chars().take(room).collect();
    let owner = owner.trim_end_matches(['-', '.']);
    format!("{owner}-{stage}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_inputs_same_name_and_any_difference_shows() {
        let name = made_name("data", "uid-1", "run", &["1", "local"]);
        assert_eq!(name, made_name("data", "uid-1", "run", &["1", "local"]));
        assert_ne!(name, made_name("data", "uid-2", "run", &["1", "local"]));
        assert_ne!(name, made_name("data", "uid-1", "run", &["1l", "ocal"]));
        assert!(name.starts_with("data-run-"), "{name}");
    }

    #[test]
    fn long_owners_are_cut_at_a_letter() {
        let owner = format!("{}-{}", "a".repeat(39), "b".repeat(200));
        let name = made_name(&owner, "uid", "assign", &[]);
        assert!(name.len() <= NAME_LENGTH, "{name}");
        assert!(name.starts_with(&format!("{}-assign-", "a".repeat(39))), "{name}");
    }
}
