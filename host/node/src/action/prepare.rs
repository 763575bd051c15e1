//! From a task to what a runner is told, and to the key by which its result can be found again.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millrace_crds::Reason;
use millrace_crds::data_processing::{InputFormat, Method, WasmProcessor};
use millrace_crds::node_task::{NodeTaskSpec, TaskWasm};
use millrace_data::canonical::canonical_json;
use millrace_data::format::FormatSpec;
use millrace_data::list::LocalFile;
use millrace_data::manifest::ReuseKey;
use millrace_data::write::OutputFormat;
use serde_json::Value;

use super::inputs::Frozen;
use super::module::Ready;
use super::target::Target;
use crate::agent::{Agent, Reporter};
use crate::failure::Failure;
use crate::quantity;
use crate::runner::spec::{InputSpec, OutputSpec, RunSpec, RunnerLimits, Stage};
use crate::sandbox::{Confinement, ResourceLimits};

const MIB: u64 = 1 << 20;
/// Size of a partition unless the object says otherwise (algorithms, "Units").
const PARTITION_BYTES: u64 = 64 * MIB;
/// Smallest part file unless the object says otherwise.
const TARGET_FILE_SIZE: u64 = 16 * MIB;
const MEMORY_BYTES: u64 = 512 * MIB;
const TIMEOUT: Duration = Duration::from_secs(3600);
/// Version of the contract, part of what a result depends on.
const CONTRACT: &str = "millrace:processor@0.1.0";

/// A run as its object describes it, checked.
pub(super) struct Wanted<'a> {
    pub(super) wasm: &'a TaskWasm,
    pub(super) module: Ready,
    pub(super) output: Option<Target>,
    pub(super) model: Option<Target>,
    pub(super) parameters: Value,
    /// How the inputs are read, in the reader's own words.
    pub(super) read_as: String,
    pub(super) partition_bytes: u64,
    pub(super) target_file_size: u64,
}

impl<'a> Wanted<'a> {
    /// Finds module and targets and checks that they fit each other.
    pub(super) async fn read(
        agent: &Agent,
        spec: &'a NodeTaskSpec,
        reporter: &Reporter,
    ) -> Result<Self, Failure> {
        let wasm = spec.wasm.as_ref().ok_or_else(|| Failure::internal("the task names no module"))?;
        let module = agent.modules.get(agent, &wasm.module, wasm.file.as_ref(), reporter).await?;
        let processor = &wasm.processor;
        let writes_model = processor.method != Method::Transform;
        let (mut output, mut model) = (None, None);
        if let Some(path) = &processor.output {
            output = Some(Target::resolve(agent, &spec.datasets, path, true).await?);
        }
        if let Some(path) = &processor.model {
            model = Some(Target::resolve(agent, &spec.datasets, path, writes_model).await?);
        }
        let wanted = Self {
            wasm,
            module,
            output,
            model,
            parameters: Value::Object(processor.parameters.0.clone()),
            read_as: read_as(processor),
            partition_bytes: positive(processor.partition_bytes).unwrap_or(PARTITION_BYTES),
            target_file_size: match &processor.output_options.target_file_size {
                Some(size) => quantity::bytes(size, "outputOptions.targetFileSize")?,
                None => TARGET_FILE_SIZE,
            },
        };
        wanted.check().map(|()| wanted)
    }

    fn check(&self) -> Result<(), Failure> {
        let (world, name) = (self.module.info.world, &self.wasm.module.name);
        let wrong = |message: String| Err(Failure::user(Reason::InvalidSpec, message));
        let method = self.wasm.processor.method;
        if method != Method::FitTransform && !world.aggregates() {
            return wrong(format!(
                "module {name} learns nothing, so method {method:?} does not apply: leave method out"
            ));
        }
        if self.applies() && self.output.is_none() {
            return wrong(format!("module {name} writes outputs: name a folder in processor.wasm.output"));
        }
        if !self.applies() && self.model_target().is_none() {
            return wrong("name a folder for the model in processor.wasm.model".to_owned());
        }
        if method == Method::Transform && !world.splits() && !world.transforms() {
            return wrong(format!(
                "module {name} only learns: there is nothing to apply with method Transform"
            ));
        }
        Ok(())
    }

    /// Whether outputs are written.
    pub(super) fn applies(&self) -> bool {
        let world = self.module.info.world;
        (world.splits() || world.transforms()) && self.wasm.processor.method != Method::Fit
    }

    /// Whether a model may be made and is to be published.
    pub(super) fn publishes_model(&self) -> bool {
        self.module.info.world.aggregates()
            && self.wasm.processor.method != Method::Transform
            && self.model_target().is_some()
    }

    /// Where the model goes: what only learns may have its result as the output.
    pub(super) fn model_target(&self) -> Option<&Target> {
        self.model.as_ref().or(self.output.as_ref().filter(|_| !self.applies()))
    }

