//! One run as a runner sees it: module, input, plan, and what all threads share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use millrace_crds::data_processing::Method;
use millrace_data::format::FormatSpec;
use millrace_data::input::{Input, Partition, ReadOptions};
use millrace_data::outputs::Outputs;
use millrace_data::write::{Budget, OutputFormat};
use millrace_engine::{
    Instance, Limits, MemoryBudget, Module, RunContext, RunPlan, Shard, SideInput, SideTable,
};

use super::Outlet;
use super::keys;
use super::spec::{InputSpec, RunOutcome, RunSpec};
use super::table::Table;
use crate::failure::{self, Failure};

/// A run under way.
pub(super) struct Job<'a> {
    pub(super) spec: &'a RunSpec,
    pub(super) input: Input,
    pub(super) plan: RunPlan,
    pub(super) format: OutputFormat,
    pub(super) budget: Budget,
    pub(super) outlet: Outlet,
    pub(super) bad_rows: AtomicU64,
    pub(super) keys: keys::Pool,
    module: Module,
    tables: BTreeMap<String, Arc<dyn SideTable>>,
    limits: Limits,
    memory: MemoryBudget,
    deadline: Instant,
    counters: Mutex<BTreeMap<String, u64>>,
    rows: AtomicU64,
}

impl<'a> Job<'a> {
    /// Opens module and input and asks for the plan.
    pub(super) fn open(spec: &'a RunSpec, outlet: Outlet) -> Result<Self, Failure> {
        let limits = Limits {
            memory_bytes: spec.limits.memory_bytes,
            deadline: Duration::from_millis(spec.limits.deadline_ms),
            output_bytes: spec.limits.output_bytes,
            ..Limits::default()
        };
        let now = Instant::now();
        let (input, format) = open_input(spec)?;
        let tables =
            spec.tables.iter().map(|table| open_table(table, &spec.work)).collect::<Result<_, _>>()?;
        let mut job = Self {
            spec,
            input,
            plan: RunPlan { outputs: Vec::new(), columns: None, fit: false, prior: false },
            format,
            budget: Budget::new(limits.output_bytes, limits.output_files),
            outlet,
            bad_rows: AtomicU64::new(0),
            keys: keys::Pool::default(),
            module: Module::load(&spec.module)?,
            tables,
            memory: MemoryBudget::new(limits.memory_bytes),
            deadline: now.checked_add(limits.deadline).unwrap_or(now),
            limits,
            counters: Mutex::default(),
            rows: AtomicU64::new(0),
        };
        job.plan = job.ask_plan()?;
        Ok(job)
    }

    fn ask_plan(&self) -> Result<RunPlan, Failure> {
        let mut inputs = vec![(self.spec.input.port.clone(), self.input.schema())];
        inputs.extend(self.tables.iter().map(|(name, table)| (name.clone(), table.schema())));
        let mut instance = self.instance(Shard::default(), None, None)?;
        let mut plan = instance.plan(&self.spec.params, &inputs)?;
        if let Some(columns) = &mut plan.columns {
            let watched = super::tally::watched_columns(self.spec);
            columns.extend(watched.into_iter().filter(|name| self.input.schema().index_of(name).is_ok()));
            let mut seen = std::collections::BTreeSet::new();
            columns.retain(|name| seen.insert(name.clone()));
        }
        Ok(plan)
    }

    /// Whether a pass over the data comes first.
    pub(super) fn learns(&self) -> bool {
        // Applying a model may need to know what comes before each partition, which is a pass as well.
        self.spec.aggregates && self.plan.fit && (self.finalizes() || self.plan.prior)
    }

    /// Whether a model is made.
    pub(super) fn finalizes(&self) -> bool {
        self.spec.method != Method::Transform
    }

    /// Whether outputs are written.
    pub(super) fn applies(&self) -> bool {
        self.spec.applies && self.spec.method != Method::Fit
    }

    /// Starts an instance; `prior` is the file with the merged state of what comes before.
    pub(super) fn instance(
        &self,
        shard: Shard,
        prior: Option<&Path>,
        outputs: Option<Box<dyn Outputs>>,
    ) -> Result<Instance, Failure> {
        let context = RunContext {
            params: self.spec.params.clone(),
            seed: self.spec.seed,
            shard,
            side_inputs: self.side_inputs(prior)?,
            side_tables: self.tables.clone(),
            planned: self.plan.outputs.clone(),
            outputs,
            limits: self.limits.clone(),
            memory: self.memory.clone(),
            deadline: self.deadline,
            // The agent stops a run by ending this process.
            cancelled: Arc::default(),
            observer: Some(Box::new(self.outlet.clone())),
        };
        Ok(self.module.instantiate(context)?)
    }

