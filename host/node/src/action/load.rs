//! `List` and `Load`: how much a dataset has, and bringing it here, for runs and for pods.

use millrace_crds::NodeTask;
use millrace_crds::cache_node::HeldDataset;
use millrace_crds::node_task::{TaskDataset, TaskResult};
use millrace_data::list::FileList;

use super::inputs::Source;
use crate::agent::{Agent, Reporter};
use crate::failure::Failure;
use crate::place;
use crate::volumes::{MountView, Place, View};

/// How much there is, and how much of it is here.
pub(super) async fn list(agent: &Agent, task: &NodeTask) -> Result<TaskResult, Failure> {
    let mut result = TaskResult::default();
    for (source, list) in wanted(agent, task).await? {
        count(&mut result, &source, &list).await?;
    }
    Ok(result)
}

/// Brings it here. What was loaded whole can be mounted by pods from then on.
pub(super) async fn load(agent: &Agent, task: &NodeTask, reporter: &Reporter) -> Result<TaskResult, Failure> {
    let whole = task.spec.datasets.first().filter(|_| task.spec.paths.is_empty());
    if let Some(dataset) = whole {
        agent.desk.loading(dataset, reporter.watch());
    }
    let loaded = bring(agent, task, reporter).await;
    if let Some(dataset) = whole {
        let view = loaded.as_ref().map(|(_, sources)| view(dataset, sources));
        agent.desk.loaded(dataset, view).await;
    }
    loaded.map(|(result, _)| result)
}

type Sources = Vec<(Source, FileList)>;

async fn bring(
    agent: &Agent,
    task: &NodeTask,
    reporter: &Reporter,
) -> Result<(TaskResult, Sources), Failure> {
    let mut result = TaskResult::default();
    let sources = wanted(agent, task).await?;
    for (source, list) in &sources {
        source.load(list, agent.config.durable, reporter).await?;
        count(&mut result, source, list).await?;
    }
    note(agent, task, &result);
    Ok((result, sources))
}

/// What pods see of a Dataset that is here.
fn view(dataset: &TaskDataset, sources: &[(Source, FileList)]) -> View {
    let mount = |(source, list): &(Source, FileList)| {
        let own = dataset.mounts.iter().find(|mount| mount.path == source.seen);
        let writable = dataset.writable && own.is_some_and(|mount| !mount.read_only);
        let place = match source.store.local("") {
            Some(folder) => Place::InPlace { folder, writable },
            None => Place::Cached { list: list.clone() },
        };
        MountView { path: source.seen.clone(), place }
    };
    View {
        dataset: dataset.clone(),
        folder: sources.first().map(|(source, _)| source.folder().to_owned()).unwrap_or_default(),
        mounts: sources.iter().map(mount).collect(),
    }
}

/// Every mount that the task's paths lead to, with what they choose there.
async fn wanted(agent: &Agent, task: &NodeTask) -> Result<Sources, Failure> {
    let dataset: &[TaskDataset] = task.spec.datasets.get(..1).unwrap_or_default();
    let base = dataset.first().map_or("/", |dataset| dataset.path.as_str());
    let paths = match task.spec.paths.as_slice() {
        [] => vec![base.to_owned()],
        paths => paths.iter().map(|path| format!("{base}/{path}")).collect(),
    };
    let mut wanted = Vec::new();
    for path in paths {
        for place in place::all(dataset, &path)? {
            let source = Source::open(agent, &place).await?;
            let list = source.list().await?;
            wanted.push((source, list));
        }
    }
    Ok(wanted)
}

async fn count(result: &mut TaskResult, source: &Source, list: &FileList) -> Result<(), Failure> {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let states = source.states(list).await?;
    result.total_bytes += signed(states.total_bytes);
    result.total_files += signed(states.total_files);
    result.cached_bytes += signed(states.cached_bytes);
    result.cached_files += signed(states.cached_files);
    Ok(())
}

fn note(agent: &Agent, task: &NodeTask, result: &TaskResult) {
    let Some(dataset) = task.spec.datasets.first() else { return };
    let (namespace, name) = (dataset.namespace.clone(), dataset.name.clone());
    let (cached_bytes, cached_files) = (result.cached_bytes, result.cached_files);
    agent.held.note(HeldDataset { namespace, name, cached_bytes, cached_files });
}
