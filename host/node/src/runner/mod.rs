//! The runner: one task's guest code in a process of its own.
//!
//! It reads a [`spec::RunSpec`] from standard input, locks itself down, and only then touches module
//! and data. It has no async runtime, since it has to start in milliseconds. Its standard input
//! stays open: when it ends, the agent is gone, and so is the runner.

mod batches;
mod classes;
mod job;
pub(crate) mod keys;
mod outlet;
mod quarantine;
pub(crate) mod spec;
mod stage_apply;
mod stage_fit;
mod table;
mod tally;
mod threads;
mod values;

pub(crate) use outlet::Outlet;
pub(crate) use tally::{ShardResult, named_columns};

use std::io::{BufRead, Read};
use std::path::Path;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::sandbox;
use spec::{Message, RunOutcome, RunSpec, Stage};

/// Longest spec that is read: a million input files with long names.
const SPEC_BYTES: u64 = 1 << 30;

/// `main` of a runner: `millrace runner`, or `millrace runner probe FOLDER`.
///
/// Returns failure where it could not say what went wrong; otherwise the last line of its standard
/// output says how it ended.
#[must_use]
pub fn runner_main() -> ExitCode {
    let mut arguments = std::env::args_os().skip_while(|argument| argument != "probe").skip(1);
    if let Some(folder) = arguments.next() {
        return sandbox::probe_main(Path::new(&folder));
    }
    let outlet = Outlet::default();
    let message = match read_spec().and_then(|spec| run(&spec, &outlet)) {
        Ok(outcome) => Message::Done(outcome),
        Err(failure) => Message::Failed(failure),
    };
    if outlet.say(&message).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read_spec() -> Result<RunSpec, Failure> {
    let mut line = Vec::new();
    let read = std::io::stdin().lock().take(SPEC_BYTES).read_until(b'\n', &mut line);
    read.map_err(|error| Failure::internal(format!("read the run's spec: {error}")))?;
    serde_json::from_slice(&line).map_err(|error| Failure::internal(format!("the run's spec: {error}")))
}

fn run(spec: &RunSpec, outlet: &Outlet) -> Result<RunOutcome, Failure> {
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    if parent != spec.parent {
        return Err(Failure::internal("the agent that started this run is gone"));
    }
    sandbox::confine(&spec.confinement).map_err(|error| {
        Failure::new(
            millrace_crds::Reason::NotSupported,
            millrace_crds::reason::Fault::Host,
            error.to_string(),
        )
    })?;
    listen()?;
    let job = job::Job::open(spec, outlet.clone())?;
    perform(&job, spec.stage)
}

/// Ends with the agent: it keeps our standard input open for as long as it waits for us.
fn listen() -> Result<(), Failure> {
    let hear = || {
        let mut rest = [0; 64];
        while let Ok(1..) = std::io::stdin().lock().read(&mut rest) {}
        std::process::exit(1);
    };
    let started = std::thread::Builder::new().name("agent".to_owned()).spawn(hear);
    started.map(drop).map_err(|error| Failure::internal(format!("start a thread: {error}")))
}

fn perform(job: &job::Job, stage: Stage) -> Result<RunOutcome, Failure> {
    match stage {
        Stage::Plan => job.outcome(job.first_shards()?),
        Stage::Fit => stage_fit::fit(job).and_then(|()| job.outcome(0)),
        Stage::Merge => stage_fit::merge(job).and_then(|()| job.outcome(0)),
        // What only learns has nothing to apply, whoever asks.
        Stage::Apply if !job.applies() => job.outcome(0),
        Stage::Apply => stage_apply::apply(job).and_then(|shards| job.outcome(shards)),
        Stage::All => {
            if job.learns() {
                stage_fit::fit(job)?;
                stage_fit::merge(job)?;
            }
            let shards = if job.applies() { stage_apply::apply(job)? } else { 0 };
            job.outcome(shards)
        }
    }
}
