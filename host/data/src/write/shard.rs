//! The real [`Outputs`]: routes rows to the part files of one shard.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};

use super::OutputFormat;
use super::columns::{NpySink, ParquetSink};
use super::edit::Edit;
use super::part::{Budget, Part, PartFile};
use super::text::{Style, TextSink};
use super::values::{self, LineFormat};
use crate::batch::{Batch, RowBytes, Source};
use crate::format::Format;
use crate::input::PortLayout;
use crate::outputs::{BAD, DROP, OutputError, OutputId, Outputs};

/// Longest output name, in bytes, and most folders in it.
const NAME_BYTES: usize = 240;
const NAME_DEPTH: usize = 8;

/// Writes the outputs of one shard below a staging folder.
pub struct ShardWriter {
    staging: PathBuf,
    shard: u32,
    format: OutputFormat,
    budget: Budget,
    layouts: Vec<Arc<PortLayout>>,
    outputs: Vec<Output>,
    names: HashMap<String, OutputId>,
}

struct Output {
    name: String,
    sink: Option<Sink>,
}

enum Sink {
    Text(Box<TextSink>),
    Parquet(Box<ParquetSink>),
    Npy(Box<NpySink>),
}

impl std::fmt::Debug for ShardWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardWriter")
            .field("staging", &self.staging)
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}

impl ShardWriter {
    /// A writer for shard `shard`; `layouts` are those of the input ports whose rows may be moved.
    #[must_use]
    pub fn new(
        staging: impl Into<PathBuf>,
        shard: u32,
        format: OutputFormat,
        budget: Budget,
        layouts: Vec<Arc<PortLayout>>,
    ) -> Self {
        let (outputs, names) = (Vec::new(), HashMap::new());
        Self { staging: staging.into(), shard, format, budget, layouts, outputs, names }
    }

    /// Ends every part that got a row; in the order in which the outputs were opened.
    ///
    /// # Errors
    /// The last bytes could not be written.
    pub fn finish(self) -> Result<Vec<Part>, OutputError> {
        let sinks = self.outputs.into_iter().filter_map(|output| output.sink);
        sinks
            .map(|sink| match sink {
                Sink::Text(sink) => sink.finish(),
                Sink::Parquet(sink) => sink.finish(),
                Sink::Npy(sink) => sink.finish(),
            })
            .collect()
    }

    fn output(&mut self, id: OutputId) -> Result<&mut Output, OutputError> {
        let count = self.outputs.len();
        self.outputs
            .get_mut(id.0 as usize)
            .ok_or_else(|| OutputError::Protocol(format!("output number {} of {count}", id.0)))
    }

    fn layout(&self, port: &str) -> Option<&Arc<PortLayout>> {
        self.layouts.iter().find(|layout| &*layout.port == port)
    }

    /// The port whose rows are to pass through untouched.
    fn pass_through(&self, port: &str) -> Result<Arc<PortLayout>, OutputError> {
        let layout = self
            .layout(port)
            .ok_or_else(|| OutputError::Protocol(format!("rows of an unknown port `{port}`")))?;
        if layout.text.is_some() && layout.format == self.format.format {
            return Ok(Arc::clone(layout));
        }
        Err(OutputError::Unsuitable(format!(
            "rows of port `{port}` were read as lines of {} but are to be written as {}",
            layout.format.extension(),
            self.format.format.extension()
        )))
    }

    /// The part file of output `id`, for its first row.
    fn part(&mut self, id: OutputId) -> Result<PartFile, OutputError> {
        let (staging, shard, extension, budget) =
            (self.staging.clone(), self.shard, self.format.extension(), self.budget.clone());
        PartFile::create(&staging, &self.output(id)?.name, shard, &extension, &budget)
    }

    /// The text output `id`, begun with `style` if this is its first row.
    fn text(&mut self, id: OutputId, style: impl FnOnce() -> Style) -> Result<&mut TextSink, OutputError> {
        if self.output(id)?.sink.is_none() {
            let sink = TextSink::new(self.part(id)?, self.format, style())?;
            self.output(id)?.sink = Some(Sink::Text(Box::new(sink)));
        }
        let output = self.output(id)?;
        match &mut output.sink {
            Some(Sink::Text(sink)) => Ok(sink),
            _ => Err(OutputError::Protocol(format!("output `{}` is not text", output.name))),
        }
    }

