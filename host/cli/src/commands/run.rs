//! `millrace run`: manifests on this machine, attached.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::Output;
use crate::exit::{Exit, Failure};
use crate::local::attached;
use crate::local::options::Options;
use crate::manifest::source;

/// Arguments of `millrace run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  millrace run digits.yaml
  millrace run datasets.yaml steps/ --dry-run
  cat flow.yaml | millrace run - -o json

A relative path in a mount point (local://./data) is relative to the manifest's own folder.
Standard output has the answer, standard error the progress. Ctrl-C stops everything and
leaves nothing half published; again, it stops at once.")]
pub struct Run {
    /// Files, folders (their *.yaml, *.yml and *.json, in order) or - for standard input.
    #[arg(required = true, value_name = "FILE|FOLDER|-")]
    files: Vec<PathBuf>,
    /// For people or for programs.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    options: Options,
}

impl Run {
    /// Runs the manifests.
    pub fn execute(self) -> Result<Exit, Failure> {
        let sources =
            source::gather(&self.files).map_err(|error| Failure::Error(Exit::Usage, error.into()))?;
        attached::run(&sources, &Options { output: self.output, ..self.options })
    }
}
