//! Applying: every shard of the share, its rows to part files in staging.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_data::input::Partition;
use millrace_data::outputs::{OutputId, Outputs};
use millrace_data::write::ShardWriter;
use millrace_engine::Instance;

use super::batches;
use super::job::Job;
use super::stage_fit::{prior, write};
use super::tally::{ShardResult, SharedTally, Tally};
use super::threads;
use crate::failure::{self, Failure};

/// Does the share's shards; the number of all shards.
pub(super) fn apply(job: &Job<'_>) -> Result<u32, Failure> {
    let names = output_names(job)?;
    let shards = job.shards(names.len() as u64);
    let count = u32::try_from(shards.len()).map_err(|_| Failure::internal("more than 2^32 shards"))?;
    let mine: Vec<_> = (0..count).zip(shards).filter(|(number, _)| job.is_mine(*number)).collect();
    let bytes =
        mine.iter().map(|(_, shard)| u64::from(shard.end - shard.start) * job.partition_bytes()).sum();
    job.outlet.stage(if job.spec.splits { "assign" } else { "transform" }, bytes);
    let folder = job.spec.work.join("shards");
    std::fs::create_dir_all(&folder).map_err(|error| failure::io("make", &folder, &error))?;
    threads::share(job.spec.threads, &mine, |(number, shard)| apply_shard(job, *number, shard, &names))?;
    job.keys.write(&folder, job.spec.share.0).map_err(|error| failure::io("write", &folder, &error))?;
    Ok(count)
}

/// The outputs' names: a splitter's from its model, else those of the plan.
fn output_names(job: &Job<'_>) -> Result<Vec<String>, Failure> {
    if !job.spec.splits {
        return Ok(job.plan.outputs.iter().map(|(name, _)| name.clone()).collect());
    }
    let first = job.input.partitions().first();
    let before = first.filter(|_| job.plan.prior).map(|partition| prior(&job.spec.work, partition.index));
    let shard = first.map(|partition| job.shard_of(partition)).unwrap_or_default();
    Ok(job.instance(shard, before.as_deref(), None)?.open_splitter()?)
}

fn apply_shard(job: &Job<'_>, number: u32, shard: &Range<u32>, names: &[String]) -> Result<(), Failure> {
    let writer =
        ShardWriter::new(&job.spec.parts, number, job.format, job.budget.clone(), vec![job.input.layout()]);
    let tally = Tally::new(job.spec, number, writer, &job.input.schema(), names, job.keys.take())?;
    let tally = Arc::new(Mutex::new(tally));
    let partitions = job.input.partitions().get(shard.start as usize..shard.end as usize).unwrap_or_default();
    for partition in partitions {
        let applied = apply_partition(job, partition, &tally, names);
        // A writer can only say that it stopped; the tally knows why it made it stop.
        applied.map_err(|failure| locked(&tally).take_broken().unwrap_or(failure))?;
    }
    let tally = Arc::into_inner(tally).ok_or_else(|| Failure::internal("an instance kept its outputs"))?;
    let (result, keys) = tally.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
    job.keys.give(keys);
    job.bad_rows.fetch_add(result.bad_rows, std::sync::atomic::Ordering::Relaxed);
    note(job, &result)
}

fn apply_partition(
    job: &Job<'_>,
    partition: &Partition,
    tally: &Arc<Mutex<Tally>>,
    names: &[String],
) -> Result<(), Failure> {
    let before = job.plan.prior.then(|| prior(&job.spec.work, partition.index));
    let outputs = (!job.spec.splits).then(|| Box::new(SharedTally(Arc::clone(tally))) as Box<dyn Outputs>);
    let mut instance = job.instance(job.shard_of(partition), before.as_deref(), outputs)?;
    match job.spec.splits {
        true => split(job, partition, &mut instance, tally, names)?,
        false => transform(job, partition, &mut instance, tally)?,
    }
    job.count(&instance);
    Ok(())
}

fn split(
    job: &Job<'_>,
    partition: &Partition,
    instance: &mut Instance,
    tally: &Mutex<Tally>,
    names: &[String],
) -> Result<(), Failure> {
    if instance.open_splitter()? != names {
        let message = "the splitter named other outputs for another partition";
        return Err(millrace_engine::RunError::Protocol(message.to_owned()).into());
    }
    let mut targets: Vec<OutputId> = Vec::with_capacity(names.len());
    for name in names {
        targets.push(locked(tally).open(name)?);
    }
    batches::each(job, partition, true, instance, &mut &*tally, |instance, batch| {
        let assignment = instance.assign(batch)?;
        Ok(locked(tally).route(&targets, batch, &assignment)?)
    })
}

fn transform(
    job: &Job<'_>,
    partition: &Partition,
    instance: &mut Instance,
    tally: &Mutex<Tally>,
) -> Result<(), Failure> {
    instance.open_transformer()?;
    batches::each(job, partition, true, instance, &mut &*tally, |instance, batch| {
        Ok(instance.process(batch)?)
    })?;
    instance.finish()?;
    // The instance's hold on the outputs ends here, not when it is dropped by chance.
    drop(instance.take_outputs());
    Ok(())
}

pub(super) fn locked(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes down what a shard came to, for whoever publishes.
fn note(job: &Job<'_>, result: &ShardResult) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(result).map_err(|error| Failure::internal(error.to_string()))?;
    write(&job.spec.work.join("shards").join(format!("{:08}.json", result.shard)), &bytes)
}
