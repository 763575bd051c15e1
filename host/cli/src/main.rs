//! The binary `millrace`: parses, wires, exits. What it does is in `commands`, a file for each.

mod arguments;
mod commands;
mod exit;
mod local;
mod manifest;
mod modules;
mod nearest;
mod report;
mod service;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    // The agent starts this same binary for its workers: they begin at once, before anything else is set up.
    match std::env::args_os().nth(1).as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("runner") => return millrace_node::runner_main(),
        Some("compile-worker") => return millrace_node::compile_worker_main(),
        _ => {}
    }
    let arguments = Arguments::parse();
    terminal::start_log(arguments.verbose, arguments.command.log_format());
    let ended = match arguments.command {
        Command::Run(run) => run.execute(),
        Command::Process(process) => process.execute(),
        Command::Controller(controller) => controller.execute(),
        Command::Agent(agent) => agent.execute(),
        Command::Csi(csi) => csi.execute(),
        Command::Crds(crds) => crds.execute(),
        Command::Doctor(doctor) => doctor.execute(),
        Command::Version(version) => version.execute(),
        Command::Completion(completion) => completion.execute(),
    };
    ended.unwrap_or_else(|failure| tell(&failure)).into()
}

/// Prints why a command gave up, once, here at the edge.
fn tell(failure: &Failure) -> Exit {
    match failure {
        Failure::Invalid(faults) => {
            terminal::print_faults(faults);
            Exit::InvalidManifest
        }
        Failure::Error(exit, error) => {
            terminal::print_error(error);
            *exit
        }
    }
}
