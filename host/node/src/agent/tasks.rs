//! One task from claim to last status.

use std::time::Duration;

use kube::{Api, ResourceExt};
use millrace_crds::NodeTask;
use millrace_crds::node_task::{NodeTaskStatus, TaskFailure, TaskPhase, TaskResult};
use tokio_util::sync::CancellationToken;

use super::{Agent, Reporter, claim};
use crate::action;
use crate::failure::{self, Failure};

/// What ends a task from outside.
#[derive(Clone)]
pub(crate) struct Stops {
    /// It was deleted or cancelled.
    pub(crate) cancel: CancellationToken,
    /// The agent ends; the task is to be taken up again later.
    pub(crate) shutdown: CancellationToken,
}

/// The task was stopped from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

impl Stops {
    /// `work`, unless something ends it first.
    pub(crate) async fn or_stop<F: Future>(&self, work: F) -> Result<F::Output, Stopped> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Stopped),
            value = work => Ok(value),
        }
    }

    /// Returns once either happened.
    pub(crate) async fn stopped(&self) {
        tokio::select! {
            () = self.cancel.cancelled() => {}
            () = self.shutdown.cancelled() => {}
        }
    }
}

/// How often a write of status is tried, and how long at most between two tries: about 4 minutes in all.
const TRIES: u32 = 14;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Claims a task, does it and says what came of it.
pub(super) async fn perform(agent: &Agent, task: NodeTask, stops: &Stops) {
    let name = task.name_any();
    let claimed = tokio::select! {
        () = stops.shutdown.cancelled() => return,
        claimed = insist(|| claim::claim(agent, task.clone())) => claimed,
    };
    let task = match claimed {
        Ok(Some(task)) => task,
        Ok(None) => return,
        Err(error) => {
            return tracing::warn!(task = name, %error, "claiming failed; it waits until it is seen again");
        }
    };
    let running = agent.config.metrics.begin();
    let reporter = Reporter::start(agent, &task);
    let done = do_it(agent, &task, &reporter, stops).await;
    let (progress, log_tail) = reporter.end().await;
    if stops.shutdown.is_cancelled() {
        return;
    }
    let result = done.as_ref().map_or_else(|failure| failure.fault.word(), |_| "ok");
    agent.config.metrics.ended(&running, task.spec.action, result);
    // A quick task ended before any progress was written.
    let progress = Some(progress).filter(|progress| !progress.stage.is_empty());
    let status = NodeTaskStatus { progress, ..ended(agent, &task, done, log_tail) };
    if let Err(error) = insist(|| write(agent, &task, &status)).await {
        tracing::error!(task = name, %error, "the end of a task could not be written; the next start does it again");
    }
}

async fn do_it(
    agent: &Agent,
    task: &NodeTask,
    reporter: &Reporter,
    stops: &Stops,
) -> Result<TaskResult, Failure> {
    if task.spec.cancelled || stops.cancel.is_cancelled() {
        return Err(failure::cancelled());
    }
    let deadline = deadline(agent, task);
    let work = action::perform(agent, task, reporter, stops, deadline);
    match deadline {
        None => work.await,
        Some(left) => {
            // The action ends by itself at its deadline; this is for what would not.
            let longest = left + Duration::from_secs(1);
            tokio::time::timeout(longest, work).await.unwrap_or_else(|_| Err(failure::operation_deadline()))
        }
    }
}

/// What is left of the task's time.
fn deadline(agent: &Agent, task: &NodeTask) -> Option<Duration> {
    let seconds = u64::try_from(task.spec.active_deadline_seconds?).unwrap_or(0);
    let started = task.status.as_ref().and_then(|status| status.start_time.as_ref());
    let gone =
        started.map_or(Duration::ZERO, |start| (agent.config.clock)().duration_since(start.0).unsigned_abs());
    Some(Duration::from_secs(seconds).saturating_sub(gone))
}

fn ended(
    agent: &Agent,
    task: &NodeTask,
    done: Result<TaskResult, Failure>,
    log_tail: String,
) -> NodeTaskStatus {
    let before = task.status.clone().unwrap_or_default();
    let (phase, result, failure) = match done {
        Ok(result) => (TaskPhase::Complete, Some(result), None),
        Err(failure) => (TaskPhase::Failed, None, Some(TaskFailure::from(failure))),
    };
    let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time((agent.config.clock)());
    NodeTaskStatus { phase, result, failure, log_tail, completion_time: Some(now), ..before }
}

async fn write(agent: &Agent, task: &NodeTask, status: &NodeTaskStatus) -> Result<(), kube::Error> {
    let api: Api<NodeTask> = Api::namespaced(agent.client.clone(), &task.namespace().unwrap_or_default());
    super::report::patch(&api, task, status).await
}

/// Tries until it works, the server says no for good, or the tries are used up.
async fn insist<T, W: Future<Output = Result<T, kube::Error>>>(
    mut work: impl FnMut() -> W,
) -> Result<T, kube::Error> {
    let mut pause = Duration::from_millis(50);
    let mut tries = 1;
    loop {
        match work().await {
            Err(error) if tries < TRIES && is_passing(&error) => tracing::debug!(%error, "trying again"),
            settled => return settled,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        tries += 1;
    }
}

fn is_passing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        _ => true,
    }
}
