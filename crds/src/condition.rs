//! Conditions: one list map by `type`, transition times moved only by a change of status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::reason::Reason;

/// True once an operation ended well. Job's and Fluid's word.
pub const COMPLETE: &str = "Complete";
/// True once an operation ended badly.
pub const FAILED: &str = "Failed";
/// True after either, so that `kubectl wait --for=condition=Finished` always returns.
pub const FINISHED: &str = "Finished";
/// True while an operation's tasks are being stopped; its reason and message become the operation's.
pub const STOPPING: &str = "Stopping";
/// True while a Dataset, profile or module can be used.
pub const READY: &str = "Ready";
/// True while the cache behind a Dataset is there.
pub const RUNTIME_READY: &str = "RuntimeReady";
/// True while a Dataset's source answers and its claim is ours.
pub const ACCESSIBLE: &str = "Accessible";

/// True once a module's file was read and is what its digest says.
pub const STORED: &str = "Stored";
/// True once a module was found to keep the contract.
pub const VALID: &str = "Valid";
/// True once a module was compiled.
pub const COMPILED: &str = "Compiled";

/// Sets condition `kind` and says whether anything changed. `message` ends up before users: what, why, what to do.
pub fn set(
    conditions: &mut Vec<Condition>,
    kind: &str,
    status: bool,
    reason: Reason,
    message: &str,
    generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let status = if status { "True" } else { "False" };
    let made = |since: Time| Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_string(),
        message: message.to_owned(),
        observed_generation: generation,
        last_transition_time: since,
    };
    match conditions.iter_mut().find(|condition| condition.type_ == kind) {
        None => {
            conditions.push(made(Time(now)));
            true
        }
        Some(old) => {
            let since = if old.status == status { old.last_transition_time.clone() } else { Time(now) };
            let new = made(since);
            let changed = *old != new;
            *old = new;
            changed
        }
    }
}

/// Whether condition `kind` is there and True.
#[must_use]
pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == kind && condition.status == "True")
}
