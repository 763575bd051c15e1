//! The agent's side of a runner: start it, hear it, end it.

use std::process::Stdio;
use std::time::Duration;

use millrace_crds::Reason;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};

use crate::agent::{Agent, Reporter};
use crate::failure::{self, Failure};
use crate::runner::spec::{Message, RunOutcome, RunSpec};

/// Longest line that is believed to be a runner's.
const LINE_BYTES: u64 = 64 << 20;
/// What is kept of a runner's last words.
const STDERR_BYTES: usize = 4 << 10;
/// A run that does not end at its deadline by itself is killed so much later.
const GRACE: Duration = Duration::from_secs(1);

/// Runs a stage in a process of its own. Dropping the future kills the process.
///
/// # Errors
/// What the runner says, or how it died.
pub(crate) async fn execute(
    agent: &Agent,
    spec: &RunSpec,
    reporter: &Reporter,
) -> Result<RunOutcome, Failure> {
    let mut child = start(agent)?;
    let deadline = Duration::from_millis(spec.limits.deadline_ms);
    let mut line = serde_json::to_vec(spec).map_err(|error| Failure::internal(error.to_string()))?;
    line.push(b'\n');
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talk = async {
        // Writing and reading go on at once: neither pipe may fill up and stop both sides. The
        // writer gives the pipe back, since closing it ends the runner.
        let (_open, answer, words) =
            tokio::join!(send(stdin, &line), hear(stdout, reporter), last_words(stderr));
        (answer, words)
    };
    match tokio::time::timeout(deadline.saturating_add(GRACE), talk).await {
        Err(_elapsed) => {
            // It may have died this moment; then there is nothing to kill.
            let _ = child.kill().await;
            Err(failure::run_deadline(deadline.as_secs()))
        }
        Ok((answer, words)) => {
            let status = child
                .wait()
                .await
                .map_err(|error| Failure::internal(format!("wait for the runner: {error}")))?;
            answer.unwrap_or_else(|| Err(failure::runner_died(status, &words)))
        }
    }
}

fn start(agent: &Agent) -> Result<Child, Failure> {
    let mut command = tokio::process::Command::from(agent.config.runner.std_command());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().map_err(|error| {
        Failure::internal(format!("start the runner {}: {error}", agent.config.runner.program.display()))
    })
}

async fn send(stdin: Option<ChildStdin>, line: &[u8]) -> Option<ChildStdin> {
    let mut pipe = stdin?;
    // A runner that is gone is noticed by what it says, or does not say.
    let _ = pipe.write_all(line).await;
    let _ = pipe.flush().await;
    Some(pipe)
}

/// Hears the runner out; `None` if it ended without a result.
async fn hear(
    stdout: Option<impl AsyncRead + Unpin>,
    reporter: &Reporter,
) -> Option<Result<RunOutcome, Failure>> {
    let mut reader = BufReader::new(stdout?);
    loop {
        let mut line = Vec::new();
        let read = (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line).await.ok()?;
        if read == 0 {
            return None;
        }
        match serde_json::from_slice(&line) {
            Ok(Message::Progress(progress)) => reporter.progress(progress),
            Ok(Message::Log(text)) => reporter.log(&text),
            Ok(Message::Done(outcome)) => return Some(Ok(outcome)),
            Ok(Message::Failed(failure)) => return Some(Err(failure)),
            Err(error) => {
                let message =
                    format!("the runner said something that is no message of its protocol: {error}");
                return Some(Err(Failure::new(
                    Reason::Internal,
                    millrace_crds::reason::Fault::Host,
                    message,
                )));
            }
        }
    }
}

async fn last_words(stderr: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = stderr else { return String::new() };
    let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = pipe.read(&mut piece).await {
        kept.extend_from_slice(piece.get(..count).unwrap_or_default());
        let surplus = kept.len().saturating_sub(STDERR_BYTES);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
