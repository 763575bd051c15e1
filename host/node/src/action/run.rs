//! A module's run: all stages in one runner, or one stage of a run that several agents share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millrace_crds::NodeTask;
use millrace_crds::Reason;
use millrace_crds::data_processing::Method;
use millrace_crds::node_task::TaskResult;
use millrace_data::cache::Pinned;
use millrace_data::manifest::Manifest;
use millrace_data::publish::{Staging, check_vacant, find_reusable, read_manifest};

use super::inputs::{Frozen, FrozenLists};
use super::prepare::{Prepared, Wanted};
use super::target::{Target, mode};
use super::{clean, publish};
use crate::agent::{Agent, Reporter};
use crate::failure::{self, Failure};
use crate::runner::spec::{RunOutcome, RunSpec, Stage};
use crate::runner_process;

/// Every stage in one runner, then publication.
pub(super) async fn whole(
    agent: &Agent,
    task: &NodeTask,
    reporter: &Reporter,
    deadline: Option<Duration>,
) -> Result<TaskResult, Failure> {
    let wanted = Wanted::read(agent, &task.spec, reporter).await?;
    let frozen = freeze(agent, task, &wanted, None).await?;
    let model = Model::read(&wanted)?;
    let key = wanted.reuse_key(&frozen, model.digest.as_deref())?;
    if let Some(result) = reused(task, &wanted, &key)? {
        return Ok(result);
    }
    let made = async {
        let areas = Areas::open(task, &wanted, true)?;
        let (spec, _pins) =
            spec(agent, task, reporter, deadline, Stage::All, &wanted, &frozen, &model, &areas).await?;
        let outcome = runner_process::execute(agent, &spec, reporter).await?;
        let made = publish::Made { task, wanted: &wanted, frozen: &frozen, model, key, outcome };
        publish::publish(agent, made, areas, reporter).await
    };
    let made = made.await;
    if made.is_err() {
        // Nothing of a failed attempt is of use to the next one.
        if let Err(failure) = clean::clean(agent, task).await {
            tracing::warn!(message = failure.message, "the staging folder stays for the next sweep");
        }
    }
    made
}

/// One stage of a run that several agents share.
pub(super) async fn stage(
    agent: &Agent,
    task: &NodeTask,
    reporter: &Reporter,
    deadline: Option<Duration>,
    stage: Stage,
) -> Result<TaskResult, Failure> {
    let wanted = Wanted::read(agent, &task.spec, reporter).await?;
    refuse_remote(&wanted)?;
    let areas = Areas::open(task, &wanted, stage == Stage::Plan)?;
    let frozen = freeze(agent, task, &wanted, areas.read_lists(stage)?).await?;
    let model = Model::read(&wanted)?;
    if stage == Stage::Plan {
        let key = wanted.reuse_key(&frozen, model.digest.as_deref())?;
        if let Some(result) = reused(task, &wanted, &key)? {
            return Ok(result);
        }
        areas.write_lists(&frozen)?;
    }
    let (spec, _pins) =
        spec(agent, task, reporter, deadline, stage, &wanted, &frozen, &model, &areas).await?;
    let outcome = runner_process::execute(agent, &spec, reporter).await?;
    areas.note(stage, &task.spec.share.map_or(0, |share| share.index).to_string(), &outcome)?;
    Ok(result(&wanted, &outcome))
}

/// Agents that share a run exchange states through the output's own folder.
fn refuse_remote(wanted: &Wanted<'_>) -> Result<(), Failure> {
    match wanted.home() {
        Some(Target { remote: Some(_), seen, .. }) => {
            let message = format!(
                "{seen} is in a store, which several nodes cannot stage in together: set parallelism: 1"
            );
            Err(Failure::user(Reason::NotSupported, message))
        }
        _ => Ok(()),
    }
}