    fn side_inputs(&self, prior: Option<&Path>) -> Result<BTreeMap<String, SideInput>, Failure> {
        let model = match &self.spec.model {
            Some(files) => files.clone(),
            None => model_files(&self.spec.model_out)?,
        };
        let named = |prefix: &'static str| {
            move |(name, path): &(String, PathBuf)| (format!("{prefix}/{name}"), path.clone())
        };
        let mut files: Vec<_> = model.iter().map(named("model")).collect();
        files.extend(self.spec.previous.iter().map(named("previous")));
        files.extend(prior.map(|path| ("prior".to_owned(), path.to_owned())));
        let open = |(name, path): (String, PathBuf)| match SideInput::open(&path) {
            Ok(input) => Ok((name, input)),
            Err(error) => Err(failure::io("open", &path, &error)),
        };
        files.into_iter().map(open).collect()
    }

    /// What a module is told of a partition.
    pub(super) fn shard_of(&self, partition: &Partition) -> Shard {
        Shard { index: partition.index, rows: None, bytes: None }
    }

    /// Bytes of the input per partition, for progress.
    pub(super) fn partition_bytes(&self) -> u64 {
        self.input.bytes() / (self.input.partitions().len() as u64).max(1)
    }

    /// Fails once the run's time is over.
    pub(super) fn check_going_on(&self) -> Result<(), Failure> {
        if Instant::now() >= self.deadline {
            return Err(failure::run_deadline(self.limits.deadline.as_secs()));
        }
        Ok(())
    }

    /// Adds what an instance counted.
    pub(super) fn count(&self, instance: &Instance) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in instance.counters() {
            let sum = counters.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*value);
        }
    }

    /// Says that a batch was read.
    pub(super) fn saw_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.outlet.advance(0, rows);
    }

    /// Shards as the plan alone tells; what is found in the data may make them fewer.
    pub(super) fn first_shards(&self) -> Result<u32, Failure> {
        let shards = self.shards(self.plan.outputs.len() as u64);
        u32::try_from(shards.len()).map_err(|_| Failure::internal("more than 2^32 shards"))
    }

    /// The partitions of each shard.
    pub(super) fn shards(&self, outputs: u64) -> Vec<std::ops::Range<u32>> {
        let partitions = u32::try_from(self.input.partitions().len()).unwrap_or(u32::MAX);
        let (partition_bytes, target) = (self.spec.input.partition_bytes, self.spec.output.target_file_size);
        millrace_data::input::shards(partitions, partition_bytes, outputs, target)
    }

    /// Whether shard or partition `number` is this task's.
    pub(super) fn is_mine(&self, number: u32) -> bool {
        let (index, of) = self.spec.share;
        number.checked_rem(of).is_none_or(|share| share == index)
    }

    /// What the stage found out.
    pub(super) fn outcome(&self, shards: u32) -> Result<RunOutcome, Failure> {
        Ok(RunOutcome {
            fit: self.learns(),
            shards,
            format: self.applies().then_some(self.format),
            bad_rows: self.bad_rows.load(Ordering::Relaxed),
            counters: self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            rows: self.rows.load(Ordering::Relaxed),
        })
    }
}

/// The files of a model in staging, in order of name; none if there is none (yet).
pub(super) fn model_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure::io("list", folder, &error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failure::io("list", folder, &error))?;
        files.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    files.sort();
    Ok(files)
}

fn read_options(spec: &InputSpec, scratch: &Path) -> Result<ReadOptions, Failure> {
    let format: FormatSpec = spec.format.parse().map_err(millrace_data::input::InputError::from)?;
    let options = ReadOptions::new(&spec.port, scratch.join("unpacked").join(&spec.port));
    Ok(ReadOptions { format, partition_bytes: spec.partition_bytes, ..options })
}

fn open_input(spec: &RunSpec) -> Result<(Input, OutputFormat), Failure> {
    let mut options = read_options(&spec.input, &spec.work)?;
    let Some(first) = spec.input.files.first() else {
        return Err(Failure::user(millrace_crds::Reason::SourceNotFound, "the input has no files"));
    };
    let (format, _) = options.format.resolve(&first.path).map_err(millrace_data::input::InputError::from)?;
    let output =
        OutputFormat::parse(spec.output.format.as_deref(), spec.output.compression.as_deref(), format)
            .map_err(|message| Failure::user(millrace_crds::Reason::InvalidSpec, message))?;
    options.convert = output.format != format;
    let files = spec.input.files.iter().cloned().map(Into::into).collect();
    Ok((Input::open(files, &options)?, output))
}

fn open_table(spec: &InputSpec, scratch: &Path) -> Result<(String, Arc<dyn SideTable>), Failure> {
    let options = read_options(spec, scratch)?;
    let files = spec.files.iter().cloned().map(Into::into).collect();
    let input = Input::open(files, &options).map_err(|error| Failure::from(error).at(&spec.port))?;
    Ok((spec.port.clone(), Arc::new(Table::new(input))))
}
