//! Pods see the data: agent and volume plugin together, with real mounts.
//!
//! Mounting wants a mount namespace of one's own, so the test runs this program in one (`unshare`).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::Api;
use kube::runtime::wait::await_condition;
use millrace_crds::CacheNode;
use millrace_crds::node_task::{Action, NodeTaskSpec, TaskDataset, TaskMount};
use millrace_node::{CsiConfig, serve_csi};
use millrace_tests::http::HttpServer;
use prost::Message;
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// The argument by which this program is told that it is in a namespace of its own.
pub(crate) const INSIDE: &str = "volumes-inside";

pub(crate) fn a_pod_sees_what_was_loaded_and_restarts_do_not_disturb_it() {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command
    };
    if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        return millrace_tests::skip("volumes", "this machine allows no mount namespaces");
    }
    let program = std::env::current_exe().unwrap();
    assert!(unshare().arg(program).arg(INSIDE).status().unwrap().success());
}

/// A plugin, and what a kubelet would send it.
struct Kubelet {
    folder: PathBuf,
    stop: CancellationToken,
    plugin: tokio::task::JoinHandle<()>,
}

impl Kubelet {
    fn start(world: &World) -> Self {
        let folder = world.path("kubelet");
        let config = CsiConfig {
            node: "local".into(),
            volumes: world.path("home-local/volumes"),
            roots: vec![world.path("home-local/cache"), world.path("in")],
            kubelet: folder.clone(),
        };
        let stop = CancellationToken::new();
        let token = stop.clone();
        let plugin = world.runtime.spawn(async move { serve_csi(config, token).await.unwrap() });
        let kubelet = Self { folder, stop, plugin };
        world.runtime.block_on(async {
            let registered = async {
                while !kubelet.registration().exists() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), registered).await.unwrap();
        });
        kubelet
    }

    fn registration(&self) -> PathBuf {
        self.folder.join("plugins_registry/csi.millrace.dev@reg.sock")
    }

    fn target(&self, pod: &str) -> PathBuf {
        self.folder.join(format!("pods/{pod}/volumes/kubernetes.io~csi/data/mount"))
    }

    fn end(self, world: &World) {
        self.stop.cancel();
        world.runtime.block_on(self.plugin).unwrap();
        assert!(!self.folder.join("plugins_registry/csi.millrace.dev@reg.sock").exists());
    }

    /// One call; the answer's message, or gRPC's status and words.
    async fn call(&self, socket: &Path, method: &str, message: Vec<u8>) -> Result<Vec<u8>, (i32, String)> {
        let stream = TokioIo::new(tokio::net::UnixStream::connect(socket).await.unwrap());
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
        // As the kubelet's library has it for the registration.
        let authority = socket.display().to_string().replace('/', "%2F");
        let authority = if authority.contains('@') { authority } else { "localhost".into() };
        let request = hyper::Request::post(format!("http://{authority}{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(http_body_util::Full::new(hyper::body::Bytes::from(body)))
            .unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let answer = body.collect().await.unwrap();
        let trailers = answer.trailers().cloned().unwrap_or(head.headers);
        let field = |name: &str| trailers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let code = field("grpc-status").unwrap().parse().unwrap();
        if code != 0 {
            return Err((code, field("grpc-message").unwrap_or_default().replace("%20", " ")));
        }
        Ok(answer.to_bytes()[5..].to_vec())
    }

    async fn node(&self, method: &str, message: impl Message) -> Result<Vec<u8>, (i32, String)> {
        let socket = self.folder.join("plugins/csi.millrace.dev/csi.sock");
        self.call(&socket, &format!("/csi.v1.Node/{method}"), message.encode_to_vec()).await
    }

    async fn publish(&self, pod: &str, uid: &str, name: &str) -> Result<(), (i32, String)> {
        let target_path = self.target(pod).display().to_string();
        std::fs::create_dir_all(self.target(pod).parent().unwrap()).unwrap();
        let attributes = [("namespace", "default"), ("name", name)];
        let volume_context = attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let request = Publish { volume_id: uid.into(), target_path, readonly: true, volume_context };
        self.node("NodePublishVolume", request).await.map(drop)
    }

    async fn unpublish(&self, pod: &str) {
        let target_path = self.target(pod).display().to_string();
        self.node("NodeUnpublishVolume", Unpublish { volume_id: "any".into(), target_path }).await.unwrap();
    }
}

/// CSI's messages as the kubelet's own library writes them.
#[derive(Clone, PartialEq, Message)]
struct Publish {
    #[prost(string, tag = "1")]
    volume_id: String,
    #[prost(string, tag = "4")]
    target_path: String,
    #[prost(bool, tag = "6")]
    readonly: bool,
    #[prost(map = "string, string", tag = "8")]
    volume_context: std::collections::HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Unpublish {
    #[prost(string, tag = "1")]
    volume_id: String,
    #[prost(string, tag = "2")]
    target_path: String,
}

#[derive(Clone, PartialEq, Message)]
struct PluginInfo {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    endpoint: String,
}

/// gRPC's Unavailable and InvalidArgument.
const UNAVAILABLE: i32 = 14;
const INVALID: i32 = 3;

/// What runs in the namespace of its own.
pub(crate) fn inside() {
    let server = HttpServer::start();
    server.put("/data/a.csv", "id\n1\n");
    server.put("/data/more/b.csv", "id\n2\n");
    let mut world = World::new();
    world.write("in/label.txt", "local");
    world.start_for_pods("local");
    let kubelet = Kubelet::start(&world);
    it_is_registered(&world, &kubelet);
    let dataset = dataset(&world, &server);
    it_waits_until_the_dataset_is_loaded(&world, &kubelet, &dataset);
    nothing_but_reading_is_possible(&kubelet);
    what_is_mounted_is_not_disturbed_by_restarts(&mut world, kubelet, &server, &dataset);
}

fn dataset(world: &World, server: &HttpServer) -> TaskDataset {
    let mount = |path: &str, mount_point: String| TaskMount {
        mount_point,
        path: path.into(),
        ..TaskMount::default()
    };
    let mut remote = mount("/remote", server.url("/data/"));
    remote.options = [("files".to_owned(), "a.csv,more/b.csv".to_owned())].into();
    TaskDataset {
        namespace: "default".into(),
        name: "demo".into(),
        uid: "0b5b2c0e".into(),
        path: "/".into(),
        writable: false,
        mounts: vec![remote, mount("/local", format!("local://{}", world.path("in").display()))],
    }
}

fn it_is_registered(world: &World, kubelet: &Kubelet) {
    let info = world.runtime.block_on(kubelet.call(
        &kubelet.registration(),
        "/pluginregistration.Registration/GetInfo",
        Vec::new(),
    ));
    let info = PluginInfo::decode(info.unwrap().as_slice()).unwrap();
    assert_eq!((info.kind.as_str(), info.name.as_str()), ("CSIPlugin", "csi.millrace.dev"));
    assert!(Path::new(&info.endpoint).exists());
}

fn it_waits_until_the_dataset_is_loaded(world: &World, kubelet: &Kubelet, dataset: &TaskDataset) {
    let (code, words) = world.runtime.block_on(kubelet.publish("one", &dataset.uid, "demo")).unwrap_err();
    assert_eq!(code, UNAVAILABLE);
    assert!(words.contains("default/demo") && words.contains("loaded"), "{words}");
    // The controller learns of it by the heartbeat, and has it loaded.
    let wanted = |node: Option<&CacheNode>| {
        let status = node.and_then(|node| node.status.as_ref());
        status.is_some_and(|status| status.wanted.iter().any(|wanted| wanted.uid == dataset.uid))
    };
    let nodes: Api<CacheNode> = Api::all(world.client());
    world.runtime.block_on(await_condition(nodes, "local", wanted)).unwrap();
    world.done(load(world, dataset));
    world.runtime.block_on(kubelet.publish("one", &dataset.uid, "demo")).unwrap();
    let target = kubelet.target("one");
    assert_eq!(std::fs::read_to_string(target.join("remote/a.csv")).unwrap(), "id\n1\n");
    assert_eq!(std::fs::read_to_string(target.join("remote/more/b.csv")).unwrap(), "id\n2\n");
    assert_eq!(std::fs::read_to_string(target.join("local/label.txt")).unwrap(), "local");
}

fn load(world: &World, dataset: &TaskDataset) -> NodeTaskSpec {
    NodeTaskSpec { datasets: vec![dataset.clone()], ..world.task(Action::Load, None) }
}

fn nothing_but_reading_is_possible(kubelet: &Kubelet) {
    let target = kubelet.target("one");
    for path in ["new", "remote/new", "local/new", "remote/a.csv"] {
        let refused = std::fs::write(target.join(path), "x").unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem, "{path}");
    }
    let readable = std::fs::metadata(target.join("remote/a.csv")).unwrap().permissions().mode() & 0o444;
    assert_eq!(readable, 0o444, "any user of a pod may read");
}

fn what_is_mounted_is_not_disturbed_by_restarts(
    world: &mut World,
    kubelet: Kubelet,
    server: &HttpServer,
    dataset: &TaskDataset,
) {
    let file = kubelet.target("one").join("remote/a.csv");
    kubelet.end(world);
    world.stop();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "id\n1\n");
    // Nobody answers now, neither the agent nor the source.
    let kubelet = Kubelet::start(world);
    server.put("/data/a.csv", "changed");
    let publish = |pod: &'static str| kubelet.publish(pod, &dataset.uid, "demo");
    let (code, words) = world.runtime.block_on(publish("two")).unwrap_err();
    assert!(code == UNAVAILABLE && words.contains("does not answer"), "{words}");
    world.runtime.block_on(publish("one")).unwrap();
    // With the agent it goes on; the source is not asked for what is here.
    world.start_for_pods("local");
    world.runtime.block_on(async {
        let again = async { while publish("two").await.is_err() {} };
        tokio::time::timeout(Duration::from_secs(60), again).await.unwrap();
    });
    let other = kubelet.target("two").join("remote/a.csv");
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "id\n1\n");
    let elsewhere = Unpublish { volume_id: "any".into(), target_path: "/etc/../etc/passwd".into() };
    let (code, _) = world.runtime.block_on(kubelet.node("NodeUnpublishVolume", elsewhere)).unwrap_err();
    assert_eq!(code, INVALID);
    for pod in ["one", "two", "two"] {
        world.runtime.block_on(kubelet.unpublish(pod));
    }
    assert!(!kubelet.target("one").exists() && !kubelet.target("two").exists());
    assert!(world.path("in/label.txt").exists(), "unmounting removes no data");
    kubelet.end(world);
}
