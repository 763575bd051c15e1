//! From what was found to what a decision reads: the raw spec goes no further.

use std::collections::BTreeMap;

use millrace_decide::operation::{Operation, Seen};

use super::dereference::Found;
use crate::Context;

/// Reads the spec against what it points at.
pub(super) fn validate(context: &Context, found: Found) -> Seen {
    let Found { operation, predecessors, children, listings, catalog, made, tasks, nodes, awaited } = found;
    Seen {
        predecessors,
        children,
        refused: BTreeMap::new(),
        listings,
        work: operation.ask.work(&operation.name.name.namespace, &catalog),
        operation: Operation::clone(&operation),
        made,
        tasks,
        nodes,
        awaited,
        missing: context.config.missing,
        now: context.config.clock.now(),
    }
}
