//! The stages of an operation: one task that does it all, or plan, fit, merge, pass and publish over shares.

use millrace_crds::common::OutputStatus;
use millrace_crds::data_processing::Method;
use millrace_crds::node_task::{Action, NodeTask, TaskPhase, TaskResult, TaskShare};
use millrace_crds::{NodeTask as Task, Reason};

use super::ask::Work;
use super::command;
use super::history::{History, is_finished, phase};
use super::next::Next;
use super::task::{Slot, new_task, slot_name};
use super::{Seen, TaskChange};
use crate::placement::{self, Node};

/// How an operation ended that ended well.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ended {
    /// The result was there already.
    pub reused: bool,
    /// What was published.
    pub outputs: Vec<OutputStatus>,
    /// Rows that were left out.
    pub bad_rows: i64,
    /// For a load: files, bytes, and on how many nodes.
    pub loaded: Option<(i64, i64, usize)>,
    /// The end of the log.
    pub log_tail: String,
    /// For a container or workload: what ended, in words.
    pub words: Option<String>,
}

/// The next tasks of try `attempt`, or its end.
pub(super) fn advance(seen: &Seen, history: &History<'_>, work: Work, attempt: i32) -> Next {
    if work.command.is_some() || history.is_command() {
        return command::advance(seen, history, work, attempt);
    }
    let fields = seen.operation.ask.fields();
    let tasks: Vec<&Task> = history.all().filter(|task| task.spec.attempt == attempt).collect();
    let eligible = match placement::eligible(&seen.nodes, fields, seen.now) {
        Ok(nodes) => nodes,
        Err(words) if tasks.is_empty() => {
            return Next::Wait { words, reason: Reason::NoNode, wake: None, changes: Vec::new() };
        }
        Err(_) => Vec::new(),
    };
    let team = placement::team(&eligible, &work.needs(fields));
    let stage = if work.wasm.is_some() {
        run_stage(&work, &tasks, team.len())
    } else {
        load_stage(history, &work, &tasks, &eligible)
    };
    match stage {
        Stage::Done(ended) => Next::Complete { ended },
        Stage::Work { action, width } => {
            let nodes = if action == Action::Load { load_nodes(history, &work, &eligible) } else { team };
            let changes = fill(seen, &work, &tasks, attempt, action, width, &nodes);
            if changes.is_empty() && tasks.iter().all(|task| is_finished(task)) {
                let words = format!("a node for {action}: none that is left can do it");
                return Next::Wait { words, reason: Reason::NoNode, wake: None, changes };
            }
            Next::Execute { work: Box::new(work), changes }
        }
    }
}

/// Where a try stands.
enum Stage {
    /// This stage is due, in so many shares.
    Work { action: Action, width: usize },
    /// Nothing is left to do.
    Done(Ended),
}

/// A load is a task per node; a node that finished in an earlier try need not do it again.
fn load_stage(history: &History<'_>, work: &Work, tasks: &[&Task], eligible: &[&Node]) -> Stage {
    let done: Vec<&Task> = history.all().filter(|task| phase(task) == TaskPhase::Complete).collect();
    let before = done.iter().filter(|task| !tasks.iter().any(|now| std::ptr::eq(*now, **task))).count();
    let wanted = work.replicas.min(eligible.len().max(1)).saturating_sub(before).max(tasks.len());
    if done.len() < before.saturating_add(wanted) {
        return Stage::Work { action: Action::Load, width: wanted };
    }
    let results = || done.iter().filter_map(|task| result(task));
    let files = results().map(|result| result.cached_files).max().unwrap_or(0);
    let bytes = results().map(|result| result.cached_bytes).max().unwrap_or(0);
    Stage::Done(Ended { loaded: Some((files, bytes, done.len())), ..Ended::default() })
}

