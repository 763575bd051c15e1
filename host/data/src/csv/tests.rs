//! CSV as a whole: the same records and values as the `csv` crate, whatever the partitions.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use proptest::prelude::*;

use crate::batch::{Batch, Source};
use crate::input::{Input, InputError, ReadOptions};
use crate::list::{LocalFile, Version};

/// Writes `files` into `folder` and opens them.
pub(crate) fn open(
    folder: &std::path::Path,
    files: &[(&str, &[u8])],
    format: &str,
    window: u64,
) -> Result<Input, InputError> {
    let files = files
        .iter()
        .map(|(name, bytes)| {
            let local = folder.join(name);
            std::fs::File::create(&local).unwrap().write_all(bytes).unwrap();
            LocalFile { path: Arc::from(*name), local, size: bytes.len() as u64, version: Version::None }
        })
        .collect();
    let mut options = ReadOptions::new("data", folder.join("scratch"));
    options.format = format.parse().unwrap();
    options.partition_bytes = window;
    Input::open(files, &options)
}

/// Every batch of every partition.
pub(crate) fn batches(input: &Input, columns: Option<&[String]>) -> Vec<Batch> {
    let read = |partition| input.read(partition, columns, true).unwrap().map(Result::unwrap);
    input.partitions().iter().flat_map(read).collect()
}

/// The rows as text, and the raw bytes of all rows; bad rows as place and message.
fn table(batches: &[Batch]) -> (Vec<Vec<Option<String>>>, Vec<u8>, Vec<String>) {
    let (mut rows, mut raw, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for batch in batches {
        let shown: Vec<_> = batch
            .columns
            .columns()
            .iter()
            .map(|column| arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).unwrap())
            .collect();
        for row in 0..batch.rows() {
            let value = |column: &Arc<dyn Array>| {
                column.is_valid(row).then(|| column.as_string::<i32>().value(row).to_owned())
            };
            rows.push(shown.iter().map(value).collect());
        }
        if let Source::Rows(lines) = &batch.source {
            lines
                .spans
                .iter()
                .for_each(|(start, end)| raw.extend_from_slice(&lines.bytes[*start as usize..*end as usize]));
        }
        bad.extend(batch.bad.iter().map(|row| format!("{}: {}", row.place, row.message)));
    }
    (rows, raw, bad)
}

fn read(bytes: &[u8], format: &str, window: u64) -> (Vec<Vec<Option<String>>>, Vec<u8>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    table(&batches(&open(folder.path(), &[("a.csv", bytes)], format, window).unwrap(), None))
}

fn row(values: &[Option<&str>]) -> Vec<Option<String>> {
    values.iter().map(|value| value.map(str::to_owned)).collect()
}

#[test]
fn line_ends_marks_and_missing_terminators() {
    let expected = vec![row(&[Some("x"), Some("1")]), row(&[Some("y"), None])];
    for text in ["a,b\nx,1\ny,\n", "a,b\r\nx,1\r\n\r\ny,", "\u{feff}a,b\n\nx,1\ny,\n\n\n"] {
        let (rows, _, bad) = read(text.as_bytes(), "csv", 64);
        assert_eq!((rows, bad), (expected.clone(), vec![]), "{text:?}");
    }
}

#[test]
fn bad_rows_are_left_out_with_their_place() {
    let text = b"a,b\n1,x\n2\n3,x,y\n4,\"z\n\n\"\n5,a\"b\"\nsix,x\n7,\xff\n8,x\n9,\"open\n";
    let (rows, raw, bad) = read(text, "csv", 1 << 20);
    // `six` among the first 8 MiB makes the column text; the others are bad for themselves.
    assert_eq!(rows.len(), 4);
    assert_eq!(raw, b"1,x\n4,\"z\n\n\"\nsix,x\n8,x\n");
    assert_eq!(bad.len(), 5);
    assert_eq!(bad[0], "a.csv, byte 8: 1 fields, expected 2");
    assert_eq!(bad[1], "a.csv, byte 10: 3 fields, expected 2");
    assert!(bad[2].starts_with("a.csv, byte 24: a quote inside"), "{}", bad[2]);
    assert!(bad[3].starts_with("a.csv, byte 37: not UTF-8"), "{}", bad[3]);
    assert!(bad[4].starts_with("a.csv, byte 45: a quote is opened"), "{}", bad[4]);
}

