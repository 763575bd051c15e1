//! The manifests of a run, from what its shards came to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use millrace_data::list::FileList;
use millrace_data::manifest::{InputSummary, MANIFEST_VERSION, Manifest, ModuleSummary, PublishedFile};
use millrace_data::write::OutputFormat;
use millrace_engine::Guarantee;
use serde_json::Value;

use super::laws::{self, ClassTable, Totals};
use super::publish::Made;
use crate::failure::Failure;
use crate::runner::ShardResult;

/// What both manifests of a run say.
#[derive(Clone)]
pub(super) struct Facts {
    guarantees: Vec<Guarantee>,
    inputs: Vec<InputSummary>,
    module: ModuleSummary,
    model: Option<String>,
    method: Option<String>,
    parameters: Value,
    seed: u64,
    format: Option<OutputFormat>,
    on_bad_row: String,
    bad_rows: u64,
    key: String,
    applies: bool,
}

impl Facts {
    pub(super) fn of(made: &Made<'_>) -> Self {
        let (wanted, processor) = (made.wanted, &made.wanted.wasm.processor);
        let info = &wanted.module.info;
        let summary = |port: &str, list: FileList| InputSummary {
            port: port.to_owned(),
            digest: list.digest(),
            files: list.files,
        };
        Self {
            guarantees: info.descriptor.guarantees.clone(),
            inputs: made.frozen.iter().map(|port| summary(&port.port, port.list())).collect(),
            module: ModuleSummary {
                name: info.descriptor.name.clone(),
                version: info.descriptor.version.clone(),
                digest: wanted.wasm.module.digest.clone(),
            },
            model: made.model.digest.clone(),
            method: info.world.aggregates().then(|| format!("{:?}", processor.method)),
            parameters: wanted.parameters.clone(),
            seed: u64::try_from(processor.seed).unwrap_or(0),
            format: made.outcome.format,
            on_bad_row: format!("{:?}", processor.on_bad_row),
            bad_rows: made.outcome.bad_rows,
            key: made.key.clone(),
            applies: wanted.applies(),
        }
    }

    fn manifest(self) -> Manifest {
        Manifest {
            manifest_version: MANIFEST_VERSION,
            files: Vec::new(),
            outputs: BTreeMap::new(),
            inputs: self.inputs,
            module: self.module,
            model: self.model,
            method: self.method,
            parameters: self.parameters,
            seed: self.seed,
            format: None,
            on_bad_row: self.on_bad_row,
            bad_rows: self.bad_rows,
            engine: format!("millrace {}", env!("CARGO_PKG_VERSION")),
            instruction_level: crate::machine::instruction_level().to_owned(),
            guarantees: Vec::new(),
            reuse_key: self.key,
        }
    }

    /// The manifest of a model's folder.
    pub(super) fn model_manifest(&self, files: Vec<PublishedFile>) -> Manifest {
        Manifest { files, ..self.clone().manifest() }
    }

    /// The manifest of the outputs, if there are any; fails if they break what the module promises.
    pub(super) fn output_manifest(
        self,
        shards: Vec<ShardResult>,
        keys: &[PathBuf],
    ) -> Result<Option<Manifest>, Failure> {
        if !self.applies {
            return Ok(None);
        }
        let (mut parts, mut schemas, mut quarantined) = (Vec::new(), BTreeMap::new(), Vec::new());
        for shard in &shards {
            parts.extend(shard.parts.iter().cloned());
            quarantined.extend(shard.quarantine.clone());
            for (name, columns) in &shard.outputs {
                let known: &mut Vec<_> = schemas.entry(name.clone()).or_default();
                if known.is_empty() {
                    known.clone_from(columns);
                }
            }
        }
        let (mut files, mut outputs) = Manifest::summarise(parts, schemas);
        let totals: Totals = outputs.iter().map(|(name, output)| (name.clone(), output.rows)).collect();
        let classes = class_table(&shards);
        let guarantees = laws::check(&self.guarantees, &self.parameters, keys, &totals, classes.as_ref())?;
        for (class, rows) in classes.unwrap_or_default() {
            for (output, count) in rows {
                outputs.entry(output).or_default().rows_per_class.insert(class.clone(), count);
            }
        }
        files.extend(quarantined);
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let format = self.format;
        Ok(Some(Manifest { files, outputs, guarantees, format, ..self.manifest() }))
    }
}

/// The shards' tables as one; none if one shard has none.
fn class_table(shards: &[ShardResult]) -> Option<ClassTable> {
    let mut all = ClassTable::new();
    for shard in shards {
        for (class, rows) in shard.classes.as_ref()? {
            let sums = all.entry(class.clone()).or_default();
            for (output, count) in rows {
                *sums.entry(output.clone()).or_default() += count;
            }
        }
    }
    (!all.is_empty()).then_some(all)
}

/// Counts as the objects hold them.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
