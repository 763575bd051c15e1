//! Which ended runs are kept: `historyLimit` of those that ended well, and as many that did not.

use millrace_crds::common::Phase;
use millrace_crds::operation::ActiveRun;

use super::super::child::ChildChange;
use super::super::{Operation, Seen};

/// The runs to remove, the oldest ones of each kind of ending.
pub(super) fn expired(seen: &Seen, active: &[ActiveRun]) -> Vec<ChildChange> {
    let kept = seen.operation.ask.fields().kept_runs();
    let of = |phase: Phase| {
        let mut ended: Vec<&Operation> = seen
            .children
            .iter()
            .map(AsRef::as_ref)
            .filter(|child: &&Operation| child.status.phase == phase && child.deleting.is_none())
            .filter(|child| !active.iter().any(|run| run.name == child.name.name.name))
            .collect();
        ended.sort_by_key(|child| (child.tick.or(child.created), child.name.clone()));
        let excess = ended.len().saturating_sub(kept);
        ended.truncate(excess);
        ended
    };
    let remove = |child: &Operation| ChildChange::Delete { name: child.name.clone(), uid: child.uid.clone() };
    of(Phase::Complete).into_iter().chain(of(Phase::Failed)).map(remove).collect()
}
