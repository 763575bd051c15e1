//! A real Kubernetes for one test: started by `tests/e2e/cluster`, taken down however the test ends.
//! It knows no client library; a test connects with the kubeconfig.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::millrace::{Outcome, repository};

/// Which parts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// etcd, the API server, and the controllers that the in-process server has too. No pods run.
    Api,
    /// With all controllers and the scheduler; no nodes.
    Control,
    /// With so many nodes, `n1`, `n2`, …, each a kubelet and a containerd in namespaces of their own.
    Full(usize),
}

/// A running cluster; it ends when this is dropped, and when this process ends in any other way.
#[derive(Debug)]
pub struct Cluster {
    holder: Child,
    /// The cluster lives as long as this end is open.
    lifeline: Option<ChildStdin>,
    name: String,
    cache: PathBuf,
    nodes: usize,
}

/// A program that runs on a node, in the node's namespaces. It ends when this is dropped.
#[derive(Debug)]
pub struct NodeProcess {
    entrance: Child,
}

impl Cluster {
    /// Starts a cluster of its own for `name`; clusters of different names run side by side.
    ///
    /// # Panics
    /// If it does not come up; `tests/e2e/cluster/install.sh` (or `make e2e`) installs what it needs.
    #[must_use]
    pub fn start(name: &str, parts: Parts) -> Self {
        let arguments = match parts {
            Parts::Api => vec!["api".to_owned()],
            Parts::Control => vec!["control".to_owned()],
            Parts::Full(nodes) => vec!["full".to_owned(), nodes.to_string()],
        };
        let mut holder = script("hold.sh", name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A group of its own: an interrupt from the keyboard ends the test, and that ends the cluster in order.
            .process_group(0)
            .spawn()
            .expect("start a cluster");
        let lifeline = holder.stdin.take();
        let said = holder.stdout.take().expect("piped");
        let nodes = if let Parts::Full(nodes) = parts { nodes } else { 0 };
        let cluster = Self { holder, lifeline, name: name.to_owned(), cache: cache(), nodes };
        let is_up = BufReader::new(said).lines().map_while(Result::ok).any(|line| line.starts_with("up: "));
        assert!(is_up, "the cluster {name} does not start; its logs: {}", cluster.logs().display());
        cluster
    }

    /// What reaches the API server from this machine, as the cluster's administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder().join("kubeconfig")
    }

    /// What reaches it from a node, or from [`Cluster::beside`].
    #[must_use]
    pub fn kubeconfig_inside(&self) -> PathBuf {
        self.folder().join("pki/admin.kubeconfig")
    }

    /// The names of the nodes.
    #[must_use]
    pub fn nodes(&self) -> Vec<String> {
        (1..=self.nodes).map(|number| format!("n{number}")).collect()
    }

    /// The folder with a log of each part.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.folder().join("log")
    }

    /// `kubectl` with these arguments, to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        let mut command = Command::new(self.cache.join("bin/kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(arguments).stdin(Stdio::null());
        let output = command.output().expect("start kubectl");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Applies a manifest, or every manifest of a folder.
    ///
    /// # Panics
    /// If the server refuses one.
    pub fn apply(&self, manifests: &Path) {
        let path = manifests.display().to_string();
        let _applied = self.kubectl(["apply", "--server-side", "--recursive", "--filename", &path]).ok();
    }

    /// Makes the kinds of `crds/yaml` known, and waits until they are served.
    ///
    /// # Panics
    /// If the server refuses one.
    pub fn install_kinds(&self) {
        self.apply(&repository().join("crds/yaml"));
        let established = "--for=condition=Established";
        let wait = ["wait", established, "--all", "customresourcedefinitions", "--timeout=30s"];
        let _served = self.kubectl(wait).ok();
    }

    /// A command in the cluster's network, beside the API server; all else is this machine's.
    #[must_use]
    pub fn beside(&self, program: impl AsRef<OsStr>) -> Command {
        let holder = read_id(&self.folder().join("netns.pid"));
        let mut command = Command::new("nsenter");
        command.args(["--target", &holder, "--net", "--"]).arg(program);
        command
    }

    /// A command in all namespaces of a node: its network, mounts and processes. The machine's files
    /// are there too, except `/run`, `/var/log`, `/var/lib/{kubelet,containerd,cni}`, which are the node's.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn on_node(&self, node: &str, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init(node), "--all", "--"]);
        // nsenter is the parent of the program; without this the program would outlive it.
        command.args(["setpriv", "--pdeathsig", "KILL"]).arg(program);
        command
    }

    /// Starts what [`Cluster::on_node`] gave.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(&self, command: &mut Command) -> NodeProcess {
        NodeProcess { entrance: command.stdin(Stdio::null()).spawn().expect("start on the node") }
    }

    /// Puts an image archive (`tests/e2e/cluster/image.py` makes one) on a node.
    ///
    /// # Panics
    /// If containerd refuses it.
    pub fn import(&self, node: &str, archive: &Path) {
        let status =
            self.on_node(node, "ctr").args(["-n", "k8s.io", "images", "import"]).arg(archive).status();
        assert!(status.is_ok_and(|status| status.success()), "{} is not imported", archive.display());
    }

    /// Stops a node as a power cut would: every process on it is gone at once.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn stop_node(&self, node: &str) {
        signal(&self.init(node), rustix::process::Signal::KILL);
    }

    /// Brings a stopped node back.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_node(&self, node: &str) {
        let status = script("node.sh", &self.name).arg(node).status();
        assert!(status.is_ok_and(|status| status.success()), "node {node} does not start");
    }

    fn init(&self, node: &str) -> String {
        read_id(&self.folder().join(node).join("init.pid"))
    }

    fn folder(&self) -> PathBuf {
        self.cache.join("clusters").join(&self.name)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ended = self.holder.wait();
        if std::thread::panicking() {
            eprintln!("logs of the cluster {}: {}", self.name, self.logs().display());
        }
    }
}

impl NodeProcess {
    /// Asks the program to stop, as a kubelet would, and waits for its end.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn terminate(mut self) -> std::process::ExitStatus {
        let entrance = self.entrance.id();
        let children = std::fs::read_to_string(format!("/proc/{entrance}/task/{entrance}/children"));
        for program in children.unwrap_or_default().split_whitespace() {
            signal(program, rustix::process::Signal::TERM);
        }
        self.entrance.wait().expect("its end")
    }

    /// Ends the program without a word.
    pub fn kill(self) {
        drop(self);
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.entrance.try_wait(), Ok(None))
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        let _gone = self.entrance.kill();
        let _reaped = self.entrance.wait();
    }
}

/// `$MILLRACE_E2E`, as the scripts read it.
fn cache() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let home = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    variable("MILLRACE_E2E").or_else(|| Some(home()?.join("millrace-e2e"))).expect("HOME is set")
}

fn script(file: &str, cluster: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(repository().join("tests/e2e/cluster").join(file)).env("CLUSTER", cluster);
    command
}

fn read_id(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim().to_owned()
}

fn signal(process: &str, signal: rustix::process::Signal) {
    let id = process.parse().ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(id.expect("a process id"), signal).expect("a process of this cluster");
}
