//! The real binary, with a home of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home and a work folder for one test; both are removed at its end.
pub struct Millrace {
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; None after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// The JSON document on standard output.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// Itself, if the command succeeded.
    ///
    /// # Panics
    /// If it did not.
    #[must_use]
    pub fn ok(self) -> Self {
        assert!(self.code == Some(0), "exit code {:?}\n{}\n{}", self.code, self.stdout, self.stderr);
        self
    }

    /// Itself, if the command ended with this code.
    ///
    /// # Panics
    /// If it ended with another.
    #[must_use]
    pub fn code(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "exit code {:?}, not {code}\n{}\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }
}

impl Default for Millrace {
    fn default() -> Self {
        Self::new()
    }
}

impl Millrace {
    /// A fresh home and work folder.
    ///
    /// # Panics
    /// If the machine has no room for them.
    #[must_use]
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("temporary folder") }
    }

    /// The work folder.
    #[must_use]
    pub fn work(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the work folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the work folder and says where it is.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("below the work folder")).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary with these arguments, in the work folder, with the home of this test.
    #[must_use]
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments);
        self.place(&mut command);
        command
    }

    /// Puts a command into the work folder, with the home of this test.
    fn place(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path().join(".home"))
            .env("NO_COLOR", "1")
            .env_remove("AWS_CA_BUNDLE")
            .stdin(Stdio::null());
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        let mut command = Command::new(binary());
        command.args(arguments);
        self.finish(command)
    }

    /// Runs any command to its end, in the work folder and with the home of this test.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn finish(&self, mut command: Command) -> Outcome {
        self.place(&mut command);
        let output = command.output().expect("start the command");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts it, silent.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start millrace")
    }
}

/// Where the binary is: `$MILLRACE_BIN`, else beside the test's own executable, where cargo puts it.
///
/// # Panics
/// If it is not there; `cargo test --workspace` and `make test` build it.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("MILLRACE_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("own path");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let path = profile.join("millrace");
    assert!(path.exists(), "{} is not built: run `make test`, or `cargo build` first", path.display());
    path
}

/// The repository's root.
///
/// # Panics
/// Never: the package lies in it.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository")
}
