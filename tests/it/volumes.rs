//! Pods see the data: on a real Kubernetes with two nodes, a pod mounts a Dataset by the claim of its
//! name and reads what was loaded from an S3 server, whoever restarts meanwhile.

use std::path::Path;
use std::process::{Child, Stdio};

use millrace_tests::cluster::{Cluster, NodeProcess, Parts};
use millrace_tests::millrace::{binary, repository};
use millrace_tests::s3;
use tempfile::TempDir;

/// Where agent and plugin keep things on a node: `/run` is a node's own.
const HOME: &str = "/run/millrace";
/// Where the S3 server is, as the nodes see it.
const STORE: &str = "10.77.0.1:7070";

/// A cluster with Millrace on it.
struct World {
    agents: Vec<NodeProcess>,
    plugins: Vec<NodeProcess>,
    others: Vec<Child>,
    folder: TempDir,
    cluster: Cluster,
}

impl World {
    fn start(name: &str, program: &Path) -> Self {
        let cluster = Cluster::start(name, Parts::Full(2));
        let folder = tempfile::tempdir().unwrap();
        cluster.install_kinds();
        let mut world = Self { agents: Vec::new(), plugins: Vec::new(), others: Vec::new(), folder, cluster };
        world.apply(driver());
        world.start_store(program);
        world.start_controller();
        for node in world.cluster.nodes() {
            let (agent, plugin) = (world.agent(&node), world.plugin(&node));
            world.agents.push(agent);
            world.plugins.push(plugin);
        }
        for node in world.cluster.nodes() {
            let driver = "--for=jsonpath={.spec.drivers[0].name}=csi.millrace.dev";
            world.kubectl(&["wait", driver, &format!("csinode/{node}"), "--timeout=60s"]);
        }
        world
    }

    fn start_store(&mut self, program: &Path) {
        let data = self.folder.path().join("store");
        std::fs::create_dir_all(data.join("numbers")).unwrap();
        let mut command = self.cluster.beside(program);
        command.env("ROOT_ACCESS_KEY", s3::ACCESS_KEY).env("ROOT_SECRET_KEY", s3::SECRET_KEY);
        command.args(["--port", STORE, "--quiet", "posix"]).arg(data).stdin(Stdio::null());
        self.others.push(command.spawn().unwrap());
        self.upload("a.csv", "id\n1\n");
        self.upload("more/b.csv", "id\n2\n");
    }

    /// By the server itself, so that the file has an entity tag. Waits until the server is there.
    fn upload(&self, path: &str, text: &str) {
        let file = self.folder.path().join("upload");
        std::fs::write(&file, text).unwrap();
        let mut curl = self.cluster.beside("curl");
        curl.args([
            "--fail",
            "--silent",
            "--show-error",
            "--retry",
            "30",
            "--retry-connrefused",
            "--retry-delay",
            "1",
        ]);
        curl.args([
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "--header",
            "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        ]);
        curl.args(["--user", &format!("{}:{}", s3::ACCESS_KEY, s3::SECRET_KEY), "--upload-file"]);
        curl.arg(file).arg(format!("http://{STORE}/numbers/{path}"));
        assert!(curl.status().unwrap().success());
    }

    fn start_controller(&mut self) {
        let mut command = self.cluster.beside(binary());
        command.arg("controller").arg("--kubeconfig").arg(self.cluster.kubeconfig_inside());
        command.args(["--lease-namespace", "default", "--log-format", "json"]).stdin(Stdio::null());
        let log = std::fs::File::create(self.cluster.logs().join("millrace-controller.log")).unwrap();
        self.others.push(command.stderr(log).spawn().unwrap());
    }

    fn agent(&self, node: &str) -> NodeProcess {
        let mut command = self.cluster.on_node(node, binary());
        command.arg("agent").arg("--kubeconfig").arg(self.cluster.kubeconfig_inside());
        command.args(["--node", node, "--home", HOME, "--log-format", "json"]);
        command.stderr(self.log(&format!("millrace-agent-{node}")));
        self.cluster.spawn(&mut command)
    }

    fn plugin(&self, node: &str) -> NodeProcess {
        let mut command = self.cluster.on_node(node, binary());
        command.args(["csi", "--node", node, "--home", HOME, "--log-format", "json"]);
        command.stderr(self.log(&format!("millrace-csi-{node}")));
        self.cluster.spawn(&mut command)
    }

    fn log(&self, name: &str) -> std::fs::File {
        let path = self.cluster.logs().join(format!("{name}.log"));
        std::fs::File::options().create(true).append(true).open(path).unwrap()
    }

    fn apply(&self, manifest: String) {
        let path = self.folder.path().join("manifest.yaml");
        std::fs::write(&path, manifest).unwrap();
        self.cluster.apply(&path);
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        self.cluster.kubectl(arguments).ok().stdout
    }

    fn wait(&self, what: &str, condition: &str) {
        self.kubectl(&["wait", &format!("--for={condition}"), what, "--timeout=120s"]);
    }

    /// What a pod on `node` that mounts `numbers` says; it has to succeed.
    fn pod(&self, name: &str, node: &str, script: &str) -> String {
        self.apply(pod(name, node, script));
        self.wait(&format!("pod/{name}"), "jsonpath={.status.phase}=Succeeded");
        self.kubectl(&["logs", name])
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for other in &mut self.others {
            let _gone = other.kill();
            let _reaped = other.wait();
        }
    }
}

/// The CSIDriver, without the pods that would serve it: those need an image.
fn driver() -> String {
    let text = std::fs::read_to_string(repository().join("deploy/csi.yaml")).unwrap();
    text.split("\n---\n").next().unwrap().to_owned()
}

fn dataset() -> String {
    format!(
        r#"
apiVersion: v1
kind: Secret
metadata: {{name: keys, namespace: default}}
stringData: {{access: {access}, secret: {secret}}}
---
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {{name: numbers, namespace: default}}
spec:
  mounts:
  - mountPoint: s3://numbers
    options: {{endpoint: "http://{STORE}", region: us-east-1, pathStyle: "true"}}
    encryptOptions:
    - {{name: accessKeyId, valueFrom: {{secretKeyRef: {{name: keys, key: access}}}}}}
    - {{name: secretAccessKey, valueFrom: {{secretKeyRef: {{name: keys, key: secret}}}}}}
"#,
        access = s3::ACCESS_KEY,
        secret = s3::SECRET_KEY,
    )
}

fn load() -> String {
    r"
apiVersion: data.fluid.io/v1alpha1
kind: DataLoad
metadata: {name: warm, namespace: default}
spec: {dataset: {name: numbers, namespace: default}, nodeSelector: {kubernetes.io/hostname: n1}}
"
    .to_owned()
}

fn pod(name: &str, node: &str, script: &str) -> String {
    format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: default}}
spec:
  nodeName: {node}
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers:
  - name: reader
    image: registry.local/busybox:1
    imagePullPolicy: Never
    securityContext: {{runAsUser: 4711}}
    command: [/bin/sh, -c, "{script}"]
    volumeMounts: [{{name: data, mountPath: /data}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: numbers}}}}]
