//! A real S3 server (versitygw) on a free port of this machine, with its data in a temporary folder.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server; it ends, and its data goes, when this is dropped.
#[derive(Debug)]
pub struct S3Server {
    process: Child,
    address: SocketAddr,
    data: tempfile::TempDir,
}

/// Access key of every server.
pub const ACCESS_KEY: &str = "testkey";
/// Secret key of every server.
pub const SECRET_KEY: &str = "testsecret";

const START: Duration = Duration::from_secs(30);
/// Another process may take a port between the moment it was found free and its use.
const PORT_TRIES: usize = 5;

impl S3Server {
    /// Starts a server, or tells visibly that `test` is skipped because there is none to start.
    ///
    /// # Panics
    /// If the server is there and does not start; where it is missing, under `CI=true`.
    #[must_use]
    pub fn start(test: &str) -> Option<Self> {
        let Some(program) = program() else {
            crate::skip(test, "no versitygw; tests/tools/versitygw.sh installs it");
            return None;
        };
        let started = (0..PORT_TRIES).find_map(|_| Self::try_start(&program));
        Some(started.expect("versitygw does not start"))
    }

    fn try_start(program: &Path) -> Option<Self> {
        let data = tempfile::tempdir().unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let process = Command::new(program)
            .env_clear()
            .env("ROOT_ACCESS_KEY", ACCESS_KEY)
            .env("ROOT_SECRET_KEY", SECRET_KEY)
            .args(["--port", &address.to_string(), "--quiet", "posix"])
            .arg(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { process, address, data };
        server.is_up().then_some(server)
    }

    fn is_up(&mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < START && self.process.try_wait().unwrap().is_none() {
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes the bucket `name` (three letters or more).
    ///
    /// # Panics
    /// If its folder cannot be made.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let path = self.data.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// `$MILLRACE_TOOLS/bin/versitygw`, or below the workspace's target folder.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let tools =
        std::env::var_os("MILLRACE_TOOLS").map_or_else(|| workspace.join("target/tools"), PathBuf::from);
    let program = tools.join("bin/versitygw");
    program.is_file().then_some(program)
}
