//! A side table: another input, read from its first row on each time it is opened.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millrace_data::input::Input;
use millrace_engine::{Batches, SideTable};

/// An input that a module reads as rows beside its own.
pub(super) struct Table(Arc<Input>);

impl Table {
    pub(super) fn new(input: Input) -> Self {
        Self(Arc::new(input))
    }
}

impl SideTable for Table {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn open(&self) -> Result<Batches, String> {
        let input = Arc::clone(&self.0);
        let count = input.partitions().len();
        let scans = (0..count).flat_map(move |number| {
            let scan = input.partitions().get(number).map(|partition| input.read(partition, None, false));
            let (batches, refused) = match scan {
                Some(Ok(batches)) => (Some(batches), None),
                Some(Err(error)) => (None, Some(Err(crate::failure::chain(&error)))),
                None => (None, None),
            };
            let read = batches.into_iter().flatten().map(|batch| match batch {
                // A table whose rows cannot all be read would give wrong answers silently.
                Ok(batch) => match batch.bad.first() {
                    Some(bad) => Err(format!("{}: {}", bad.place, bad.message)),
                    None => Ok(Arc::new(batch)),
                },
                Err(error) => Err(crate::failure::chain(&error)),
            });
            read.chain(refused)
        });
        Ok(Box::new(scans))
    }
}
