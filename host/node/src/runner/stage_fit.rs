//! Learning: a partial state per partition, and the left fold of them.
//!
//! States lie in the run's staging folder, so that several agents can share the work and so that
//! memory does not grow with the number of partitions.

use std::path::{Path, PathBuf};

use millrace_data::input::Partition;
use millrace_engine::{Instance, Shard};

use super::batches::{self, BadRows, Counted, Ignored};
use super::job::Job;
use super::threads;
use crate::failure::{self, Failure};

/// Writes the state of every partition of the share.
pub(super) fn fit(job: &Job<'_>) -> Result<(), Failure> {
    let partitions: Vec<_> =
        job.input.partitions().iter().filter(|partition| job.is_mine(partition.index)).collect();
    job.outlet.stage("fit", job.partition_bytes() * partitions.len() as u64);
    make_folder(&job.spec.work.join("partial"))?;
    threads::share(job.spec.threads, &partitions, |partition| fit_one(job, partition)).map(drop)
}

fn fit_one(job: &Job<'_>, partition: &Partition) -> Result<(), Failure> {
    let mut instance = job.instance(job.shard_of(partition), None, None)?;
    instance.open_aggregator()?;
    let (mut counted, mut ignored) = (Counted(job), Ignored);
    let bad: &mut dyn BadRows = if job.applies() { &mut ignored } else { &mut counted };
    batches::each(job, partition, false, &mut instance, bad, |instance, batch| Ok(instance.update(batch)?))?;
    let state = instance.partial()?;
    job.count(&instance);
    write(&partial(&job.spec.work, partition.index), &state)
}

/// Folds the states in partition order; writes what comes before each partition, and the model.
pub(super) fn merge(job: &Job<'_>) -> Result<(), Failure> {
    job.outlet.stage("merge", 0);
    make_folder(&job.spec.work.join("prior"))?;
    let mut state = opened(job)?;
    for partition in job.input.partitions() {
        job.check_going_on()?;
        if job.plan.prior {
            write(&prior(&job.spec.work, partition.index), &state.partial()?)?;
        }
        let path = partial(&job.spec.work, partition.index);
        let next = std::fs::read(&path).map_err(|error| failure::io("read", &path, &error))?;
        if partition.index == 0 {
            // The first state begins the fold; an empty one before it might change its last bits.
            state = job.instance(Shard::default(), None, None)?;
            state.restore_aggregator(&next)?;
        } else {
            state.merge(&next)?;
        }
    }
    if job.finalizes() { write_model(job, &mut state) } else { Ok(()) }
}

fn opened(job: &Job<'_>) -> Result<Instance, Failure> {
    let mut instance = job.instance(Shard::default(), None, None)?;
    instance.open_aggregator()?;
    Ok(instance)
}

fn write_model(job: &Job<'_>, state: &mut Instance) -> Result<(), Failure> {
    let folder = &job.spec.model_out;
    // What an earlier, stopped attempt left must not mix with this one.
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(failure::io("clear", folder, &error));
        }
        _ => make_folder(folder)?,
    }
    for (name, bytes) in state.finalize()? {
        write(&folder.join(name), &bytes)?;
    }
    job.count(state);
    Ok(())
}

/// Where the state of a partition is.
fn partial(work: &Path, partition: u32) -> PathBuf {
    work.join("partial").join(format!("{partition:08}"))
}

/// Where the merged state of what comes before a partition is.
pub(super) fn prior(work: &Path, partition: u32) -> PathBuf {
    work.join("prior").join(format!("{partition:08}"))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| failure::io("make", path, &error))
}

/// Writes under another name first, so that another agent never reads half of it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes)
        .and_then(|()| std::fs::rename(&new, path))
        .map_err(|error| failure::io("write", path, &error))
}
