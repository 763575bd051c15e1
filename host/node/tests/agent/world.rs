//! A laptop: an API server in this process, agents, folders, and the shipped modules.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;
use millrace_cluster::ApiServer;
use millrace_crds::NodeTask;
use millrace_crds::data_processing::WasmProcessor;
use millrace_crds::node_task::{
    Action, NodeTaskSpec, NodeTaskStatus, TaskDataset, TaskMount, TaskOperation, TaskPhase, TaskResult,
    TaskShare, TaskWasm,
};
use millrace_crds::operation::ResolvedModule;
use millrace_data::store::StorePolicy;
use millrace_node::AgentConfig;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer than seconds; a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    pub(crate) runtime: Runtime,
    server: ApiServer,
    folder: tempfile::TempDir,
    modules: BTreeMap<String, Bytes>,
    agents: Vec<(CancellationToken, tokio::task::JoinHandle<()>)>,
}

impl World {
    /// A world without agents.
    pub(crate) fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = ApiServer::new();
        runtime.block_on(server.install(millrace_crds::all())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["in", "out"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { runtime, server, folder, modules: BTreeMap::new(), agents: Vec::new() }
    }

    /// A world with one agent, called `local`.
    pub(crate) fn with_agent(threads: usize) -> Self {
        let mut world = Self::new();
        world.start("local", threads);
        world
    }

    pub(crate) fn client(&self) -> kube::Client {
        let _entered = self.runtime.enter();
        self.server.client()
    }

    /// Starts an agent. All agents of a world share folders, as agents of one machine may.
    pub(crate) fn start(&mut self, node: &str, threads: usize) {
        self.start_agent(node, threads, |_| {});
    }

    /// The same on a node that has pods.
    pub(crate) fn start_for_pods(&mut self, node: &str) {
        let volumes = self.folder.path().join(format!("home-{node}/volumes"));
        self.start_agent(node, 1, |config| config.volumes = Some(volumes));
    }

    fn start_agent(&mut self, node: &str, threads: usize, change: impl FnOnce(&mut AgentConfig)) {
        let home = self.folder.path().join(format!("home-{node}"));
        let mut config = AgentConfig::new(node, &home, StorePolicy::laptop());
        change(&mut config);
        config.threads = NonZeroUsize::new(threads).unwrap();
        config.folders.modules = modules_cache();
        config.shipped.clone_from(&self.modules);
        let (client, stop) = (self.client(), CancellationToken::new());
        let token = stop.clone();
        let handle =
            self.runtime.spawn(async move { millrace_node::run(client, config, token).await.unwrap() });
        self.agents.push((stop, handle));
    }

    /// Stops every agent and waits for it.
    pub(crate) fn stop(&mut self) {
        for (stop, handle) in self.agents.drain(..) {
            stop.cancel();
            self.runtime.block_on(handle).unwrap();
        }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(path), bytes).unwrap();
    }

    /// `/in` (read only) and `/out` (writable), both folders of this world.
    pub(crate) fn datasets(&self) -> Vec<TaskDataset> {
        let dataset = |name: &str, writable| TaskDataset {
            namespace: "default".into(),
            name: name.into(),
            uid: format!("uid-of-{name}"),
            path: format!("/{name}"),
            writable,
            mounts: vec![TaskMount {
                mount_point: format!("local://{}", self.path(name).display()),
                path: "/".into(),
                ..TaskMount::default()
            }],
        };
        vec![dataset("in", false), dataset("out", true)]
    }

    /// A task for the node `local`.
    pub(crate) fn task(&self, action: Action, wasm: Option<TaskWasm>) -> NodeTaskSpec {
        NodeTaskSpec {
            node: "local".into(),
            operation: TaskOperation {
                kind: "DataProcessing".into(),
                name: "step".into(),
                uid: uuid::Uuid::new_v4().to_string(),
            },
            attempt: 1,
            epoch: 1,
            action,
            datasets: self.datasets(),
            wasm,
            ..NodeTaskSpec::default()
        }
    }

    pub(crate) fn api(&self) -> Api<NodeTask> {
        Api::namespaced(self.client(), "default")
    }

