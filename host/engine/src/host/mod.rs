//! The contract's imports: what a module may ask of the host. One file per interface.

mod context;
mod data;
mod kernels;

pub use kernels::{ChargedMoments, ChargedProjection};

use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime::{Engine, StoreContextMut};

use crate::bindings::api::HostApi;
use crate::bindings::api::millrace::processor::types::{self, Error};
use crate::lower::{self, ColumnBytes};
use crate::state::{HostBatch, TaskState, protocol};

impl types::Host for TaskState {}

/// All host functions, type-checked once.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<TaskState>> {
    let mut linker = Linker::new(engine);
    HostApi::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    replace_column_reads(&mut linker)?;
    Ok(linker)
}

type Pulled = (Result<ColumnBytes, Error>,);

/// The generated functions return `Vec<u8>`, which costs one copy more than lowering Arrow's own
/// buffers: 18-22 GB/s against 33-43.
fn replace_column_reads(linker: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut data = linker.instance("millrace:processor/data@0.1.0")?;
    data.func_wrap(
        "[method]batch.column",
        |store: StoreContextMut<'_, TaskState>, (batch, index): (Resource<HostBatch>, u32)| {
            Ok::<Pulled, _>((pull(store.data(), &batch, index, None)?,))
        },
    )?;
    data.func_wrap(
        "[method]batch.slice",
        |store: StoreContextMut<'_, TaskState>,
         (batch, index, start, count): (Resource<HostBatch>, u32, u32, u32)| {
            Ok::<Pulled, _>((pull(store.data(), &batch, index, Some((start, count)))?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Rows of a column; asking for what is not there ends the run.
fn pull(
    state: &TaskState,
    batch: &Resource<HostBatch>,
    index: u32,
    rows: Option<(u32, u32)>,
) -> wasmtime::Result<Result<ColumnBytes, Error>> {
    let columns = &state.table.get(batch)?.batch.columns;
    let Some(array) = columns.columns().get(index as usize) else {
        return Err(protocol(format!("column {index}, but the batch has {}", columns.num_columns())));
    };
    let (start, count) = rows.map_or((0, array.len()), |(start, count)| (start as usize, count as usize));
    if start.checked_add(count).is_none_or(|end| end > array.len()) {
        return Err(protocol(format!(
            "rows {start} to {start} + {count}, but the batch has {}",
            array.len()
        )));
    }
    let name =
        || columns.schema_ref().fields().get(index as usize).map_or("", |field| field.name()).to_owned();
    let pulled = lower::column(array, start, count);
    Ok(pulled.map_err(|message| Error::InvalidInput(format!("column {:?}: {message}", name()))))
}
