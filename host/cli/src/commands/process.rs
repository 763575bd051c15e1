//! `millrace process`: one module over files, without a manifest.
//!
//! It builds the objects that a manifest would hold and runs them as `millrace run` does.

mod help;
mod objects;
mod parameters;

use std::path::Path;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::arguments::Output;
use crate::exit::{Exit, Failure};
use crate::local::attached;
use crate::local::options::Options;
use crate::manifest::fault::Source;
use crate::modules::{Module, Modules, NONE_SHIPPED};
use crate::nearest::suggestion;
use crate::terminal;

/// Arguments of `millrace process`.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    override_usage = "millrace process MODULE --input FILE… --output FOLDER [-p KEY=VALUE]… [OPTIONS]\n       millrace process MODULE --help",
    after_help = "Examples:
  millrace process split --input data.csv --output parts/ -p sizes.train=80% -p sizes.test=20% -p stratify=label
  millrace process pca --input train.npy --output reduced/ --model model/ -p n_components=16
  millrace process pca --input test.npy --output reduced-test/ --model model/ --method Transform
  millrace process split --input s3://bucket/rows/ --output parts/ -p sizes.a=50% -p sizes.b=50% --print-manifest"
)]
pub struct Process {
    /// The module: split, group, pca, …
    module: Option<String>,
    /// Files, folders, globs or URLs (s3://, https://) to read.
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    input: Vec<String>,
    /// Folder or URL to publish to.
    #[arg(long, value_name = "FOLDER")]
    output: Option<String>,
    /// A parameter of the module; dots nest (sizes.train=80%), the same key again makes a list.
    #[arg(short = 'p', long = "parameter", value_name = "KEY=VALUE")]
    parameters: Vec<String>,
    /// Folder of the model: written by Fit and FitTransform, read by Transform.
    #[arg(long, value_name = "FOLDER")]
    model: Option<String>,
    /// For modules that learn.
    #[arg(long, value_enum, ignore_case = true)]
    method: Option<Method>,
    /// The only randomness.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    seed: Option<i64>,
    /// Format of the input, where the names do not say it.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Format of the output; the input's unless said.
    #[arg(long, value_enum)]
    output_format: Option<Format>,
    /// What happens where something was published before.
    #[arg(long, value_enum, ignore_case = true)]
    output_mode: Option<OutputMode>,
    /// What becomes of rows that cannot be read or that the module refuses.
    #[arg(long, value_enum, ignore_case = true)]
    on_bad_row: Option<OnBadRow>,
    /// Print the manifest that `millrace run` would take, and run nothing.
    #[arg(long)]
    print_manifest: bool,
    /// What the module does and takes.
    #[arg(short, long)]
    help: bool,
    /// For people or for programs.
    #[arg(short = 'o', value_name = "FORMAT", value_enum, default_value_t)]
    answer: Output,
    #[command(flatten)]
    options: Options,
}

/// scikit-learn's words.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Method {
    /// Learn, then apply.
    FitTransform,
    /// Learn only.
    Fit,
    /// Apply a model that was learnt before.
    Transform,
}

/// File formats.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Csv,
    Tsv,
    Jsonl,
    Parquet,
    Npy,
}

/// What happens where something was published before.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum OutputMode {
    /// What is there stays, and the step says so.
    Fail,
    /// What is there is replaced in one step.
    Replace,
    /// Each run has a folder of its own below the output.
    Version,
}

/// What becomes of bad rows.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum OnBadRow {
    /// The run fails.
    Fail,
    /// They are left out and counted.
    Skip,
    /// They are left out, counted, and kept in an output of their own.
    Quarantine,
}

/// The word that a manifest has for it.
fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl Process {
    /// Runs the module, or says what it takes.
    pub fn execute(self) -> Result<Exit, Failure> {
        let modules = Modules::with_files(&self.options.modules)?;
        let Some(name) = self.module.as_deref() else {
            if !self.help {
                return Err(Failure::usage(format!("which module? {}", help::module_names(&modules))));
            }
            terminal::answer(&help::general(&modules));
            return Ok(Exit::Ok);
        };
        let module = modules.find(name).ok_or_else(|| unknown_module(name, &modules))?;
        if self.help {
            terminal::answer(&help::module(module));
            return Ok(Exit::Ok);
        }
        let manifest = self.manifest(name, module)?;
        if self.print_manifest {
            terminal::answer(&manifest);
            return Ok(Exit::Ok);
        }
        let folder = std::path::absolute(Path::new(".")).map_err(Failure::machine)?;
        let source = Source {
            name: "the manifest of this command (--print-manifest)".to_owned(),
            text: manifest,
            folder,
        };
        attached::run(&[Arc::new(source)], &Options { output: self.answer, ..self.options })
    }

    fn manifest(&self, name: &str, module: &Module) -> Result<String, Failure> {
        let schema = serde_json::Value::Object(module.info.descriptor.params_schema.clone());
        let parameters = parameters::read(&self.parameters, &schema).map_err(Failure::usage)?;
        parameters::check(name, &schema, &parameters).map_err(Failure::usage)?;
        objects::manifest(self, name, parameters).map_err(Failure::usage)
    }
}

fn unknown_module(name: &str, modules: &Modules) -> Failure {
    let advice = if modules.is_empty() { NONE_SHIPPED.to_owned() } else { suggestion(name, modules.names()) };
    Failure::usage(format!("there is no module {name}\n{advice}"))
}
