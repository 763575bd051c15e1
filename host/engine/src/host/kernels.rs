//! Interface `kernels`: the native kernels behind handles, their memory charged to the task.

use wasmtime::component::Resource;

use crate::bindings::api::millrace::processor::kernels::{Host, HostMoments, HostProjection, SumsOfProducts};
use crate::bindings::api::millrace::processor::types::{Column, Error};
use crate::kernels::{BadCell, KernelError, Moments, Projection, eigh};
use crate::memory::Charge;
use crate::state::{Answer, HostBatch, TaskState, protocol};

/// A kernel and the memory it holds.
pub struct Charged<T> {
    kernel: T,
    _charge: Charge,
}

/// Moments that the module has a handle to.
pub type ChargedMoments = Charged<Moments>;
/// A projection that the module has a handle to.
pub type ChargedProjection = Charged<Projection>;

impl Host for TaskState {
    fn eigh(&mut self, matrix: Vec<u8>, n: u32) -> Answer<Result<(Vec<u8>, Vec<u8>), Error>> {
        self.check_time()?;
        self.check_columns("eigh", n as usize)?;
        let matrix = doubles("eigh", &matrix)?;
        // The library's own copy, its vectors and work space.
        let _charge = self.charge(matrix.len() as u64 * 8 * 4)?;
        match eigh(&matrix, n as usize) {
            Ok((values, vectors)) => Ok(Ok((bytes(&values), bytes(&vectors)))),
            Err(KernelError::NoConvergence) => {
                Ok(Err(Error::Internal(KernelError::NoConvergence.to_string())))
            }
            Err(error) => Err(protocol(format!("eigh: {error}"))),
        }
    }
}

impl TaskState {
    fn check_columns(&self, kernel: &str, width: usize) -> Answer<()> {
        let limit = self.run.limits.kernel_columns;
        if width > limit {
            return Err(protocol(format!("{kernel}: {width} columns, at most {limit} are possible")));
        }
        Ok(())
    }

    fn note_bad_cells(&mut self, bad: Vec<BadCell>) -> Answer<()> {
        bad.into_iter().try_for_each(|cell| self.note_bad_row(cell.row, cell.message))
    }
}

/// The input's fault goes back to the module, which says it in its own words or passes it on.
fn reply<T>(result: Result<T, KernelError>) -> Result<T, Error> {
    result.map_err(|error| Error::InvalidInput(error.to_string()))
}

fn doubles(kernel: &str, bytes: &[u8]) -> Answer<Vec<f64>> {
    let (values, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(protocol(format!("{kernel}: {} bytes are no list of f64", bytes.len())));
    }
    Ok(values.iter().map(|value| f64::from_le_bytes(*value)).collect())
}

fn bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

impl HostMoments for TaskState {
    fn new(&mut self, columns: Vec<String>, shift: Vec<u8>) -> Answer<Resource<ChargedMoments>> {
        let shift = doubles("moments", &shift)?;
        self.check_columns("moments", shift.len())?;
        let charge = self.charge(Moments::bytes(shift.len()))?;
        self.give(Charged { kernel: Moments::new(columns, shift), _charge: charge })
    }

    fn add(
        &mut self,
        moments: Resource<ChargedMoments>,
        source: Resource<HostBatch>,
    ) -> Answer<Result<(), Error>> {
        self.check_time()?;
        let batch = std::sync::Arc::clone(&self.table.get(&source)?.batch);
        let added = self.table.get_mut(&moments)?.kernel.add(&batch.columns);
        match reply(added) {
            Ok(bad) => self.note_bad_cells(bad).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    fn take(&mut self, moments: Resource<ChargedMoments>) -> Answer<SumsOfProducts> {
        self.check_time()?;
        let sums = self.table.get_mut(&moments)?.kernel.take();
        Ok(SumsOfProducts { rows: sums.rows, sums: bytes(&sums.sums), gram: bytes(&sums.gram) })
    }

    fn drop(&mut self, moments: Resource<ChargedMoments>) -> Answer<()> {
        self.table.delete(moments).map(drop).map_err(Into::into)
    }
}

impl HostProjection for TaskState {
    fn new(
        &mut self,
        columns: Vec<String>,
        shift: Vec<u8>,
        weights: Vec<u8>,
        m: u32,
        single: bool,
    ) -> Answer<Resource<ChargedProjection>> {
        let (shift, weights) = (doubles("projection", &shift)?, doubles("projection", &weights)?);
        self.check_columns("projection", shift.len())?;
        self.check_columns("projection", m as usize)?;
        let charge = self.charge(Projection::bytes(shift.len(), m as usize))?;
        let kernel = Projection::new(columns, shift, weights, m as usize, single);
        let kernel = kernel.map_err(|error| protocol(format!("projection: {error}")))?;
        self.give(Charged { kernel, _charge: charge })
    }

    fn apply(
        &mut self,
        projection: Resource<ChargedProjection>,
        source: Resource<HostBatch>,
    ) -> Answer<Result<Column, Error>> {
        self.check_time()?;
        let batch = std::sync::Arc::clone(&self.table.get(&source)?.batch);
        let applied = self.table.get_mut(&projection)?.kernel.apply(&batch.columns);
        let projected = match reply(applied) {
            Ok(projected) => projected,
            Err(error) => return Ok(Err(error)),
        };
        let validity = validity(&projected.bad, batch.rows());
        self.note_bad_cells(projected.bad)?;
        Ok(Ok(Column { values: projected.values, offsets: None, validity }))
    }

    fn drop(&mut self, projection: Resource<ChargedProjection>) -> Answer<()> {
        self.table.delete(projection).map(drop).map_err(Into::into)
    }
}

/// All rows valid but the bad ones; none where there is no bad row.
fn validity(bad: &[BadCell], rows: usize) -> Option<Vec<u8>> {
    if bad.is_empty() {
        return None;
    }
    let mut bits = vec![0xff_u8; rows.div_ceil(8)];
    if let Some(last) = bits.last_mut()
        && !rows.is_multiple_of(8)
    {
        *last = (1 << (rows % 8)) - 1;
    }
    for cell in bad {
        if let Some(byte) = bits.get_mut(cell.row as usize / 8) {
            *byte &= !(1 << (cell.row % 8));
        }
    }
    Some(bits)
}
