//! Programs that the agent starts: which, with what environment, and how long they may take.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::sync::mpsc;
use std::time::Duration;

/// A program and its first arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramCommand {
    /// Path of the executable.
    pub program: PathBuf,
    /// Arguments before those that Millrace adds.
    pub args: Vec<OsString>,
}

impl ProgramCommand {
    /// This very executable with `argument` first: `millrace runner`.
    #[must_use]
    pub fn current(argument: &str) -> Self {
        // The link names the running file even after it was replaced on disk.
        Self { program: PathBuf::from("/proc/self/exe"), args: vec![argument.into()] }
    }

    /// The command with an empty environment, in the root folder.
    #[must_use]
    pub(crate) fn std_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().current_dir("/");
        command
    }
}

/// Waits at most `patience`, then kills the child. Its outputs must be small.
pub(crate) fn wait_with_output(mut child: Child, patience: Duration) -> std::io::Result<Output> {
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let gather = |answer: mpsc::Receiver<Vec<u8>>| answer.recv_timeout(patience).ok();
    match (gather(stdout), gather(stderr)) {
        (Some(stdout), Some(stderr)) => Ok(Output { status: child.wait()?, stdout, stderr }),
        _ => {
            child.kill()?;
            child.wait()?;
            Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "it did not end in time"))
        }
    }
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}