/// Nodes for a load: those that hold most of it first, without those that have finished.
fn load_nodes<'a>(history: &History<'_>, work: &Work, eligible: &[&'a Node]) -> Vec<&'a Node> {
    let held = |node: &Node| -> i64 {
        let names = work.datasets.iter().map(|one| crate::name::Name::new(&one.namespace, &one.name));
        names.filter_map(|name| node.held.get(&name)).map(|(bytes, _)| *bytes).sum()
    };
    let finished = |node: &Node| {
        history.all().any(|task| task.spec.node == node.name && phase(task) == TaskPhase::Complete)
    };
    let mut nodes: Vec<&Node> = eligible.iter().copied().filter(|node| !finished(node)).collect();
    nodes.sort_by(|left, right| held(right).cmp(&held(left)).then(left.name.cmp(&right.name)));
    nodes
}

/// A module's run: one task where one node does it all, else stage by stage.
fn run_stage(work: &Work, tasks: &[&Task], team: usize) -> Stage {
    let by = |action: Action| -> Vec<&Task> {
        tasks.iter().copied().filter(|task| task.spec.action == action).collect()
    };
    let run = by(Action::Run);
    if !run.is_empty() || (tasks.is_empty() && team <= 1) {
        return match all_done(&run, 1) {
            Some(results) => Stage::Done(published(&results, &run)),
            None => Stage::Work { action: Action::Run, width: 1 },
        };
    }
    let plan = by(Action::Plan);
    let Some(plans) = all_done(&plan, 1) else { return Stage::Work { action: Action::Plan, width: 1 } };
    let Some(planned) = plans.first() else { return Stage::Work { action: Action::Plan, width: 1 } };
    if planned.reused {
        return Stage::Done(published(&plans, &plan));
    }
    let mut last = plan;
    for (action, shared) in following(planned, work) {
        let these = by(action);
        let width = if shared { width(&these, planned, team) } else { 1 };
        if all_done(&these, width).is_none() {
            return Stage::Work { action, width };
        }
        last = these;
    }
    let results: Vec<&TaskResult> = last.iter().filter_map(|task| result(task)).collect();
    Stage::Done(published(&results, &last))
}

/// The stages after the plan, and whether each is shared out.
fn following(planned: &TaskResult, work: &Work) -> Vec<(Action, bool)> {
    let method = work.wasm.as_ref().map(|wasm| wasm.processor.method).unwrap_or_default();
    let mut stages = Vec::with_capacity(4);
    // Also where a model is only applied: a module may need what comes before each partition.
    if planned.fit {
        stages.extend([(Action::Fit, true), (Action::Merge, false)]);
    }
    if method != Method::Fit {
        stages.push((if planned.splits { Action::Assign } else { Action::Transform }, true));
    }
    stages.push((Action::Publish, false));
    stages
}

/// In how many shares a stage is done. Once it was begun that is fixed: a share's number means
/// nothing without it.
fn width(begun: &[&Task], planned: &TaskResult, team: usize) -> usize {
    let fixed =
        begun.iter().find_map(|task| task.spec.share).and_then(|share| usize::try_from(share.of).ok());
    let shards = usize::try_from(planned.shards).unwrap_or(1);
    fixed.unwrap_or_else(|| team.min(shards)).max(1)
}

/// The results of a stage, once all of its tasks have one.
fn all_done<'a>(tasks: &[&'a Task], width: usize) -> Option<Vec<&'a TaskResult>> {
    let done: Vec<&TaskResult> = tasks.iter().filter_map(|task| result(task)).collect();
    (done.len() >= width).then_some(done)
}

/// What came of a task that is complete.
fn result(task: &NodeTask) -> Option<&TaskResult> {
    let status = task.status.as_ref().filter(|status| status.phase == TaskPhase::Complete)?;
    status.result.as_ref()
}

fn published(results: &[&TaskResult], tasks: &[&Task]) -> Ended {
    let mut log_tail =
        tasks.iter().filter_map(|task| task.status.as_ref()).map(|status| status.log_tail.clone());
    Ended {
        reused: results.iter().any(|result| result.reused),
        outputs: results.iter().flat_map(|result| result.outputs.clone()).collect(),
        bad_rows: results.iter().map(|result| result.bad_rows).sum(),
        loaded: None,
        words: None,
        log_tail: log_tail.next_back().unwrap_or_default(),
    }
}

/// Creates the tasks of a stage that are not there, each on a node that has none of this stage, as
/// far as there are nodes.
fn fill(
    seen: &Seen,
    work: &Work,
    tasks: &[&Task],
    attempt: i32,
    action: Action,
    width: usize,
    nodes: &[&Node],
) -> Vec<TaskChange> {
    let there = |name: &str| tasks.iter().any(|task| task.metadata.name.as_deref() == Some(name));
    let busy = |node: &Node| {
        tasks.iter().filter(|task| task.spec.action == action && task.spec.node == node.name).count()
    };
    let mut free: Vec<(usize, &Node)> = nodes.iter().map(|node| (busy(node), *node)).collect();
    let mut changes = Vec::new();
    for index in 0..width {
        if there(&slot_name(&seen.operation, action, attempt, index)) {
            continue;
        }
        let Some(best) = free.iter_mut().min_by_key(|(busy, _)| *busy) else { break };
        best.0 = best.0.saturating_add(1);
        let shared = matches!(action, Action::Fit | Action::Assign | Action::Transform);
        let slot = Slot { action, attempt, index, share: shared.then(|| share(index, width)) };
        changes.push(TaskChange::Create(Box::new(new_task(seen, work, &slot, &best.1.name))));
    }
    changes
}

fn share(index: usize, of: usize) -> TaskShare {
    let number = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
    TaskShare { index: number(index), of: number(of) }
}