    /// Rows that were made or decoded.
    fn columns(&mut self, id: OutputId, rows: &RecordBatch) -> Result<(), OutputError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        if self.output(id)?.sink.is_none() {
            let part = self.part(id)?;
            let sink = self.column_sink(part, rows)?;
            self.output(id)?.sink = Some(sink);
        }
        match &mut self.output(id)?.sink {
            Some(Sink::Text(sink)) => {
                sink.admit_names(&names(rows.schema_ref()))?;
                sink.columns(rows)
            }
            Some(Sink::Parquet(sink)) => sink.columns(rows),
            Some(Sink::Npy(sink)) => sink.columns(rows),
            None => Ok(()),
        }
    }

    /// What writes rows like `rows` in the run's format.
    fn column_sink(&self, part: PartFile, rows: &RecordBatch) -> Result<Sink, OutputError> {
        let format = self.format.format;
        Ok(match format {
            Format::Parquet => {
                Sink::Parquet(Box::new(ParquetSink::new(part, self.format.packing, rows.schema())?))
            }
            Format::Npy => Sink::Npy(Box::new(NpySink::new(part, rows.schema_ref())?)),
            Format::Csv | Format::Tsv | Format::JsonLines => {
                let own = self.layouts.iter().find(|layout| layout.format == format);
                let style = made_style(&names(rows.schema_ref()), format, own.map(Arc::as_ref));
                Sink::Text(Box::new(TextSink::new(part, self.format, style)?))
            }
        })
    }

    /// Whether rows of `source` go as they are: their bytes, and the output opened for them.
    fn raw<'a>(&mut self, id: OutputId, source: &'a Batch) -> Result<Option<&'a RowBytes>, OutputError> {
        match &source.source {
            Source::Rows(rows) => {
                let layout = self.pass_through(&source.port)?;
                let style = || raw_style(&layout);
                self.text(id, style)?.admit(&layout, style)?;
                Ok(Some(rows))
            }
            Source::Columns(_) => Ok(None),
            Source::Absent => Err(OutputError::Protocol("rows of a batch that was read without them".into())),
        }
    }

    /// Routes lines: neighbours that go to one output are copied in one piece.
    fn route_lines(
        &mut self,
        targets: &[OutputId],
        source: &Batch,
        rows: &RowBytes,
        assignment: &[u16],
    ) -> Result<(), OutputError> {
        self.admit_targets(targets, source, assignment)?;
        let mut lines = rows.spans.iter().zip(assignment).peekable();
        while let Some((span, target)) = lines.next() {
            let (start, mut end, mut count) = (span.0, span.1, 1);
            while let Some((next, _)) = lines.next_if(|(next, other)| *other == target && next.0 == end) {
                end = next.1;
                count += 1;
            }
            if let Some(Sink::Text(sink)) = self.target(targets, *target)? {
                sink.raw(rows.bytes.get(start as usize..end as usize).unwrap_or_default(), count)?;
            }
        }
        Ok(())
    }

    /// Opens every output that gets a row.
    fn admit_targets(
        &mut self,
        targets: &[OutputId],
        source: &Batch,
        assignment: &[u16],
    ) -> Result<(), OutputError> {
        let mut used = vec![false; targets.len()];
        for target in assignment {
            if let Some(used) = used.get_mut(usize::from(*target)) {
                *used = true;
            }
        }
        for (target, _) in targets.iter().zip(used).filter(|(_, used)| *used) {
            self.raw(*target, source)?;
        }
        Ok(())
    }

    #[inline]
    fn target(&mut self, targets: &[OutputId], target: u16) -> Result<Option<&mut Sink>, OutputError> {
        match targets.get(usize::from(target)) {
            Some(id) => Ok(self.outputs.get_mut(id.0 as usize).and_then(|output| output.sink.as_mut())),
            None if target == DROP || target == BAD => Ok(None),
            None => Err(OutputError::Protocol(format!(
                "a row is assigned to output {target} of {}",
                targets.len()
            ))),
        }
    }

    /// Routes decoded rows: one `take` per output.
    fn route_columns(
        &mut self,
        targets: &[OutputId],
        rows: &RecordBatch,
        assignment: &[u16],
    ) -> Result<(), OutputError> {
        let mut chosen: Vec<Vec<u32>> = vec![Vec::new(); targets.len()];
        for (row, target) in (0_u32..).zip(assignment) {
            match chosen.get_mut(usize::from(*target)) {
                Some(rows) => rows.push(row),
                None if *target == DROP || *target == BAD => {}
                None => {
                    return Err(OutputError::Protocol(format!(
                        "a row is assigned to output {target} of {}",
                        targets.len()
                    )));
                }
            }
        }
        for (target, chosen) in targets.iter().zip(chosen) {
            self.take_columns(*target, rows, chosen)?;
        }
        Ok(())
    }

    fn take_columns(
        &mut self,
        id: OutputId,
        rows: &RecordBatch,
        chosen: Vec<u32>,
    ) -> Result<(), OutputError> {
        if chosen.is_empty() {
            return Ok(());
        }
        let taken = take_record_batch(rows, &UInt32Array::from(chosen))
            .map_err(|error| OutputError::Protocol(error.to_string()))?;
        self.columns(id, &taken)
    }
}

