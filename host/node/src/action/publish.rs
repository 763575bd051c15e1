//! From parts in staging to something that is there: gather, check, manifest, publish.

use std::path::{Path, PathBuf};

use millrace_crds::NodeTask;
use millrace_crds::common::{OutputStatus, Progress};
use millrace_crds::node_task::TaskResult;
use millrace_data::manifest::{Manifest, PublishedFile};
use millrace_data::publish::{OutputMode, Published, Staging, destination, publish_to_store};

use super::blocking;
use super::inputs::Frozen;
use super::manifest::{self, Facts};
use super::prepare::Wanted;
use super::run::{Areas, Model};
use super::target::{Target, mode};
use crate::agent::{Agent, Reporter};
use crate::failure::{self, Failure};
use crate::runner::spec::RunOutcome;
use crate::runner::{ShardResult, keys};

/// A run whose parts are all in staging.
pub(super) struct Made<'a> {
    pub(super) task: &'a NodeTask,
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) frozen: &'a [Frozen],
    pub(super) model: Model,
    pub(super) key: String,
    pub(super) outcome: RunOutcome,
}

/// Checks what the module promised and makes everything visible: the model first, so that whoever
/// sees the outputs can have the model they were made with.
pub(super) async fn publish(
    agent: &Agent,
    made: Made<'_>,
    areas: Areas,
    reporter: &Reporter,
) -> Result<TaskResult, Failure> {
    reporter.progress(Progress { stage: "publish".to_owned(), ..Progress::default() });
    let facts = Facts::of(&made);
    let (shards, model_out) = (areas.shards(), areas.model_out());
    let learnt = made.wanted.publishes_model() && made.outcome.fit;
    let (model_manifest, output_manifest) = blocking(move || {
        let model = if learnt { Some(facts.model_manifest(model_files(&model_out)?)) } else { None };
        let keys = files_of(&shards, keys::EXTENSION)?;
        let output = facts.output_manifest(read_shards(&shards)?, &keys)?;
        Ok((model, output))
    })
    .await?;
    let (home, model_area) = (areas.home, areas.model);
    let mode = mode(made.wanted.wasm.processor.output_mode, &made.task.spec.operation.name);
    let (mut outputs, mut created) = (Vec::new(), false);
    let (output_area, model_area) =
        if made.wanted.applies() { (Some(home), model_area) } else { (None, Some(home)) };
    let model = (model_area, model_manifest, made.wanted.model_target());
    let output = (output_area, output_manifest, made.wanted.output.as_ref());
    for place in [model, output] {
        let (Some(staging), Some(manifest), Some(target)) = place else { continue };
        let published = put(agent, made.task, target, staging, manifest, &mode).await?;
        let (manifest, new) = match published {
            Published::Created(manifest) => (manifest, true),
            Published::Reused(manifest) => (manifest, false),
        };
        created |= new;
        outputs.extend(statuses(target, &mode, &manifest)?);
    }
    // As a model is written before its outputs, outputs are listed first.
    outputs.sort_by_key(|output| output.port == "model");
    Ok(result(&made, outputs, created))
}

async fn put(
    agent: &Agent,
    task: &NodeTask,
    target: &Target,
    staging: Staging,
    manifest: Manifest,
    mode: &OutputMode,
) -> Result<Published, Failure> {
    if let Some(store) = &target.remote {
        let (parts, uid) = (staging.parts(), &task.spec.operation.uid);
        let epoch = u64::try_from(task.spec.epoch).unwrap_or(0);
        let published = publish_to_store(&parts, &manifest, store, mode, uid, epoch).await?;
        // What stays on this machine is the next sweep's.
        let _ = std::fs::remove_dir_all(staging.path());
        return Ok(published);
    }
    let (durable, mode) = (agent.config.durable, mode.clone());
    blocking(move || Ok(millrace_data::publish::publish(staging, &manifest, &mode, durable)?)).await
}

fn result(made: &Made<'_>, outputs: Vec<OutputStatus>, created: bool) -> TaskResult {
    TaskResult {
        fit: made.outcome.fit,
        splits: made.wanted.module.info.world.splits(),
        shards: i64::from(made.outcome.shards),
        bad_rows: manifest::signed(made.outcome.bad_rows),
        counters: made
            .outcome
            .counters
            .iter()
            .take(64)
            .map(|(name, count)| (name.clone(), manifest::signed(*count)))
            .collect(),
        outputs,
        // Work that was done again on purpose is no reuse, whatever was there.
        reused: !created && !made.task.spec.fresh,
        ..TaskResult::default()
    }
}

/// The files in `folder` with this extension; none if there is no such folder.
fn files_of(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure::io("list", folder, &error)),
    };
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect())
}

fn read_shards(folder: &Path) -> Result<Vec<ShardResult>, Failure> {
    let mut shards = Vec::new();
    for path in files_of(folder, "json")? {
        let bytes = std::fs::read(&path).map_err(|error| failure::io("read", &path, &error))?;
        let shard = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::internal(format!("{}: {error}", path.display())))?;
        shards.push(shard);
    }
    shards.sort_by_key(|shard: &ShardResult| shard.shard);
    Ok(shards)
}

fn model_files(folder: &Path) -> Result<Vec<PublishedFile>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| failure::io("list", folder, &error))?;
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let bytes = std::fs::read(&path).map_err(|error| failure::io("read", &path, &error))?;
        files.push(PublishedFile {
            path: entry.file_name().to_string_lossy().into_owned(),
            output: None,
            rows: None,
            bytes: bytes.len() as u64,
            blake3: blake3::hash(&bytes).to_hex().to_string(),
        });
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

/// What a status says of what was published at `target`: an entry per output, or one for a model.
pub(super) fn statuses(
    target: &Target,
    mode: &OutputMode,
    manifest: &Manifest,
) -> Result<Vec<OutputStatus>, Failure> {
    let bytes = manifest.to_json().map_err(|error| Failure::internal(error.to_string()))?;
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let folder = destination(Path::new(""), mode).to_string_lossy().into_owned();
    let entry = |port: &str, below: &str, files: usize, rows: u64, bytes: u64| {
        let below = [folder.as_str(), below]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("/");
        let path = format!("{}/{below}", target.seen).trim_end_matches('/').to_owned();
        OutputStatus {
            port: port.to_owned(),
            path,
            url: target.url(&below),
            dataset: None,
            files: i64::try_from(files).unwrap_or(i64::MAX),
            rows: manifest::signed(rows),
            bytes: manifest::signed(bytes),
            manifest: digest.clone(),
        }
    };
    if manifest.format.is_none() {
        let bytes = manifest.files.iter().map(|file| file.bytes).sum();
        return Ok(vec![entry("model", "", manifest.files.len(), 0, bytes)]);
    }
    let of = |name: &str| manifest.files.iter().filter(|file| file.output.as_deref() == Some(name)).count();
    let outputs = manifest
        .outputs
        .iter()
        .map(|(name, summary)| entry(name, name, of(name), summary.rows, summary.bytes));
    // An object stays small: the manifest has the rest.
    Ok(outputs.take(STATUSES).collect())
}

/// Outputs that a status lists; each takes about 300 bytes of an object that should stay below 64 KiB.
const STATUSES: usize = 128;
