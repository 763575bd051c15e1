//! The real binary from outside: arguments, manifests, answers, exit codes. `make modules` comes first.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod answers;
mod examples;
mod interrupt;
mod manifests;
mod process;
mod runs;

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A work folder and a home of its own.
struct Place(TempDir);

/// How a command ended.
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.args(arguments).current_dir(self.0.path());
        command.env("XDG_DATA_HOME", self.path(".home")).env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null());
        command
    }

    fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        outcome(&self.command(arguments).output().unwrap())
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        outcome(&child.wait_with_output().unwrap())
    }
}

fn outcome(output: &std::process::Output) -> Outcome {
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Outcome {
    #[track_caller]
    fn code(self, code: i32) -> Self {
        assert!(self.code == code, "exit code {}, not {code}\n{}\n{}", self.code, self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}):\n{}\n{}", self.stdout, self.stderr))
    }

    #[track_caller]
    fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in:\n{}", self.stderr);
        }
    }
}

/// A data set of so many rows: a number, and one of three labels.
fn rows(count: usize) -> String {
    let lines = (0..count).map(|row| format!("{row},{}\n", ["a", "b", "c"][row % 3]));
    format!("id,label\n{}", lines.collect::<String>())
}

/// A flow of one step over `in/data.csv`, into `out/parts`.
const FLOW: &str = r#"apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {name: rows}
spec: {mounts: [{mountPoint: "local://./in"}]}
---
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {name: work}
spec: {mounts: [{mountPoint: "local://./out"}], accessModes: [ReadWriteMany]}
---
apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {name: parts}
spec:
  datasets: [{name: rows, path: /rows}, {name: work, path: /work}]
  processor: {wasm: {module: split, input: /rows/data.csv, output: /work/parts, parameters: {sizes: {a: "50%", b: "50%"}}}}
"#;
