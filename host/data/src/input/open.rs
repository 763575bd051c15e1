//! Opening all files of an input: one format, one schema.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;

use super::{FileReader, InputError, MappedFile, PortLayout, ReadOptions, TextFile, TextLayout, unpack};
use crate::columnar::ParquetFile;
use crate::csv::file::{CsvFile, Head, head};
use crate::csv::infer;
use crate::format::{Compression, Format};
use crate::jsonl::file::JsonFile;
use crate::list::LocalFile;
use crate::npy::file::NpyFile;

/// The files, and what they have in common.
pub(crate) struct Opened {
    pub(crate) layout: PortLayout,
    pub(crate) files: Vec<Arc<dyn FileReader>>,
}

/// Opens every file.
pub(crate) fn open(files: Vec<LocalFile>, options: &ReadOptions) -> Result<Opened, InputError> {
    let (format, compressions) = one_format(&files, options)?;
    match format {
        Format::Csv | Format::Tsv => csv(unpacked(files, &compressions, options)?, format, options),
        Format::JsonLines => json(unpacked(files, &compressions, options)?, options),
        Format::Parquet => parquet(unpacked(files, &compressions, options)?, options),
        Format::Npy => npy(unpacked(files, &compressions, options)?, options),
    }
}

fn one_format(files: &[LocalFile], options: &ReadOptions) -> Result<(Format, Vec<Compression>), InputError> {
    let mut all = None;
    let mut compressions = Vec::with_capacity(files.len());
    for file in files {
        let (format, compression) = options.format.resolve(&file.path)?;
        compressions.push(compression);
        match &all {
            None => all = Some((format, &file.path)),
            Some((first, _)) if *first == format => {}
            Some((first, path)) => {
                return Err(InputError::Mixed {
                    first: path.to_string(),
                    other: file.path.to_string(),
                    what: format!(
                        "one is {}, the other {}; set `format` or choose files of one format",
                        first.extension(),
                        format.extension()
                    ),
                });
            }
        }
    }
    let (format, _) = all.ok_or(InputError::Empty { files: 0 })?;
    Ok((format, compressions))
}

fn unpacked(
    files: Vec<LocalFile>,
    compressions: &[Compression],
    options: &ReadOptions,
) -> Result<Vec<LocalFile>, InputError> {
    files
        .into_iter()
        .zip(compressions)
        .map(|(file, compression)| unpack::unpack(file, *compression, options))
        .collect()
}

fn csv(files: Vec<LocalFile>, format: Format, options: &ReadOptions) -> Result<Opened, InputError> {
    let count = files.len();
    let mut first: Option<(Arc<str>, Head)> = None;
    let mut types = None;
    let mut readers: Vec<Arc<dyn FileReader>> = Vec::with_capacity(count);
    let longest = usize::try_from(options.longest_record).unwrap_or(usize::MAX);
    for file in files {
        let text = TextFile::new(MappedFile::new(file), options.partition_bytes);
        let (bytes, head) = look(&text, format, options)?;
        let Some(head) = head else {
            readers.push(Arc::new(nothing(text, longest)));
            continue;
        };
        let (name, common) = first.get_or_insert_with(|| (Arc::clone(&text.file.name), head.clone()));
        same_columns(name, common, &text.file.name, &head)?;
        if types.is_none() {
            let width = u32::try_from(head.names.len()).unwrap_or(u32::MAX);
            types = infer::types(&bytes, head.data_start, width, head.dialect, longest);
        }
        readers.push(Arc::new(CsvFile {
            text,
            dialect: head.dialect,
            data_start: head.data_start as u64,
            longest,
        }));
    }
    let (_, head) = first.ok_or(InputError::Empty { files: count })?;
    let layout = csv_layout(head, types, format, options);
    Ok(Opened { layout, files: readers })
}

fn look(text: &TextFile, format: Format, options: &ReadOptions) -> Result<(Bytes, Option<Head>), InputError> {
    if text.file.len() == 0 {
        return Ok((Bytes::new(), None));
    }
    let bytes = text.file.bytes()?;
    let head = head(&bytes, &text.file.name, format, &options.format)?;
    Ok((bytes, head))
}

/// A file with empty lines at most: all of it is before its first record.
fn nothing(text: TextFile, longest: usize) -> CsvFile {
    let data_start = text.file.len();
    let dialect = crate::csv::Dialect { delimiter: b',', quote: None, encoding: crate::csv::Encoding::Utf8 };
    CsvFile { text, dialect, data_start, longest }
}