/// What all agents made becomes visible.
pub(super) async fn publish(
    agent: &Agent,
    task: &NodeTask,
    reporter: &Reporter,
) -> Result<TaskResult, Failure> {
    let wanted = Wanted::read(agent, &task.spec, reporter).await?;
    let areas = Areas::open(task, &wanted, false)?;
    let frozen = freeze(agent, task, &wanted, areas.read_lists(Stage::Apply)?).await?;
    let model = Model::read(&wanted)?;
    let key = wanted.reuse_key(&frozen, model.digest.as_deref())?;
    let outcome = areas.outcomes()?;
    let made = publish::Made { task, wanted: &wanted, frozen: &frozen, model, key, outcome };
    publish::publish(agent, made, areas, reporter).await
}

/// The ports' files: `data`, then those of `inputs` in the order of their names.
async fn freeze(
    agent: &Agent,
    task: &NodeTask,
    wanted: &Wanted<'_>,
    lists: Option<Vec<FrozenLists>>,
) -> Result<Vec<Frozen>, Failure> {
    let processor = &wanted.wasm.processor;
    let mut ports = vec![("data", processor.input.as_str())];
    ports.extend(processor.inputs.iter().map(|input| (input.name.as_str(), input.path.as_str())));
    let mut lists = lists.map(Vec::into_iter);
    let mut frozen = Vec::new();
    for (port, path) in ports {
        let given = lists.as_mut().and_then(Iterator::next);
        frozen.push(Frozen::freeze(agent, &task.spec.datasets, port, path, given).await?);
    }
    Ok(frozen)
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is one thing that a run depends on, and the caller keeps all of them"
)]
async fn spec(
    agent: &Agent,
    task: &NodeTask,
    reporter: &Reporter,
    deadline: Option<Duration>,
    stage: Stage,
    wanted: &Wanted<'_>,
    frozen: &[Frozen],
    model: &Model,
    areas: &Areas,
) -> Result<(RunSpec, Vec<Pinned>), Failure> {
    let (mut ports, mut pins) = (Vec::new(), Vec::new());
    for port in frozen {
        let (files, pinned) = port.bring(agent, reporter).await?;
        ports.push((port.port.clone(), files));
        pins.extend(pinned);
    }
    let run = Prepared {
        ports,
        parts: areas.home.parts(),
        work: areas.work(),
        model: model.files.clone(),
        previous: model.previous.clone(),
        model_out: areas.model_out(),
        writable: areas.folders(),
        deadline,
    };
    Ok((wanted.run_spec(agent, &task.spec, stage, run)?, pins))
}

fn result(wanted: &Wanted<'_>, outcome: &RunOutcome) -> TaskResult {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    TaskResult {
        fit: outcome.fit,
        splits: wanted.module.info.world.splits(),
        shards: i64::from(outcome.shards),
        bad_rows: signed(outcome.bad_rows),
        counters: outcome
            .counters
            .iter()
            .take(64)
            .map(|(name, count)| (name.clone(), signed(*count)))
            .collect(),
        ..TaskResult::default()
    }
}

/// What equal work published before, unless the object wants it done again.
fn reused(task: &NodeTask, wanted: &Wanted<'_>, key: &str) -> Result<Option<TaskResult>, Failure> {
    if task.spec.fresh {
        return Ok(None);
    }
    let mode = mode(wanted.wasm.processor.output_mode, &task.spec.operation.name);
    let mut outputs = Vec::new();
    let output = wanted.output.as_ref().filter(|_| wanted.applies());
    let model = wanted.model_target().filter(|_| wanted.publishes_model());
    for target in output.into_iter().chain(model) {
        // A store is asked when it is published to; then nothing is sent that is there already.
        if target.remote.is_some() {
            return Ok(None);
        }
        // Whoever published it may have been killed before its staging was gone.
        clean::sweep_dead(&target.folder)?;
        match find_reusable(&target.folder, &mode, key)? {
            Some(manifest) => outputs.extend(publish::statuses(target, &mode, &manifest)?),
            None => {
                // Better now than after an hour of work.
                check_vacant(&target.folder, &mode, key)?;
                return Ok(None);
            }
        }
    }
    Ok(Some(TaskResult {
        reused: true,
        outputs,
        splits: wanted.module.info.world.splits(),
        ..TaskResult::default()
    }))
}

