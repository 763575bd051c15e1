//! Reading a partition's batches, and settling its bad rows as the object says.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use millrace_crds::Reason;
use millrace_crds::data_processing::OnBadRow;
use millrace_data::batch::{BadRow, Batch, Source};
use millrace_data::input::Partition;
use millrace_engine::Instance;

use super::job::Job;
use crate::failure::Failure;

/// Takes the bad rows of one pass.
pub(super) trait BadRows {
    /// A row that is left out.
    fn take(&mut self, row: BadRow) -> Result<(), Failure>;
}

/// For a pass that another one follows, which meets the same rows again.
pub(super) struct Ignored;

impl BadRows for Ignored {
    fn take(&mut self, _row: BadRow) -> Result<(), Failure> {
        Ok(())
    }
}

/// Hands every batch of `partition` to `work`.
pub(super) fn each(
    job: &Job<'_>,
    partition: &Partition,
    forward: bool,
    instance: &mut Instance,
    bad: &mut dyn BadRows,
    mut work: impl FnMut(&mut Instance, &Arc<Batch>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for batch in job.input.read(partition, job.plan.columns.as_deref(), forward)? {
        job.check_going_on()?;
        let batch = Arc::new(batch?);
        settle(job, batch.bad.iter().cloned(), bad)?;
        if batch.rows() > 0 {
            work(instance, &batch).map_err(|failure| place(failure, &batch))?;
            let refused = instance.take_bad_rows();
            settle(job, refused.into_iter().map(|(row, message)| refused_row(&batch, row, message)), bad)?;
        }
        job.saw_rows(batch.rows() as u64);
    }
    job.outlet.advance(job.partition_bytes(), 0);
    Ok(())
}

fn settle(job: &Job<'_>, rows: impl Iterator<Item = BadRow>, bad: &mut dyn BadRows) -> Result<(), Failure> {
    for row in rows {
        if job.spec.on_bad_row == OnBadRow::Fail {
            return Err(Failure::user(Reason::BadRow, format!("{}: {}", row.place, row.message)));
        }
        bad.take(row)?;
    }
    Ok(())
}

/// A row that the module called bad.
fn refused_row(batch: &Batch, row: u32, message: String) -> BadRow {
    let bytes = match &batch.source {
        Source::Rows(rows) => {
            rows.spans.get(row as usize).and_then(|(start, end)| slice(&rows.bytes, *start, *end))
        }
        Source::Columns(_) | Source::Absent => None,
    };
    BadRow { place: batch.place(row as usize), message, bytes }
}

fn slice(bytes: &Bytes, start: u32, end: u32) -> Option<Bytes> {
    (start <= end && end as usize <= bytes.len()).then(|| bytes.slice(start as usize..end as usize))
}

/// Says where in the input a module failed.
fn place(failure: Failure, batch: &Batch) -> Failure {
    match failure.reason {
        Reason::ModuleTrapped | Reason::ModuleFailed | Reason::ProtocolViolation | Reason::InvalidInput => {
            failure.at(&format!("in the {} rows from {} on", batch.rows(), batch.place(0)))
        }
        _ => failure,
    }
}

/// Counts bad rows, for a pass that is the only one.
pub(super) struct Counted<'a>(pub(super) &'a Job<'a>);

impl BadRows for Counted<'_> {
    fn take(&mut self, _row: BadRow) -> Result<(), Failure> {
        self.0.bad_rows.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