    /// Creates a task; its name.
    pub(crate) fn create(&self, spec: NodeTaskSpec) -> String {
        let name = format!("task-{}", uuid::Uuid::new_v4());
        let task = NodeTask {
            metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
            spec,
            status: None,
        };
        self.runtime.block_on(self.api().create(&PostParams::default(), &task)).unwrap();
        name
    }

    /// Waits for a task's end.
    pub(crate) fn wait(&self, name: &str) -> NodeTaskStatus {
        let over = |task: Option<&NodeTask>| {
            let phase = task.and_then(|task| task.status.as_ref()).map(|status| status.phase);
            matches!(phase, Some(TaskPhase::Complete | TaskPhase::Failed))
        };
        let waiting = async { tokio::time::timeout(PATIENCE, await_condition(self.api(), name, over)).await };
        let task = self.runtime.block_on(waiting).unwrap_or_else(|_| panic!("{name} did not end")).unwrap();
        task.unwrap().status.unwrap()
    }

    pub(crate) fn run(&self, spec: NodeTaskSpec) -> NodeTaskStatus {
        let name = self.create(spec);
        self.wait(&name)
    }

    /// Runs a task that has to succeed.
    pub(crate) fn done(&self, spec: NodeTaskSpec) -> TaskResult {
        let status = self.run(spec);
        assert_eq!(status.phase, TaskPhase::Complete, "{:?}\n{}", status.failure, status.log_tail);
        status.result.unwrap()
    }

    /// Every file below a folder, with its bytes; bookkeeping of runs left out.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        collect(&self.path(folder), &self.path(folder), &mut all);
        all.retain(|path, _| !path.contains("publish.lock"));
        all
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

fn collect(root: &Path, folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, all);
        } else {
            all.insert(path.strip_prefix(root).unwrap().display().to_string(), std::fs::read(&path).unwrap());
        }
    }
}

/// Compiled modules are kept over tests: compiling takes seconds in a debug build.
fn modules_cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("modules")
}

impl World {
    /// A shipped module; `None` (or a failure under `CI=true`) if it was not built.
    pub(crate) fn shipped(&mut self, name: &str) -> Option<ResolvedModule> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/modules");
        let folder = std::env::var_os("MILLRACE_MODULES_DIR").map_or(workspace, PathBuf::from);
        let Ok(wasm) = std::fs::read(folder.join(format!("{name}.wasm"))) else {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "{name}.wasm is missing: run `make modules`"
            );
            eprintln!("SKIPPED: {name}.wasm is missing; `make modules` builds it");
            return None;
        };
        Some(self.module(name, wasm))
    }

    /// A module by its bytes; to be given before the agent starts.
    pub(crate) fn module(&mut self, name: &str, wasm: Vec<u8>) -> ResolvedModule {
        let digest = millrace_engine::digest(&wasm);
        self.modules.insert(digest.clone(), wasm.into());
        ResolvedModule { name: name.into(), version: "0.1.0".into(), digest }
    }
}

/// A run of `module` over `/in/data.csv` into `/out/parts`, with small partitions.
pub(crate) fn wasm(module: &ResolvedModule, parameters: serde_json::Value) -> TaskWasm {
    let serde_json::Value::Object(parameters) = parameters else { panic!("parameters are an object") };
    let processor = WasmProcessor {
        module: module.name.clone(),
        input: "/in/data.csv".into(),
        output: Some("/out/parts".into()),
        parameters: millrace_crds::raw::RawObject(parameters),
        partition_bytes: Some(4096),
        ..WasmProcessor::default()
    };
    TaskWasm { module: module.clone(), file: None, processor }
}

/// Rows `id,label,text` with quoted line breaks, some across the borders of partitions.
pub(crate) fn table(rows: usize) -> String {
    let mut text = "id,label,text\n".to_owned();
    for row in 0..rows {
        let label = ["red", "green", "blue"][row % 7 % 3];
        writeln!(text, "{row},{label},\"a \"\"quoted\"\" word\nline {}\"", "x".repeat(row % 40)).unwrap();
    }
    text
}

/// Share `index` of `of`.
pub(crate) fn share(index: i32, of: i32) -> Option<TaskShare> {
    Some(TaskShare { index, of })
}
