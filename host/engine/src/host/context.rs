//! Interface `context`: parameters, side inputs, outputs, and what the module says of itself.

use wasmtime::component::Resource;

use crate::bindings::api::millrace::processor::context::{Host, Level, ShardInfo};
use crate::bindings::api::millrace::processor::types::{Error, Schema};
use crate::error::RunError;
use crate::log::{self, Line};
use crate::names;
use crate::schema::from_module;
use crate::state::{Answer, HostBlob, HostOutput, HostTable, TaskState, protocol};

impl Host for TaskState {
    fn params(&mut self) -> Answer<String> {
        Ok(self.run.params.clone())
    }

    fn seed(&mut self) -> Answer<u64> {
        Ok(self.run.seed)
    }

    fn shard(&mut self) -> Answer<ShardInfo> {
        let shard = self.run.shard;
        Ok(ShardInfo { index: shard.index, rows: shard.rows, bytes: shard.bytes })
    }

    fn open_output(
        &mut self,
        name: String,
        schema: Option<Schema>,
    ) -> Answer<Result<Resource<HostOutput>, Error>> {
        let known: Vec<_> = self.run.planned.iter().map(|(_, schema)| schema.clone()).collect();
        let schema = schema.map(|schema| from_module(&schema, &known)).transpose();
        let schema = schema.map_err(|what| protocol(format!("open-output {name:?}: {what}")))?;
        let id = self.open_output(&name, schema)?;
        Ok(Ok(self.give(HostOutput { id, name })?))
    }

    fn open_side_input(&mut self, name: String) -> Answer<Result<Option<Resource<HostBlob>>, Error>> {
        let Some(input) = self.run.side_inputs.get(&name).cloned() else { return Ok(Ok(None)) };
        Ok(Ok(Some(self.give(HostBlob(input))?)))
    }

    fn open_side_table(&mut self, name: String) -> Answer<Result<Resource<HostTable>, Error>> {
        let Some(table) = self.run.side_tables.get(&name).cloned() else {
            return Ok(Err(Error::InvalidInput(format!("there is no side table {:?}", self.cut(name)))));
        };
        let batches = table.open().map_err(|message| RunError::SideTable { name: name.clone(), message })?;
        Ok(Ok(self.give(HostTable { name, schema: table.schema(), batches })?))
    }

    fn bad_row(&mut self, row: u32, message: String) -> Answer<()> {
        self.note_bad_row(row, message)
    }

    fn cancelled(&mut self) -> Answer<bool> {
        Ok(self.run.cancelled.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn log(&mut self, level: Level, message: String) -> Answer<()> {
        let line = Line { level: level_of(level), message: self.cut(message) };
        let shown = line.clone();
        if self.log.push(line)
            && let Some(observer) = &mut self.run.observer
        {
            observer.log(shown.level, &shown.message);
        }
        Ok(())
    }

    fn progress(&mut self, done: f64, message: String) -> Answer<()> {
        let done = if done.is_nan() { 0.0 } else { done.clamp(0.0, 1.0) };
        let message = self.cut(message);
        if let Some(observer) = &mut self.run.observer {
            observer.progress(done, &message);
        }
        self.progress = Some((done, message));
        Ok(())
    }

    fn counter(&mut self, name: String, delta: u64) -> Answer<()> {
        names::length("counter", &name, &self.run.limits).map_err(protocol)?;
        let limit = self.run.limits.counters;
        if !self.counters.contains_key(&name) && self.counters.len() >= limit {
            return Err(RunError::Limit { what: "counters", limit: limit as u64 }.into());
        }
        let count = self.counters.entry(name).or_default();
        *count = count.saturating_add(delta);
        Ok(())
    }
}

fn level_of(level: Level) -> log::Level {
    match level {
        Level::Trace => log::Level::Trace,
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    }
}
