//! What an agent does for a task, by its action.

mod clean;
mod inputs;
mod laws;
mod load;
mod manifest;
mod module;
mod prepare;
mod publish;
mod run;
mod target;

use std::time::Duration;

use millrace_crds::NodeTask;
use millrace_crds::node_task::{Action, TaskResult};

use crate::agent::{Agent, Reporter, Stopped, Stops};
use crate::failure::{self, Failure};
use crate::runner::spec::Stage;

pub(crate) use inputs::dataset_id;
pub(crate) use module::Modules;

/// Does `task`, unless it is stopped first; `deadline` is what is left of its time.
pub(crate) async fn perform(
    agent: &Agent,
    task: &NodeTask,
    reporter: &Reporter,
    stops: &Stops,
    deadline: Option<Duration>,
) -> Result<TaskResult, Failure> {
    let work = async {
        match task.spec.action {
            Action::List => load::list(agent, task).await,
            Action::Load => load::load(agent, task, reporter).await,
            Action::Plan => run::stage(agent, task, reporter, deadline, Stage::Plan).await,
            Action::Fit => run::stage(agent, task, reporter, deadline, Stage::Fit).await,
            Action::Merge => run::stage(agent, task, reporter, deadline, Stage::Merge).await,
            Action::Assign | Action::Transform => {
                run::stage(agent, task, reporter, deadline, Stage::Apply).await
            }
            Action::Publish => run::publish(agent, task, reporter).await,
            Action::Run => run::whole(agent, task, reporter, deadline).await,
            Action::Clean => clean::clean(agent, task).await,
            Action::Command => Err(Failure::internal("a Job or workload is no task of an agent".to_owned())),
        }
    };
    // What is dropped half done leaves staging behind, which the next run sweeps; its runner dies.
    stops.or_stop(work).await.unwrap_or_else(|Stopped| Err(failure::cancelled()))
}

/// Runs blocking file-system work beside the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Failure::internal(format!("a thread of the agent ended early: {error}"))),
    }
}
