//! A server, controllers, agents and a clock that tests can set forward.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Event, Namespace};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use millrace_cluster::ApiServer;
use millrace_controller::clock::{Clock, left};
use millrace_controller::{Config, run};
use millrace_crds::dataset::DatasetGroup;
use millrace_crds::node_task::TaskPhase;
use millrace_crds::operation::OperationStatus;
use millrace_crds::{DataLoad, DataProcessing, NodeTask};
use millrace_decide::{Missing, ShippedModule};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::agent::{self, Answer};

/// Real time, and what a test added to it.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<watch::Sender<SignedDuration>>);

impl FakeClock {
    pub fn new() -> Self {
        Self(Arc::new(watch::channel(SignedDuration::ZERO).0))
    }

    pub fn advance(&self, seconds: i64) {
        self.0.send_modify(|added| *added += SignedDuration::from_secs(seconds));
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + *self.0.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(async move {
            let mut changed = clock.0.subscribe();
            while let Some(left) = left(clock.now(), at) {
                tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    _ = changed.changed() => {}
                }
            }
        })
    }
}

/// Everything that a test talks to.
pub struct World {
    pub client: kube::Client,
    pub clock: FakeClock,
    tasks: JoinSet<()>,
    stops: Vec<oneshot::Sender<()>>,
}

/// No wait in these tests is longer.
const PATIENCE: Duration = Duration::from_secs(60);

impl World {
    /// A server with our kinds, and no controller yet.
    pub async fn new() -> Self {
        let server = ApiServer::new();
        server.install(millrace_crds::all()).await.unwrap();
        let client = server.client();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let other = json!({"metadata": {"name": "default1"}});
        namespaces.create(&PostParams::default(), &serde_json::from_value(other).unwrap()).await.unwrap();
        Self { client, clock: FakeClock::new(), tasks: JoinSet::new(), stops: Vec::new() }
    }

    /// A controller and agents of these nodes that answer as told.
    pub async fn with_agents(
        nodes: &[&str],
        answer: impl Fn(&NodeTask) -> Option<agent::Outcome> + Send + Sync + 'static,
    ) -> Self {
        let mut world = Self::new().await;
        for node in nodes {
            agent::heartbeat(&world.client, &world.clock, node).await;
        }
        world.start_agents(Arc::new(answer));
        world.start_controller(Missing::Wait);
        world
    }

    /// The same in a cluster, which has claims.
    pub async fn in_a_cluster(
        nodes: &[&str],
        answer: impl Fn(&NodeTask) -> Option<agent::Outcome> + Send + Sync + 'static,
    ) -> Self {
        let mut world = Self::new().await;
        for node in nodes {
            agent::heartbeat(&world.client, &world.clock, node).await;
        }
        world.start_agents(Arc::new(answer));
        world.start(Config { local: false, ..world.config(Missing::Wait) });
        world
    }

    pub fn start_agents(&mut self, answer: Arc<Answer>) {
        self.tasks.spawn(agent::run(self.client.clone(), self.clock.clone(), answer));
    }

    pub fn start_controller(&mut self, missing: Missing) {
        self.start(self.config(missing));
    }

    fn config(&self, missing: Missing) -> Config {
        let (modules, clock) = (Arc::new([split()]), Arc::new(self.clock.clone()));
        Config { modules, clock, missing, ..Config::default() }
    }

    fn start(&mut self, config: Config) {
        let (stop, stopped) = oneshot::channel();
        let client = self.client.clone();
        self.stops.push(stop);
        self.tasks.spawn(async move {
            run(client, config, async { drop(stopped.await) }).await.unwrap();
        });
    }