/// The models that a run reads.
pub(super) struct Model {
    /// Of Transform: what is applied.
    pub(super) files: Option<Vec<(String, PathBuf)>>,
    /// Its digest.
    pub(super) digest: Option<String>,
    /// What was published at the model's place before.
    previous: Vec<(String, PathBuf)>,
}

impl Model {
    fn read(wanted: &Wanted<'_>) -> Result<Self, Failure> {
        let none = Self { files: None, digest: None, previous: Vec::new() };
        let Some(target) = &wanted.model else { return Ok(none) };
        if target.remote.is_some() && wanted.wasm.processor.method == Method::Transform {
            let message = format!("{} is in a store: models are read from local:// mounts", target.seen);
            return Err(Failure::user(Reason::NotSupported, message));
        }
        let manifest = read_manifest(&target.folder)?;
        if wanted.wasm.processor.method != Method::Transform {
            let previous = manifest.map(|manifest| files(target, &manifest)).unwrap_or_default();
            return Ok(Self { previous, ..none });
        }
        let Some(manifest) = manifest else {
            let message = format!(
                "{} holds no published model: run a step with method Fit or FitTransform and this model first",
                target.seen
            );
            return Err(Failure::user(Reason::ModelNotFound, message));
        };
        verify(target, &manifest, &wanted.wasm.module.name)?;
        let bytes = manifest.to_json().map_err(|error| Failure::internal(error.to_string()))?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        Ok(Self { files: Some(files(target, &manifest)), digest: Some(digest), ..none })
    }
}

fn files(target: &Target, manifest: &Manifest) -> Vec<(String, PathBuf)> {
    let own = manifest.files.iter().filter(|file| file.output.is_none());
    own.map(|file| (file.path.clone(), target.folder.join(&file.path))).collect()
}

/// Holds a model's files to its manifest.
fn verify(target: &Target, manifest: &Manifest, module: &str) -> Result<(), Failure> {
    if manifest.module.name != module {
        let message =
            format!("the model in {} was made by module {}, not {module}", target.seen, manifest.module.name);
        return Err(Failure::user(Reason::InvalidInput, message));
    }
    for file in &manifest.files {
        let path = target.folder.join(&file.path);
        let bytes = std::fs::read(&path).map_err(|error| failure::io("read", &path, &error))?;
        if blake3::hash(&bytes).to_hex().as_str() != file.blake3 {
            let message = format!(
                "{} is not the file that the model's manifest names: run the Fit step again",
                path.display()
            );
            return Err(Failure::user(Reason::CorruptInput, message));
        }
    }
    Ok(())
}

/// The staging folders of a run; as long as they are held, no sweep takes it for dead.
pub(super) struct Areas {
    pub(super) home: Staging,
    /// Of a model that is published beside outputs.
    pub(super) model: Option<Staging>,
    /// The model is all there is.
    only_model: bool,
}

