//! The command line as a whole. Each subcommand's own arguments are in its file.

use clap::{Parser, Subcommand, ValueEnum};

use crate::commands::{agent, completion, controller, crds, csi, doctor, process, run, version};
use crate::exit::EXIT_CODES;
use crate::terminal::LogFormat;

/// Leads datasets to the programs that work on them: preload, split, group, reduce; on a laptop or on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "millrace", bin_name = "millrace", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Arguments {
    /// Write a log to standard error; twice for more. MILLRACE_LOG=debug,kube=warn chooses.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `millrace` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run manifests on this machine, attached, and say what came of them.
    Run(run::Run),
    /// Run one module over files, without writing a manifest.
    Process(process::Process),
    /// Watch a cluster's objects and lead them on; runs in the cluster.
    Controller(controller::Controller),
    /// Do the work of one node of a cluster; runs on that node.
    Agent(agent::Agent),
    /// Mount Datasets into the pods of one node; runs on that node, beside its agent.
    Csi(csi::Csi),
    /// Print the CustomResourceDefinitions.
    Crds(crds::Crds),
    /// Say what this machine can do.
    Doctor(doctor::Doctor),
    /// Say which version this is.
    Version(version::Version),
    /// Print completions for a shell, or man pages.
    Completion(completion::Completion),
}

impl Command {
    /// How a part of a cluster writes its log; none where a person is at the terminal.
    pub fn log_format(&self) -> Option<LogFormat> {
        match self {
            Self::Controller(controller) => Some(controller.service().log_format),
            Self::Agent(agent) => Some(agent.service().log_format),
            Self::Csi(csi) => Some(csi.log_format),
            _ => None,
        }
    }
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs: one JSON document.
    Json,
}
