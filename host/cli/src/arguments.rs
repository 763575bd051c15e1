//! The command line as a whole. Each subcommand's own arguments are in its file.

use clap::{Parser, Subcommand, ValueEnum};

use crate::commands::{completion, crds, doctor, process, run, version};
use crate::exit::EXIT_CODES;

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
    /// Print the CustomResourceDefinitions.
    Crds(crds::Crds),
    /// Say what this machine can do.
    Doctor(doctor::Doctor),
    /// Say which version this is.
    Version(version::Version),
    /// Print completions for a shell, or man pages.
    Completion(completion::Completion),
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