    /// The folder that staging is in.
    pub(super) fn home(&self) -> Option<&Target> {
        if self.applies() { self.output.as_ref() } else { self.model_target() }
    }

    /// The outputs' format, as far as the input's names tell it.
    pub(super) fn output_format(&self, first: &str) -> Result<Option<OutputFormat>, Failure> {
        if !self.applies() {
            return Ok(None);
        }
        let format: FormatSpec = self.read_as.parse().map_err(millrace_data::input::InputError::from)?;
        let (input, _) = format.resolve(first).map_err(millrace_data::input::InputError::from)?;
        let options = &self.wasm.processor.output_options;
        let named = options.format.filter(|format| *format != InputFormat::Auto).map(word);
        let output = OutputFormat::parse(named, options.compression.as_deref(), input);
        output.map(Some).map_err(|message| Failure::user(Reason::InvalidSpec, message))
    }

    /// What decides the result; two runs with one key give the same bytes.
    pub(super) fn reuse_key(&self, frozen: &[Frozen], model: Option<&str>) -> Result<String, Failure> {
        let lists: Vec<_> = frozen.iter().map(|port| (port.port.clone(), port.list())).collect();
        let digests: Vec<_> = lists.iter().map(|(port, list)| (port.clone(), list.digest())).collect();
        let first =
            lists.first().and_then(|(_, list)| list.files.first()).map_or("", |file| file.path.as_str());
        let processor = &self.wasm.processor;
        let learns = self.module.info.world.aggregates();
        let (method, on_bad_row) = (format!("{:?}", processor.method), format!("{:?}", processor.on_bad_row));
        let key = ReuseKey {
            module: &self.wasm.module.digest,
            model,
            inputs: digests.iter().map(|(port, digest)| (port.as_str(), digest.as_str())).collect(),
            parameters: &self.parameters,
            method: learns.then_some(method.as_str()),
            seed: positive(Some(processor.seed)).unwrap_or(0),
            format: self.output_format(first)?,
            target_file_size: self.target_file_size,
            partition_bytes: self.partition_bytes,
            read_as: &self.read_as,
            on_bad_row: &on_bad_row,
            contract: CONTRACT,
            // Nothing says whether a state holds floating-point numbers; those that learn may.
            instruction_level: learns.then(crate::machine::instruction_level),
        };
        Ok(key.digest())
    }

    /// What a runner is told.
    pub(super) fn run_spec(
        &self,
        agent: &Agent,
        task: &NodeTaskSpec,
        stage: Stage,
        run: Prepared,
    ) -> Result<RunSpec, Failure> {
        let (world, processor) = (self.module.info.world, &self.wasm.processor);
        let mut ports = run.ports.into_iter().map(|(port, files)| InputSpec {
            files: files.into_iter().map(Into::into).collect(),
            // What the object says of the format is said of its main input.
            format: if port == "data" { self.read_as.clone() } else { "auto".to_owned() },
            partition_bytes: self.partition_bytes,
            port,
        });
        let input = ports.next().ok_or_else(|| Failure::internal("the run has no input"))?;
        let options = &processor.output_options;
        let mut spec = RunSpec {
            stage,
            parent: std::process::id(),
            confinement: Confinement::default(),
            module: self.module.compiled.clone(),
            guarantees: self.module.info.descriptor.guarantees.clone(),
            splits: world.splits(),
            aggregates: world.aggregates(),
            applies: world.splits() || world.transforms(),
            parts: run.parts,
            work: run.work,
            input,
            tables: ports.collect(),
            model: run.model,
            previous: run.previous,
            model_out: run.model_out,
            params: canonical_json(&self.parameters),
            seed: positive(Some(processor.seed)).unwrap_or(0),
            method: processor.method,
            on_bad_row: processor.on_bad_row,
            output: OutputSpec {
                format: options
                    .format
                    .filter(|format| *format != InputFormat::Auto)
                    .map(|format| word(format).to_owned()),
                compression: options.compression.clone(),
                target_file_size: self.target_file_size,
            },
            limits: limits(processor, run.deadline)?,
            threads: agent.config.threads.get(),
            share: share(task),
        };
        let bytes: u64 = spec.input.files.iter().map(|file| file.size).sum();
        if processor.limits.output_bytes.is_none() {
            spec.limits.output_bytes = bytes.saturating_mul(10).saturating_add(1 << 30);
        }
        spec.confinement = confinement(agent, &spec, run.writable);
        Ok(spec)
    }
}