impl Outputs for ShardWriter {
    fn open(&mut self, name: &str) -> Result<OutputId, OutputError> {
        if let Some(id) = self.names.get(name) {
            return Ok(*id);
        }
        check_name(name)?;
        let id = OutputId(
            u32::try_from(self.outputs.len())
                .map_err(|_| OutputError::Limit { what: "outputs", limit: u64::from(u32::MAX) })?,
        );
        self.outputs.push(Output { name: name.to_owned(), sink: None });
        self.names.insert(name.to_owned(), id);
        Ok(id)
    }

    fn write(&mut self, output: OutputId, rows: RecordBatch) -> Result<(), OutputError> {
        self.columns(output, &rows)
    }

    fn forward(&mut self, output: OutputId, source: &Batch) -> Result<(), OutputError> {
        match &source.source {
            Source::Columns(rows) => self.columns(output, rows),
            _ => self.route(&[output], source, &vec![0; source.rows()]),
        }
    }

    fn take(&mut self, output: OutputId, source: &Batch, rows: &[u32]) -> Result<(), OutputError> {
        if let Some(row) = rows.iter().find(|row| **row as usize >= source.rows()) {
            return Err(OutputError::Protocol(format!("row {row} of a batch of {}", source.rows())));
        }
        if let Source::Columns(columns) = &source.source {
            return self.take_columns(output, columns, rows.to_vec());
        }
        if rows.is_empty() {
            return Ok(());
        }
        let Some(lines) = self.raw(output, source)? else { return Ok(()) };
        let Some(Sink::Text(sink)) = &mut self.output(output)?.sink else { return Ok(()) };
        for (start, end) in rows.iter().filter_map(|row| lines.spans.get(*row as usize)) {
            sink.raw(lines.bytes.get(*start as usize..*end as usize).unwrap_or_default(), 1)?;
        }
        Ok(())
    }

    fn with_columns(
        &mut self,
        output: OutputId,
        source: &Batch,
        columns: Vec<(String, ArrayRef)>,
    ) -> Result<(), OutputError> {
        if let Some((name, column)) = columns.iter().find(|(_, column)| column.len() != source.rows()) {
            let what = format!("column `{name}` has {} rows for a batch of {}", column.len(), source.rows());
            return Err(OutputError::Protocol(what));
        }
        match &source.source {
            Source::Columns(rows) => self.columns(output, &replaced(rows, columns)?),
            Source::Rows(rows) => self.edit(output, source, rows, columns),
            Source::Absent => Err(OutputError::Protocol("rows of a batch that was read without them".into())),
        }
    }