#[test]
fn what_fails_after_the_sample_is_a_bad_row() {
    let mut text = b"n,t\n".to_vec();
    while text.len() < super::infer::SAMPLE + 100 {
        text.extend_from_slice(b"12345,some words that make the sample fill up faster\n");
    }
    let place = text.len();
    text.extend_from_slice(b"twelve,x\n7,x\n");
    let (rows, _, bad) = read(&text, "csv", 1 << 20);
    assert_eq!(rows.last().unwrap()[0].as_deref(), Some("7"));
    assert_eq!(bad.len(), 1);
    assert!(
        bad[0].starts_with(&format!("a.csv, byte {place}: column `n`: `twelve` is not a whole number")),
        "{}",
        bad[0]
    );
}

#[test]
fn a_cell_of_ten_megabytes_passes_over_many_windows() {
    let cell = "x,\n\"\"".repeat(2_000_000);
    let text = format!("a,b\n1,\"{cell}\"\n2,y\n");
    let (rows, raw, bad) = read(text.as_bytes(), "csv", 1 << 20);
    assert_eq!(bad, Vec::<String>::new());
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0][1].as_deref(), Some(cell.replace("\"\"", "\"").as_str()));
    assert_eq!(raw, text.as_bytes()[4..]);
}

#[test]
fn what_is_not_certain_is_an_error_that_names_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let check = |files: &[(&str, &[u8])], format: &str, expected: &str| {
        let error = open(folder.path(), files, format, 64).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&[("a.csv", b"a;b\n1;2\n")], "auto", "add `delimiter=semicolon`");
    check(&[("a.csv", b"1,2\n3,4\n")], "auto", "add `header=no` or `header=yes`");
    check(&[("a.dat", b"a,b\n")], "auto", "set `format`");
    check(&[("a.csv", b"a,b\n"), ("b.csv", b"a,c\n")], "auto", "a.csv and b.csv cannot be read as one table");
    check(&[("a.csv", b"a,b\n"), ("b.csv", b"a\n")], "auto", "2 columns and 1");
    check(&[("a.csv", b"a,b\n"), ("b.tsv", b"a\tb\n")], "auto", "one is csv, the other tsv");
    check(&[("a.csv", b"a,a\n")], "auto", "two columns are called `a`");
    check(&[("a.csv", b"\xff\xfea\0")], "auto", "UTF-16");
    check(&[("a.csv", b""), ("b.csv", b"\n\n")], "auto", "no file of the input has any content");
}

#[test]
fn options_settle_it() {
    let rows = |text: &[u8], format: &str| read(text, format, 64).0;
    assert_eq!(
        rows(b"1;x\n2;y\n", "csv,delimiter=semicolon,header=no"),
        [row(&[Some("1"), Some("x")]), row(&[Some("2"), Some("y")])]
    );
    assert_eq!(rows(b"a,b\n5\",\"\n", "csv,quote=none"), [row(&[Some("5\""), Some("\"")])]);
    assert_eq!(rows(b"a\n\xe9t\xe9\n", "csv,encoding=latin-1"), [row(&[Some("été")])]);
}