/// What of a run is on this machine.
pub(super) struct Prepared {
    /// Files of each port, `data` first.
    pub(super) ports: Vec<(String, Vec<LocalFile>)>,
    pub(super) parts: PathBuf,
    pub(super) work: PathBuf,
    pub(super) model: Option<Vec<(String, PathBuf)>>,
    pub(super) previous: Vec<(String, PathBuf)>,
    pub(super) model_out: PathBuf,
    /// Staging folders.
    pub(super) writable: Vec<PathBuf>,
    /// What is left of the task's time.
    pub(super) deadline: Option<Duration>,
}

fn limits(processor: &WasmProcessor, left: Option<Duration>) -> Result<RunnerLimits, Failure> {
    let memory = processor
        .limits
        .memory
        .as_ref()
        .map(|memory| quantity::bytes(memory, "limits.memory"))
        .transpose()?;
    let output = processor
        .limits
        .output_bytes
        .as_ref()
        .map(|bytes| quantity::bytes(bytes, "limits.outputBytes"))
        .transpose()?;
    let own = positive(processor.limits.timeout_seconds).map_or(TIMEOUT, Duration::from_secs);
    let deadline = left.map_or(own, |left| left.min(own));
    Ok(RunnerLimits {
        memory_bytes: memory.unwrap_or(MEMORY_BYTES),
        deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        output_bytes: output.unwrap_or(0),
    })
}

fn share(task: &NodeTaskSpec) -> (u32, u32) {
    let unsigned = |number: i32| u32::try_from(number).unwrap_or(0);
    task.share.map_or((0, 1), |share| (unsigned(share.index), unsigned(share.of).max(1)))
}

fn positive(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

fn word(format: InputFormat) -> &'static str {
    match format {
        InputFormat::Auto => "auto",
        InputFormat::Csv => "csv",
        InputFormat::Tsv => "tsv",
        InputFormat::Jsonl => "jsonl",
        InputFormat::Parquet => "parquet",
        InputFormat::Npy => "npy",
    }
}

/// `csv,delimiter=comma,header=no`
fn read_as(processor: &WasmProcessor) -> String {
    let options = processor.format_options.iter().map(|(name, value)| match value.as_str() {
        "," => format!(",{name}=comma"),
        value => format!(",{name}={value}"),
    });
    format!("{}{}", word(processor.format), options.collect::<String>())
}

/// More files than this are let in by their folders: each rule is an open file for a moment.
const FILE_RULES: usize = 1_024;
/// Beside the module's own memory: code, stacks, batches, buffers of outputs.
const RUNNER_BYTES: u64 = 512 * MIB;
const THREAD_BYTES: u64 = 64 * MIB;

fn confinement(agent: &Agent, spec: &RunSpec, write: Vec<PathBuf>) -> Confinement {
    let files = spec.tables.iter().chain([&spec.input]).flat_map(|port| &port.files);
    let mut read: Vec<PathBuf> = files.map(|file| file.local.clone()).collect();
    if read.len() > FILE_RULES {
        let folders: HashSet<PathBuf> =
            read.iter().filter_map(|file| file.parent().map(Path::to_owned)).collect();
        read = outermost(folders);
    }
    read.push(spec.module.clone());
    let models = spec.model.iter().flatten().chain(&spec.previous);
    read.extend(models.map(|(_, path)| path.clone()));
    let threads = spec.threads as u64;
    let data = spec
        .limits
        .memory_bytes
        .saturating_add(RUNNER_BYTES)
        .saturating_add(threads.saturating_mul(THREAD_BYTES));
    // States are written beside the outputs, and are smaller than any sensible output limit or this.
    let file = spec.limits.output_bytes.max(256 * MIB).saturating_add(MIB);
    let limits = ResourceLimits { data_bytes: Some(data), cpu_seconds: None, file_bytes: Some(file) };
    Confinement { read, write, limits, require_all: agent.config.require_sandbox }
}

/// The folders that are in none of the others.
fn outermost(folders: HashSet<PathBuf>) -> Vec<PathBuf> {
    let is_inner = |folder: &Path| folder.ancestors().skip(1).any(|above| folders.contains(above));
    let mut outer: Vec<_> = folders.iter().filter(|folder| !is_inner(folder)).cloned().collect();
    outer.sort();
    outer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_inside_others_need_no_rule() {
        let folders = ["/a", "/a/b", "/a/b/c", "/ab", "/d/e"].map(PathBuf::from).into_iter().collect();
        assert_eq!(outermost(folders), ["/a", "/ab", "/d/e"].map(PathBuf::from));
    }

    #[test]
    fn format_options_are_written_as_the_reader_reads_them() {
        let options =
            [("delimiter", ","), ("header", "no")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let processor = WasmProcessor {
            format: InputFormat::Csv,
            format_options: options.into(),
            ..WasmProcessor::default()
        };
        assert_eq!(read_as(&processor), "csv,delimiter=comma,header=no");
        assert!(read_as(&processor).parse::<FormatSpec>().is_ok());
    }
}
