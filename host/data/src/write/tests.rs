//! Rows in by one format and out by another, or by the same, untouched.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};

use super::*;
use crate::csv::tests::{batches, open};
use crate::input::{Input, ReadOptions};
use crate::list::{LocalFile, Version};
use crate::outputs::{BAD, DROP, OutputError, Outputs};

/// A file that is in `folder` already, read so that rows can go to another format.
fn reopen(folder: &Path, name: &str, convert: bool) -> Input {
    let local = folder.join(name);
    let size = std::fs::metadata(&local).unwrap().len();
    let mut options = ReadOptions::new("data", folder.join("scratch"));
    options.convert = convert;
    Input::open(vec![LocalFile { path: name.into(), local, size, version: Version::None }], &options).unwrap()
}

fn writer(folder: &Path, format: OutputFormat, input: &Input) -> ShardWriter {
    ShardWriter::new(folder.join("out"), 0, format, Budget::new(1 << 30, 1 << 10), vec![input.layout()])
}

fn content(folder: &Path, part: &Part) -> Vec<u8> {
    std::fs::read(folder.join("out").join(&part.output).join(&part.file)).unwrap()
}

/// Copies `name` to one output of `format`; gives its bytes.
fn convert(folder: &Path, name: &str, format: OutputFormat) -> Vec<u8> {
    let input = reopen(folder, name, true);
    let mut out = writer(folder, format, &input);
    let all = out.open("all").unwrap();
    for batch in batches(&input, Some(&[])) {
        out.forward(all, &batch).unwrap();
    }
    let parts = out.finish().unwrap();
    assert_eq!(parts.len(), 1);
    content(folder, &parts[0])
}

const TABLE: &str = "n,x,t,b\n1,0.5,\"a \"\"quoted\"\", text\",true\n-2,1e300,,false\n,,\"\",\n";

#[test]
fn routed_lines_are_the_input_lines_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"\"a\",b\r\n1,x\r\n2,y\r\n3,\"z\nz\"\r\n4,w\r\n5,last";
    let input = open(folder.path(), &[("a.csv", text)], "auto", 1 << 20).unwrap();
    let mut out = writer(folder.path(), OutputFormat::plain(Format::Csv), &input);
    let targets = ["one", "two", "none"].map(|name| out.open(name).unwrap());
    let batch = &batches(&input, Some(&[]))[0];
    out.route(&targets, batch, &[1, 0, 0, DROP, 0]).unwrap();
    let error = out.route(&targets, batch, &[0, 0, 0, 7, 0]).unwrap_err();
    assert_eq!(error.to_string(), "a row is assigned to output 7 of 3");
    assert!(matches!(out.route(&targets, batch, &[BAD, 0]), Err(OutputError::Protocol(_))));
    drop(out);
    let mut out = writer(folder.path(), OutputFormat::plain(Format::Csv), &input);
    let targets = ["one", "two", "none"].map(|name| out.open(name).unwrap());
    out.route(&targets, batch, &[1, 0, 0, DROP, 0]).unwrap();
    let parts = out.finish().unwrap();
    assert_eq!(
        parts.iter().map(|part| (part.output.as_str(), part.rows)).collect::<Vec<_>>(),
        [("one", 3), ("two", 1)]
    );
    assert_eq!(content(folder.path(), &parts[0]), b"\"a\",b\r\n2,y\r\n3,\"z\nz\"\r\n5,last\r\n");
    assert_eq!(content(folder.path(), &parts[1]), b"\"a\",b\r\n1,x\r\n");
}