    /// Stops everything; fails if a part of it failed.
    pub async fn stop(mut self) {
        self.stops.clear();
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            assert!(ended.is_ok() || ended.is_err_and(|error| error.is_cancelled()));
        }
    }

    pub async fn create(&self, object: Value) {
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let types = object.types.clone().unwrap();
        let (group, version) = types.api_version.split_once('/').unwrap();
        let resource = ApiResource {
            group: group.into(),
            version: version.into(),
            api_version: types.api_version.clone(),
            plural: format!("{}s", types.kind.to_lowercase()),
            kind: types.kind,
        };
        let namespace = object.namespace().unwrap_or("default".into());
        let api: Api<DynamicObject> = if resource.plural == "runtimeprofiles" {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &namespace, &resource)
        };
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    pub fn loads(&self) -> Api<DataLoad> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub fn processings(&self) -> Api<DataProcessing> {
        Api::namespaced(self.client.clone(), "default")
    }

    /// The status of a DataLoad, once it is as wanted.
    pub async fn load(&self, name: &str, wanted: impl Fn(&OperationStatus) -> bool) -> OperationStatus {
        until(self.loads(), name, move |one: &DataLoad| one.status.as_ref().is_some_and(&wanted))
            .await
            .status
            .unwrap()
    }

    /// The status of a DataProcessing, once it is as wanted.
    pub async fn processing(&self, name: &str, wanted: impl Fn(&OperationStatus) -> bool) -> OperationStatus {
        until(self.processings(), name, move |one: &DataProcessing| one.status.as_ref().is_some_and(&wanted))
            .await
            .status
            .unwrap()
    }

    /// A Dataset of `fluid.io`, once it is as wanted.
    pub async fn dataset(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let api = self.datasets();
        let condition = |object: Option<&DynamicObject>| object.is_some_and(|object| wanted(&object.data));
        let waited = tokio::time::timeout(PATIENCE, await_condition(api.clone(), name, condition)).await;
        match waited {
            Ok(found) => found.unwrap().unwrap().data,
            Err(_) => panic!("{name} did not get there: {:#?}", api.get_opt(name).await),
        }
    }

    fn datasets(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<millrace_crds::Dataset>(&DatasetGroup::Fluid);
        Api::namespaced_with(self.client.clone(), "default", &resource)
    }

    pub async fn dataset_uid(&self, name: &str) -> String {
        self.datasets().get(name).await.unwrap().uid().unwrap()
    }

    pub async fn delete_dataset(&self, name: &str) {
        self.datasets().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// The first task that is as wanted.
    pub async fn until_task(&self, wanted: impl Fn(&NodeTask) -> bool) -> NodeTask {
        let api: Api<NodeTask> = Api::namespaced(self.client.clone(), "default");
        let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).touched_objects());
        let there = async {
            loop {
                let task = events.next().await.unwrap().unwrap();
                if wanted(&task) {
                    return task;
                }
            }
        };
        tokio::time::timeout(PATIENCE, there).await.unwrap()
    }

    /// Waits until an operation has exactly these tasks.
    pub async fn until_actions(&self, operation: &str, wanted: &[&str]) {
        let api: Api<NodeTask> = Api::namespaced(self.client.clone(), "default");
        let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).touched_objects());
        let there = async {
            while self.actions(operation).await != wanted {
                events.next().await.unwrap().unwrap();
            }
        };
        let waited = tokio::time::timeout(PATIENCE, there).await;
        assert!(waited.is_ok(), "{:?} instead of {wanted:?}", self.actions(operation).await);
    }

    /// Waits until every task of an operation has ended.
    pub async fn until_tasks_ended(&self, operation: &str) {
        let tasks: Api<NodeTask> = Api::namespaced(self.client.clone(), "default");
        let ended = |task: &NodeTask| {
            let phase = task.status.as_ref().map(|status| status.phase);
            matches!(phase, Some(TaskPhase::Complete | TaskPhase::Failed))
        };
        for task in tasks.list(&ListParams::default()).await.unwrap().items {
            if task.spec.operation.name == operation {
                until(tasks.clone(), &task.name_any(), ended).await;
            }
        }
    }

    /// The tasks of an operation, as `action`s in the order of tries.
    pub async fn actions(&self, operation: &str) -> Vec<String> {
        let api: Api<NodeTask> = Api::namespaced(self.client.clone(), "default");
        let mut tasks = api.list(&ListParams::default()).await.unwrap().items;
        tasks.retain(|task| task.spec.operation.name == operation && task.spec.operation.kind != "Dataset");
        let mut words: Vec<String> =
            tasks.iter().map(|task| format!("{}:{}", task.spec.attempt, task.spec.action)).collect();
        words.sort();
        words
    }

    /// Waits for an Event, which follows the status that it tells of; says how many there are.
    pub async fn told(&self, kind: &str, name: &str, reason: &str) -> usize {
        let api: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).touched_objects());
        let there = async {
            loop {
                let times = self.events(kind, name).await.iter().filter(|one| *one == reason).count();
                if times > 0 {
                    return times;
                }
                events.next().await.unwrap().unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, there).await.unwrap()
    }

    /// The reasons of the Events about an object.
    async fn events(&self, kind: &str, name: &str) -> Vec<String> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let events = api.list(&ListParams::default()).await.unwrap().items;
        let about = events.into_iter().filter(|event| {
            event.involved_object.kind.as_deref() == Some(kind)
                && event.involved_object.name.as_deref() == Some(name)
        });
        about.filter_map(|event| event.reason).collect()
    }
}