"#
    )
}

#[test]
#[ignore = "needs a real Kubernetes: make e2e"]
fn e2e_a_pod_reads_what_was_loaded_whoever_restarts() {
    let Some(store) = s3::program() else {
        return millrace_tests::skip("volumes", "no versitygw; tests/tools/versitygw.sh installs it");
    };
    let mut world = World::start("volumes", &store);
    world.apply(dataset());
    world.apply(load());
    world.wait("dataload/warm", "condition=Complete");
    world.wait("datasets.fluid.io/numbers", "condition=Accessible");
    world.wait("pvc/numbers", "jsonpath={.status.phase}=Bound");
    let said = world.pod("reader", "n1", "cat /data/a.csv /data/more/b.csv; touch /data/new || echo refused");
    assert!(said.contains("id\n1\nid\n2\n") && said.contains("refused"), "{said}");
    // On a node that has none of it, the pod waits until it does.
    let said = world.pod("further", "n2", "cat /data/a.csv");
    assert_eq!(said, "id\n1\n");
    // A pod that reads on and on, while agent and plugin go and come.
    world.apply(pod(
        "patient",
        "n1",
        "until [ -e /tmp/enough ]; do cat /data/a.csv >/dev/null || exit 1; sleep 0.1; done",
    ));
    world.wait("pod/patient", "jsonpath={.status.phase}=Running");
    world.agents.remove(0).kill();
    assert!(world.plugins.remove(0).terminate().success());
    let (agent, plugin) = (world.agent("n1"), world.plugin("n1"));
    world.agents.push(agent);
    world.plugins.push(plugin);
    let said = world.pod("later", "n1", "cat /data/more/b.csv");
    assert_eq!(said, "id\n2\n");
    world.kubectl(&["exec", "patient", "--", "touch", "/tmp/enough"]);
    world.wait("pod/patient", "jsonpath={.status.phase}=Succeeded");
    nothing_is_left(&world);
}

/// Pods, then the Dataset: mounts, claim and volume go with them.
fn nothing_is_left(world: &World) {
    world.kubectl(&["delete", "pods", "--all", "--timeout=60s"]);
    let mounted = world.cluster.on_node("n1", "cat").arg("/proc/mounts").output().unwrap();
    let mounted = String::from_utf8(mounted.stdout).unwrap();
    assert!(!mounted.lines().any(|line| line.contains("kubernetes.io~csi")), "{mounted}");
    world.kubectl(&["delete", "datasets.fluid.io/numbers", "--timeout=60s"]);
    for what in ["pvc/numbers", "pv"] {
        let mut arguments = vec!["wait", "--for=delete", what, "--timeout=60s"];
        arguments.extend((what == "pv").then_some("--all"));
        world.kubectl(&arguments);
    }
}
