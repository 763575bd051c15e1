//! Claiming: a status update under the resource version that was seen, so that a change wins over us.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use millrace_crds::NodeTask;
use millrace_crds::node_task::{NodeTaskStatus, TaskPhase};

use super::Agent;

/// How often a task that changes while it is claimed is looked at again.
const LOOKS: u32 = 10;

/// Claims `task` for this boot; `None` if it is gone or over.
///
/// # Errors
/// The API server did not answer, or the task never held still.
pub(super) async fn claim(agent: &Agent, mut task: NodeTask) -> Result<Option<NodeTask>, kube::Error> {
    let api: Api<NodeTask> = Api::namespaced(agent.client.clone(), &task.namespace().unwrap_or_default());
    let (name, uid) = (task.name_any(), task.uid());
    let mut looks = 0;
    loop {
        task.status = Some(claimed(agent, &task));
        match api.replace_status(&name, &PostParams::default(), &task).await {
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(kube::Error::Api(status)) if status.code == 409 && looks < LOOKS => {}
            answer => return answer.map(Some),
        }
        looks += 1;
        match api.get_opt(&name).await? {
            Some(now) if now.uid() == uid && !is_over(&now) => task = now,
            _ => return Ok(None),
        }
    }
}

fn claimed(agent: &Agent, task: &NodeTask) -> NodeTaskStatus {
    let before = task.status.as_ref();
    NodeTaskStatus {
        phase: TaskPhase::Running,
        boot_id: agent.boot_id.clone(),
        // The deadline counts from the first claim: a restart of the agent gives no new time.
        start_time: before
            .and_then(|status| status.start_time.clone())
            .or_else(|| Some(Time((agent.config.clock)()))),
        ..NodeTaskStatus::default()
    }
}

fn is_over(task: &NodeTask) -> bool {
    let phase = task.status.as_ref().map(|status| status.phase);
    matches!(phase, Some(TaskPhase::Complete | TaskPhase::Failed))
}