impl Areas {
    /// Opens the staging of this attempt, emptied if `anew`.
    fn open(task: &NodeTask, wanted: &Wanted<'_>, anew: bool) -> Result<Self, Failure> {
        let uid = &task.spec.operation.uid;
        let epoch = u64::try_from(task.spec.epoch).unwrap_or(0);
        let home = wanted.home().ok_or_else(|| Failure::internal("the run has no output"))?;
        let open = |target: &Target| -> Result<Staging, Failure> {
            clean::sweep_dead(&target.folder)?;
            let staging = Staging::open(&target.folder, uid, epoch)?;
            refuse_outdated(&staging, epoch)?;
            if anew {
                empty(&staging)?
            }
            Ok(staging)
        };
        let beside = wanted.applies() && wanted.publishes_model();
        let model = wanted.model.as_ref().filter(|_| beside).map(open).transpose()?;
        Ok(Self { home: open(home)?, model, only_model: !wanted.applies() })
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// Where the model is written.
    pub(super) fn model_out(&self) -> PathBuf {
        match &self.model {
            Some(model) => model.parts(),
            None if self.only_model => self.home.parts(),
            None => self.work().join("model"),
        }
    }

    fn folders(&self) -> Vec<PathBuf> {
        [Some(&self.home), self.model.as_ref()]
            .into_iter()
            .flatten()
            .map(|staging| staging.path().to_owned())
            .collect()
    }

    /// Results of shards.
    pub(super) fn shards(&self) -> PathBuf {
        self.work().join("shards")
    }

    fn lists_path(&self) -> PathBuf {
        self.home.path().join(clean::SHARED)
    }

    fn write_lists(&self, frozen: &[Frozen]) -> Result<(), Failure> {
        let lists: Vec<FrozenLists> = frozen.iter().map(Frozen::lists).collect();
        write_json(&self.lists_path(), &lists)
    }

    /// What the Plan stage froze.
    fn read_lists(&self, stage: Stage) -> Result<Option<Vec<FrozenLists>>, Failure> {
        if stage == Stage::Plan { Ok(None) } else { read_json(&self.lists_path()).map(Some) }
    }

    fn note(&self, stage: Stage, share: &str, outcome: &RunOutcome) -> Result<(), Failure> {
        let name = format!("{stage:?}-{share}.json").to_lowercase();
        write_json(&self.home.path().join("outcomes").join(name), outcome)
    }

    /// What all stages found out, together.
    fn outcomes(&self) -> Result<RunOutcome, Failure> {
        let folder = self.home.path().join("outcomes");
        let entries = std::fs::read_dir(&folder).map_err(|error| failure::io("list", &folder, &error))?;
        let mut all = RunOutcome::default();
        for entry in entries.flatten() {
            let one: RunOutcome = read_json(&entry.path())?;
            all.format = all.format.or(one.format);
            all.fit |= one.fit;
            all.shards = all.shards.max(one.shards);
            all.bad_rows += one.bad_rows;
            all.rows += one.rows;
            for (name, count) in one.counters {
                *all.counters.entry(name).or_default() += count;
            }
        }
        Ok(all)
    }
}

/// A later attempt has begun: this one is not wanted any more.
fn refuse_outdated(staging: &Staging, epoch: u64) -> Result<(), Failure> {
    let siblings = staging.path().parent().and_then(|run| std::fs::read_dir(run).ok());
    let numbers = siblings.into_iter().flatten().flatten();
    let highest =
        numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok()).max().unwrap_or(0);
    if highest > epoch {
        let message = format!("this is try {epoch} of the work, and try {highest} has begun");
        return Err(Failure::new(Reason::NodeLost, millrace_crds::reason::Fault::Host, message));
    }
    Ok(())
}

/// Empties what an earlier, stopped process of this attempt left.
fn empty(staging: &Staging) -> Result<(), Failure> {
    let entries =
        std::fs::read_dir(staging.path()).map_err(|error| failure::io("list", staging.path(), &error))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|error| failure::io("remove", &path, &error))?;
    }
    for folder in [staging.parts(), staging.path().join("work"), staging.path().join("outcomes")] {
        std::fs::create_dir_all(&folder).map_err(|error| failure::io("make", &folder, &error))?;
    }
    Ok(())
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(value).map_err(|error| Failure::internal(error.to_string()))?;
    let new = path.with_extension("new");
    std::fs::write(&new, bytes)
        .and_then(|()| std::fs::rename(&new, path))
        .map_err(|error| failure::io("write", path, &error))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let bytes = std::fs::read(path).map_err(|error| failure::io("read", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::internal(format!("{}: {error}", path.display())))
}