/// An object, once it is as wanted.
pub async fn until<K>(api: Api<K>, name: &str, wanted: impl Fn(&K) -> bool) -> K
where
    K: kube::Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let condition = |object: Option<&K>| object.is_some_and(&wanted);
    let waited = tokio::time::timeout(PATIENCE, await_condition(api.clone(), name, condition)).await;
    match waited {
        Ok(found) => found.unwrap().unwrap(),
        Err(_) => panic!("{name} did not get there: {:#?}", api.get_opt(name).await),
    }
}

/// Waits until an object is gone.
pub async fn until_gone<K>(api: Api<K>, name: &str)
where
    K: kube::Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let gone = |object: Option<&K>| object.is_none();
    let waited = tokio::time::timeout(PATIENCE, await_condition(api.clone(), name, gone)).await;
    assert!(waited.is_ok(), "{name} is still there: {:#?}", api.get_opt(name).await);
}

fn split() -> ShippedModule {
    ShippedModule {
        name: "split".into(),
        version: "0.1.0".into(),
        digest: format!("sha256:{}", "0".repeat(64)),
        descriptor: json!({
            "name": "split",
            "params_schema": {
                "type": "object",
                "additionalProperties": false,
                "required": ["sizes"],
                "properties": {"sizes": {"type": "object"}, "stratify": {"type": "string"}}
            }
        }),
    }
}

/// A Dataset on the node's own disk that may be written to.
pub fn dataset(name: &str) -> Value {
    json!({
        "apiVersion": "fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": name, "namespace": "default"},
        "spec": {"mounts": [{"mountPoint": "local:///data", "name": "raw"}], "accessModes": ["ReadWriteMany"]}
    })
}

/// A DataLoad with further fields.
pub fn load(name: &str, more: Value) -> Value {
    operation("DataLoad", name, json!({"dataset": {"name": "digits"}}), more)
}

/// A split with further fields.
pub fn process(name: &str, more: Value) -> Value {
    let spec = json!({
        "datasets": [{"name": "digits", "path": "/digits"}],
        "processor": {"wasm": {
            "module": "split", "input": "/digits/raw", "output": format!("/digits/{name}"),
            "parameters": {"sizes": {"train": "80%", "test": "20%"}}
        }}
    });
    operation("DataProcessing", name, spec, more)
}

fn operation(kind: &str, name: &str, mut spec: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "default"}, "spec": spec
    })
}

/// `runAfter` a DataLoad.
pub fn after_load(name: &str, on: &str) -> Value {
    json!({"runAfter": {"operationType": "DataLoad", "name": name, "on": on}})
}