#[test]
fn taken_rows_come_in_the_order_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let input =
        open(folder.path(), &[("a.jsonl", b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}")], "auto", 1 << 20).unwrap();
    let mut out = writer(folder.path(), OutputFormat::plain(Format::JsonLines), &input);
    let some = out.open("some").unwrap();
    let batch = &batches(&input, None)[0];
    out.take(some, batch, &[2, 0, 2]).unwrap();
    assert!(matches!(out.take(some, batch, &[3]), Err(OutputError::Protocol(_))));
    let parts = out.finish().unwrap();
    assert_eq!(content(folder.path(), &parts[0]), b"{\"a\":3}\n{\"a\":1}\n{\"a\":3}\n");
}

#[test]
fn columns_are_replaced_and_appended_and_the_rest_stands() {
    let new = || -> Vec<(String, ArrayRef)> {
        let column = |values: [Option<i64>; 2]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
        vec![("score".into(), column([Some(7), None])), ("b".into(), column([Some(8), Some(9)]))]
    };
    for (name, text, expected) in [
        ("a.csv", "a,b\n\"x,\",1\ny,2\n", "a,b,score\n\"x,\",8,7\ny,9,\n"),
        (
            "a.jsonl",
            "{\"a\":[1, 2],\"b\":1}\n{\"c\":\"\\n\",\"b\":2}\n",
            "{\"a\":[1, 2],\"score\":7,\"b\":8}\n{\"c\":\"\\n\",\"score\":null,\"b\":9}\n",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let input = open(folder.path(), &[(name, text.as_bytes())], "auto", 1 << 20).unwrap();
        let mut out = writer(folder.path(), OutputFormat::plain(input.layout().format), &input);
        let all = out.open("all").unwrap();
        out.with_columns(all, &batches(&input, Some(&[]))[0], new()).unwrap();
        let parts = out.finish().unwrap();
        assert_eq!(String::from_utf8(content(folder.path(), &parts[0])).unwrap(), expected);
    }
}

#[test]
fn csv_survives_the_way_through_parquet() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), TABLE).unwrap();
    for packing in [Packing::None, Packing::Snappy, Packing::Gzip, Packing::Zstd] {
        let parquet = convert(folder.path(), "a.csv", OutputFormat { format: Format::Parquet, packing });
        std::fs::write(folder.path().join("b.parquet"), parquet).unwrap();
        let input = reopen(folder.path(), "b.parquet", false);
        let types: Vec<_> = input.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types, [DataType::Int64, DataType::Float64, DataType::Utf8, DataType::Boolean]);
        let back = convert(folder.path(), "b.parquet", OutputFormat::plain(Format::Csv));
        assert_eq!(String::from_utf8(back).unwrap(), TABLE);
    }
}

#[test]
fn values_become_json_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), TABLE).unwrap();
    let json = convert(folder.path(), "a.csv", OutputFormat::plain(Format::JsonLines));
    let lines: Vec<serde_json::Value> = json
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines[0], serde_json::json!({"n": 1, "x": 0.5, "t": "a \"quoted\", text", "b": true}));
    assert_eq!(lines[2], serde_json::json!({"n": null, "x": null, "t": "", "b": null}));
    std::fs::write(folder.path().join("b.jsonl"), json).unwrap();
    assert_eq!(
        String::from_utf8(convert(folder.path(), "b.jsonl", OutputFormat::plain(Format::Csv))).unwrap(),
        TABLE
    );
}

#[test]
fn packed_text_is_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&TABLE.as_bytes()[..20]).unwrap();
    let mut members = gzip.finish().unwrap();
    let mut second = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    second.write_all(&TABLE.as_bytes()[20..]).unwrap();
    members.extend(second.finish().unwrap());
    std::fs::write(folder.path().join("a.csv.gz"), &members).unwrap();
    std::fs::write(folder.path().join("a.csv.zst"), zstd::encode_all(TABLE.as_bytes(), 3).unwrap()).unwrap();
    for name in ["a.csv.gz", "a.csv.zst"] {
        let plain = convert(folder.path(), name, OutputFormat::plain(Format::Csv));
        assert_eq!(String::from_utf8(plain).unwrap(), TABLE, "{name}");
        for packing in [Packing::Gzip, Packing::Zstd] {
            let packed = convert(folder.path(), name, OutputFormat { format: Format::Csv, packing });
            let again = if packing == Packing::Gzip { "b.csv.gz" } else { "b.csv.zst" };
            std::fs::write(folder.path().join(again), packed).unwrap();
            assert_eq!(convert(folder.path(), again, OutputFormat::plain(Format::Csv)), TABLE.as_bytes());
        }
    }
}

#[test]
fn damaged_and_endless_archives_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bomb = zstd::encode_all(std::io::repeat(b'\n').take_bytes(8 << 20).as_slice(), 3).unwrap();
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let local = folder.path().join(name);
        std::fs::write(&local, bytes).unwrap();
        let file = LocalFile { path: name.into(), local, size: bytes.len() as u64, version: Version::None };
        let mut options = ReadOptions::new("data", folder.path().join("scratch"));
        options.unpacked_limit = 1 << 20;
        let error = Input::open(vec![file], &options).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("bomb.csv.zst", &bomb, "unpacks to more than");
    check("cut.csv.zst", &zstd::encode_all(TABLE.as_bytes(), 3).unwrap()[..20], "does not unpack");
    check("not.csv.gz", b"plain text", "does not unpack");
}