fn same_columns(first: &str, common: &Head, other: &str, head: &Head) -> Result<(), InputError> {
    if common.names == head.names {
        return Ok(());
    }
    let differing = common.names.iter().zip(&head.names).find(|(left, right)| left != right);
    let what = match differing {
        Some((left, right)) => format!("where the first has the column `{left}`, the other has `{right}`"),
        None => format!("{} columns and {}", common.names.len(), head.names.len()),
    };
    Err(InputError::Mixed { first: first.to_owned(), other: other.to_owned(), what })
}

fn csv_layout(head: Head, types: Option<Vec<DataType>>, format: Format, options: &ReadOptions) -> PortLayout {
    let types = types.unwrap_or_else(|| vec![DataType::Utf8; head.names.len()]);
    let fields: Vec<_> = head
        .names
        .into_iter()
        .zip(types)
        .map(|(name, data_type)| Field::new(name, data_type, true))
        .collect();
    // Copied: the layout lives as long as the run, and must not hold the first file's mapping.
    let text = TextLayout {
        header: Bytes::copy_from_slice(&head.header),
        terminator: head.terminator,
        dialect: Some(head.dialect),
    };
    PortLayout {
        port: Arc::clone(&options.port),
        schema: Arc::new(Schema::new(fields)),
        format,
        text: Some(text),
    }
}

fn json(files: Vec<LocalFile>, options: &ReadOptions) -> Result<Opened, InputError> {
    let count = files.len();
    let longest = usize::try_from(options.longest_record).unwrap_or(usize::MAX);
    let mut fields = None;
    let mut readers: Vec<Arc<dyn FileReader>> = Vec::with_capacity(count);
    for file in files {
        let file = MappedFile::new(file);
        if fields.is_none() && file.len() > 0 {
            fields = crate::jsonl::infer::fields(&file.bytes()?);
        }
        readers.push(Arc::new(JsonFile { file, longest }));
    }
    let fields = fields.ok_or(InputError::Empty { files: count })?;
    let text = Some(TextLayout { header: Bytes::new(), terminator: "\n", dialect: None });
    let schema = Arc::new(Schema::new(fields));
    let layout = PortLayout { port: Arc::clone(&options.port), schema, format: Format::JsonLines, text };
    Ok(Opened { layout, files: readers })
}

fn parquet(files: Vec<LocalFile>, options: &ReadOptions) -> Result<Opened, InputError> {
    columnar(files, Format::Parquet, options, |file| {
        let file = ParquetFile::open(file)?;
        let schema = file.schema();
        Ok((schema, Arc::new(file)))
    })
}

fn npy(files: Vec<LocalFile>, options: &ReadOptions) -> Result<Opened, InputError> {
    columnar(files, Format::Npy, options, |file| {
        let file = NpyFile::open(file)?;
        let schema = file.schema();
        Ok((schema, Arc::new(file)))
    })
}

type Columnar = (SchemaRef, Arc<dyn FileReader>);

/// Files that say themselves which columns they have.
fn columnar(
    files: Vec<LocalFile>,
    format: Format,
    options: &ReadOptions,
    open: impl Fn(MappedFile) -> Result<Columnar, InputError>,
) -> Result<Opened, InputError> {
    let mut first: Option<(Arc<str>, SchemaRef)> = None;
    let mut readers = Vec::with_capacity(files.len());
    for file in files {
        let name = Arc::clone(&file.path);
        let (schema, reader) = open(MappedFile::new(file))?;
        let (path, common) = first.get_or_insert_with(|| (Arc::clone(&name), Arc::clone(&schema)));
        same_schema(path, common, &name, &schema)?;
        readers.push(reader);
    }
    let (_, schema) = first.ok_or(InputError::Empty { files: 0 })?;
    let layout = PortLayout { port: Arc::clone(&options.port), schema, format, text: None };
    Ok(Opened { layout, files: readers })
}

/// Columns must have the same names and types in the same order; what may be null may differ.
fn same_schema(first: &str, common: &SchemaRef, other: &str, schema: &SchemaRef) -> Result<(), InputError> {
    let differing = common
        .fields()
        .iter()
        .zip(schema.fields())
        .find(|(left, right)| left.name() != right.name() || left.data_type() != right.data_type());
    let what = match differing {
        Some((left, right)) => format!(
            "where the first has `{}` ({}), the other has `{}` ({})",
            left.name(),
            left.data_type(),
            right.name(),
            right.data_type()
        ),
        None if common.fields().len() == schema.fields().len() => return Ok(()),
        None => format!("{} columns and {}", common.fields().len(), schema.fields().len()),
    };
    Err(InputError::Mixed { first: first.to_owned(), other: other.to_owned(), what })
}