    fn route(&mut self, targets: &[OutputId], source: &Batch, assignment: &[u16]) -> Result<(), OutputError> {
        if assignment.len() != source.rows() {
            let what = format!("{} assignments for a batch of {} rows", assignment.len(), source.rows());
            return Err(OutputError::Protocol(what));
        }
        match &source.source {
            Source::Rows(rows) => self.route_lines(targets, source, rows, assignment),
            Source::Columns(rows) => self.route_columns(targets, rows, assignment),
            Source::Absent => Err(OutputError::Protocol("rows of a batch that was read without them".into())),
        }
    }
}

impl ShardWriter {
    fn edit(
        &mut self,
        id: OutputId,
        source: &Batch,
        rows: &RowBytes,
        columns: Vec<(String, ArrayRef)>,
    ) -> Result<(), OutputError> {
        if rows.spans.is_empty() {
            return Ok(());
        }
        let layout = self.pass_through(&source.port)?;
        let new: Vec<_> = columns.iter().map(|(name, _)| name.clone()).collect();
        let dialect = layout.text.as_ref().and_then(|text| text.dialect);
        let edit = Edit::new(&names(&layout.schema), &new, dialect);
        let columns =
            RecordBatch::try_from_iter(columns).map_err(|error| OutputError::Protocol(error.to_string()))?;
        let sink = self.text(id, || made_style(edit.names(), layout.format, Some(&layout)))?;
        sink.admit_names(edit.names())?;
        sink.edited(rows, &edit, &columns)
    }
}

/// `rows` with `columns` in the place of those of their names, or behind.
fn replaced(rows: &RecordBatch, columns: Vec<(String, ArrayRef)>) -> Result<RecordBatch, OutputError> {
    let schema = rows.schema();
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    let mut arrays = rows.columns().to_vec();
    for (name, column) in columns {
        let field = Arc::new(Field::new(&name, column.data_type().clone(), true));
        match (schema.index_of(&name).ok())
            .and_then(|place| Some((fields.get_mut(place)?, arrays.get_mut(place)?)))
        {
            Some((old, array)) => (*old, *array) = (field, column),
            None => {
                fields.push(field);
                arrays.push(column);
            }
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| OutputError::Protocol(error.to_string()))
}

fn names(schema: &SchemaRef) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// Lines of a port pass through: its own header, verbatim.
fn raw_style(layout: &PortLayout) -> Style {
    let mut style = made_style(&names(&layout.schema), layout.format, Some(layout));
    if let Some(text) = &layout.text {
        style.header = text.header.to_vec();
    }
    style
}

/// Lines that are made, in the dialect of `like` where there is one.
fn made_style(names: &[String], format: Format, like: Option<&PortLayout>) -> Style {
    let text = like.and_then(|layout| layout.text.as_ref());
    let usual = if format == Format::Tsv { b'\t' } else { b',' };
    let delimiter = text.and_then(|text| text.dialect).map_or(usual, |dialect| dialect.delimiter);
    let terminator = text.map_or("\n", |text| text.terminator);
    let headless = text.is_some_and(|text| text.dialect.is_some() && text.header.is_empty());
    let (lines, header) = match format {
        Format::JsonLines => (LineFormat::Json, Vec::new()),
        _ if headless => (LineFormat::Delimited(delimiter), Vec::new()),
        _ => (LineFormat::Delimited(delimiter), values::header(names, delimiter, terminator)),
    };
    Style { lines, terminator, header, names: names.to_vec() }
}

/// An output's name becomes folders below the output path.
fn check_name(name: &str) -> Result<(), OutputError> {
    let wrong =
        |what: &str| Err(OutputError::Protocol(format!("output name `{}` {what}", name.escape_debug())));
    if name.len() > NAME_BYTES {
        return wrong(&format!("is longer than {NAME_BYTES} bytes"));
    }
    if name.split('/').count() > NAME_DEPTH {
        return wrong(&format!("has more than {NAME_DEPTH} levels"));
    }
    for segment in name.split('/') {
        if segment.is_empty() || segment.starts_with(['.', '_']) || segment.starts_with("part-") {
            return wrong("has a part that is empty or begins with `.`, `_` or `part-`");
        }
        if segment.chars().any(|character| character.is_control() || character == '\\') {
            return wrong("has a control character or a backslash");
        }
    }
    Ok(())
}