#[test]
fn files_without_rows_are_part_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 4] =
        [("a.csv", b""), ("b.csv", b"a,b"), ("c.csv", b"a,b\n1,x\n"), ("d.csv", b"\"a\",b\r\n2,y")];
    let input = open(folder.path(), &files, "auto", 64).unwrap();
    assert_eq!(input.schema().field(0).data_type(), &arrow::datatypes::DataType::Int64);
    let (rows, raw, bad) = table(&batches(&input, None));
    assert_eq!(rows, [row(&[Some("1"), Some("x")]), row(&[Some("2"), Some("y")])]);
    assert_eq!((raw.as_slice(), bad.len()), (b"1,x\n2,y".as_slice(), 0));
}

#[test]
fn a_changed_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let input = open(folder.path(), &[("a.csv", b"a,b\n1,x\n")], "auto", 64).unwrap();
    std::fs::write(folder.path().join("a.csv"), b"a,b\n1,x\n2,y\n").unwrap();
    let error = input.read(&input.partitions()[0], None, true).unwrap_err().to_string();
    assert_eq!(
        error,
        "a.csv changed while the run was going on: 12 bytes, 8 when the list was made; run again"
    );
}

#[test]
fn only_the_wanted_columns_in_the_wanted_order() {
    let folder = tempfile::tempdir().unwrap();
    let input = open(folder.path(), &[("a.csv", b"a,b,c\n1,x,u\n2,y,\"v,\"\n")], "auto", 64).unwrap();
    let wanted = ["c".to_owned(), "a".to_owned()];
    let (rows, ..) = table(&batches(&input, Some(&wanted)));
    assert_eq!(rows, [row(&[Some("u"), Some("1")]), row(&[Some("v,"), Some("2")])]);
    assert_eq!(batches(&input, Some(&[]))[0].rows(), 2);
    let error = input.read(&input.partitions()[0], Some(&["d".to_owned()]), true).unwrap_err();
    assert_eq!(error.to_string(), "there is no column `d`; the columns are a, b, c");
}

/// A field that hurts: delimiters, quotes, line ends, nothing, text beyond ASCII.
fn field() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(","),
        Just("\""),
        Just("\n"),
        Just("\r\n"),
        Just("a"),
        Just("é"),
        Just("wörd"),
        Just(""),
        Just("0123456789".repeat(8).leak() as &str)
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// Writes records as RFC 4180 has it, quoting where needed and sometimes where not.
fn written(records: &[Vec<(String, bool)>], crlf: bool, last: bool) -> String {
    let mut text = String::from("c0,c1,c2");
    let end = if crlf { "\r\n" } else { "\n" };
    for record in records {
        text.push_str(end);
        let fields: Vec<_> = record
            .iter()
            .map(|(field, quoted)| {
                let needs = *quoted || field.contains([',', '"', '\n', '\r']);
                if needs { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.clone() }
            })
            .collect();
        text.push_str(&fields.join(","));
    }
    if last {
        text.push_str(end);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn records_and_values_are_those_of_the_csv_crate(
        records in proptest::collection::vec(proptest::collection::vec((field(), any::<bool>()), 3), 0..40),
        crlf in any::<bool>(),
        last in any::<bool>(),
        window in 1_u64..400,
    ) {
        let text = written(&records, crlf, last);
        let mut peer = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let expected: Vec<Vec<String>> = peer.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        let folder = tempfile::tempdir().unwrap();
        let input = open(folder.path(), &[("a.csv", text.as_bytes())], "csv,header=yes", window).unwrap();
        let batches = batches(&input, None);
        let (rows, raw, bad) = table(&batches);
        prop_assert_eq!(bad, Vec::<String>::new());
        let texts: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect();
        if input.schema().fields().iter().all(|field| field.data_type() == &arrow::datatypes::DataType::Utf8) {
            prop_assert_eq!(&texts, &expected);
        } else {
            prop_assert_eq!(texts.len(), expected.len());
        }
        let header = text.find('\n').map_or(text.len(), |end| end + 1);
        prop_assert_eq!(raw, text.as_bytes()[header..].to_vec());
        for batch in &batches {
            let at = batch.origin.first;
            prop_assert!(at < text.len() as u64 || batch.rows() == 0);
        }
    }
}
