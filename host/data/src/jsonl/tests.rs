//! JSON Lines as a whole: the same values as `serde_json`, whatever the partitions.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use proptest::prelude::*;
use serde_json::Value;

use crate::batch::Source;
use crate::csv::tests::{batches, open};

/// Columns as text per row, the raw lines, the messages of bad rows.
fn read(
    text: &[u8],
    window: u64,
    columns: Option<&[String]>,
) -> (Vec<Vec<Option<String>>>, Vec<u8>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let input = open(folder.path(), &[("a.jsonl", text)], "auto", window).unwrap();
    let (mut rows, mut raw, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for batch in batches(&input, columns) {
        let shown: Vec<_> = batch
            .columns
            .columns()
            .iter()
            .map(|column| arrow::compute::cast(column, &DataType::Utf8).unwrap())
            .collect();
        for row in 0..batch.rows() {
            rows.push(
                shown
                    .iter()
                    .map(|column| {
                        column.is_valid(row).then(|| column.as_string::<i32>().value(row).to_owned())
                    })
                    .collect(),
            );
        }
        let Source::Rows(lines) = &batch.source else { panic!("lines are forwarded as they are") };
        lines
            .spans
            .iter()
            .for_each(|(start, end)| raw.extend_from_slice(&lines.bytes[*start as usize..*end as usize]));
        bad.extend(batch.bad.iter().map(|row| format!("{}: {}", row.place, row.message)));
    }
    (rows, raw, bad)
}

#[test]
fn members_are_columns_and_lines_pass_untouched() {
    let text = b"{\"a\":1,\"b\":\"x\\n\\u00e9\"}\r\n\n  {\"b\" : null , \"c\": [1, {\"}\": \"]\"}], \"a\": -2 }\n{\"c\":true}";
    let (rows, raw, bad) = read(text, 1 << 20, None);
    let cell = |text: &str| Some(text.to_owned());
    assert_eq!(
        rows,
        [
            vec![cell("1"), cell("x\né"), None],
            vec![cell("-2"), None, cell("[1, {\"}\": \"]\"}]")],
            vec![None, None, cell("true")],
        ]
    );
    let lines = String::from_utf8(text.to_vec()).unwrap().replace("\r\n\n", "\r\n").into_bytes();
    assert_eq!((raw, bad), (lines, vec![]));
}

#[test]
fn bad_lines_are_left_out_with_their_place() {
    let text = b"{\"a\":1,\"b\":2}\n[1]\n{\"a\":1\n{\"a\" 1}\n{\"a\":3}\n{\"a\":\"\xff\"}\n";
    let (rows, raw, bad) = read(text, 1 << 20, Some(&["a".to_owned()]));
    assert_eq!(rows.len(), 2);
    assert_eq!(raw, b"{\"a\":1,\"b\":2}\n{\"a\":3}\n");
    assert_eq!(bad.len(), 4);
    assert_eq!(bad[0], "a.jsonl, byte 14: not a JSON object: expected an object at byte 0 of the line");
    assert_eq!(bad[2], "a.jsonl, byte 25: not a JSON object: expected a colon at byte 5 of the line");
    assert!(bad[3].ends_with("not UTF-8"), "{}", bad[3]);
}

#[test]
fn types_come_from_the_sample_and_what_fails_later_is_bad() {
    let mut text = Vec::new();
    while text.len() < crate::csv::infer::SAMPLE + 100 {
        text.extend_from_slice(b"{\"n\":1,\"f\":1,\"t\":\"words that make the sample fill up faster, many of them\"}\n{\"f\":0.5}\n");
    }
    text.extend_from_slice(b"{\"n\":1.5}\n{\"n\":7}\n");
    let (rows, _, bad) = read(&text, 1 << 22, Some(&["n".to_owned(), "f".to_owned()]));
    assert_eq!(rows.last().unwrap()[0].as_deref(), Some("7"));
    assert_eq!(bad.len(), 1);
    assert!(bad[0].contains("column `n`: `1.5` is not a whole number"), "{}", bad[0]);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        "[a-z\"\\\\{}\\[\\],:\u{e9}\n]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-c\"]{1,2}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn texts_are_those_of_serde_json(
        objects in proptest::collection::vec(proptest::collection::btree_map("[a-d\"\\\\]{1,2}", value(), 0..5), 1..30),
        window in 1_u64..300,
    ) {
        let lines: Vec<String> = objects.iter().map(|members| Value::Object(members.clone().into_iter().collect()).to_string()).collect();
        let text = lines.join("\n");
        let folder = tempfile::tempdir().unwrap();
        let input = open(folder.path(), &[("a.jsonl", text.as_bytes())], "auto", window).unwrap();
        let names: Vec<String> = input.schema().fields().iter().map(|field| field.name().clone()).collect();
        let mut row = 0;
        for batch in batches(&input, None) {
            prop_assert!(batch.bad.is_empty(), "{:?}", batch.bad);
            for at in 0..batch.rows() {
                for (place, name) in names.iter().enumerate() {
                    let column = batch.columns.column(place);
                    let expected = objects[row].get(name).filter(|value| !value.is_null());
                    prop_assert_eq!(column.is_valid(at), expected.is_some());
                    if let (Some(expected), DataType::Utf8) = (expected, column.data_type()) {
                        let found = column.as_string::<i32>().value(at);
                        match expected {
                            Value::String(text) => prop_assert_eq!(found, text),
                            other => prop_assert_eq!(found, other.to_string()),
                        }
                    }
                }
                row += 1;
            }
        }
        prop_assert_eq!(row, objects.len());
    }
}