/// A little of an endless reader.
trait TakeBytes: std::io::Read + Sized {
    fn take_bytes(self, count: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut self.take(count), &mut bytes).unwrap();
        bytes
    }
}

impl<R: std::io::Read> TakeBytes for R {}

#[test]
fn parquet_is_cut_at_row_groups_and_a_damaged_file_is_an_error() {
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;
    let folder = tempfile::tempdir().unwrap();
    let column = Arc::new(Int64Array::from_iter_values(0..1000)) as ArrayRef;
    let rows = arrow::array::RecordBatch::try_from_iter([("a", column.clone()), ("b", column)]).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(100))
        .set_dictionary_enabled(false)
        .build();
    let mut bytes = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap();
    bytes.write(&rows).unwrap();
    let bytes = bytes.into_inner().unwrap();
    let input = open(folder.path(), &[("a.parquet", &bytes)], "auto", 5000).unwrap();
    assert!(input.partitions().len() > 2 && input.partitions().len() < 10, "{:?}", input.partitions());
    let mut expected = 0;
    for batch in batches(&input, Some(&["b".to_owned()])) {
        assert_eq!(batch.columns.num_columns(), 1);
        assert_eq!(batch.origin.first, expected as u64);
        for value in batch.columns.column(0).as_primitive::<Int64Type>().values() {
            assert_eq!(*value, expected);
            expected += 1;
        }
    }
    assert_eq!(expected, 1000);
    let error = open(folder.path(), &[("c.parquet", &bytes[..bytes.len() / 2])], "auto", 5000)
        .unwrap_err()
        .to_string();
    assert!(error.contains("c.parquet cannot be read: it is not whole Parquet"), "{error}");
}

#[test]
fn names_that_would_leave_the_output_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = open(folder.path(), &[("a.csv", b"a\nx\n")], "auto", 64).unwrap();
    let mut out = writer(folder.path(), OutputFormat::plain(Format::Csv), &input);
    for bad in [
        "",
        "../x",
        "a//b",
        "/a",
        ".hidden",
        "_millrace",
        "part-0",
        "a\nb",
        "a\\b",
        &"x".repeat(300),
        "a/b/c/d/e/f/g/h/i",
    ] {
        assert!(matches!(out.open(bad), Err(OutputError::Protocol(_))), "{bad:?}");
    }
    assert_eq!(out.open("ok/é 1").unwrap(), out.open("ok/é 1").unwrap());
}

#[test]
fn rows_that_do_not_fit_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let input = open(folder.path(), &[("a.csv", b"a,b\nx,1\n")], "auto", 64).unwrap();
    let mut out = writer(folder.path(), OutputFormat::plain(Format::Csv), &input);
    let output = out.open("o").unwrap();
    out.forward(output, &batches(&input, None)[0]).unwrap();
    let other =
        arrow::array::RecordBatch::try_from_iter([("z", Arc::new(Int64Array::from(vec![1])) as ArrayRef)])
            .unwrap();
    let error = out.write(output, other).unwrap_err();
    assert_eq!(error.to_string(), "rows with the columns z in an output that has a, b");
    let mut parquet = writer(folder.path(), OutputFormat::plain(Format::Parquet), &input);
    let output = parquet.open("p").unwrap();
    let error = parquet.forward(output, &batches(&input, None)[0]).unwrap_err();
    assert!(matches!(error, OutputError::Unsuitable(_)), "{error}");
}

#[test]
fn options_of_an_object_are_understood() {
    assert_eq!(OutputFormat::parse(None, None, Format::Parquet), Ok(OutputFormat::plain(Format::Parquet)));
    assert_eq!(OutputFormat::parse(Some("CSV"), Some("gzip"), Format::Npy).unwrap().extension(), "csv.gz");
    assert!(OutputFormat::parse(Some("xml"), None, Format::Csv).unwrap_err().contains("none of csv"));
    assert!(
        OutputFormat::parse(None, Some("snappy"), Format::Csv).unwrap_err().contains("none, gzip or zstd")
    );
    assert!(OutputFormat::parse(None, Some("gzip"), Format::Npy).unwrap_err().contains("only none"));
}
