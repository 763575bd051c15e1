//! Arrays read where they lie, and written so that NumPy reads them.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Int64Type};

use super::header::{Header, WRITTEN, write};
use crate::csv::tests::{batches, open};

/// A file as NumPy's own `save` writes it.
fn saved(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    let padded = format!("{text:<117}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &118_u16.to_le_bytes(), padded.as_bytes(), data].concat()
}

fn floats(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| (number as f32).to_le_bytes()).collect()
}

#[test]
fn rows_are_lists_over_the_mapped_file() {
    let folder = tempfile::tempdir().unwrap();
    let input = open(folder.path(), &[("a.npy", &saved("<f4", "False", "(10, 3)", &floats(30)))], "auto", 48)
        .unwrap();
    assert_eq!(input.partitions().len(), 3);
    let batches = batches(&input, None);
    let mut expected = 0.0;
    for batch in &batches {
        let list = batch.columns.column(0).as_fixed_size_list();
        for value in list.values().as_primitive::<Float32Type>().values() {
            assert_eq!(*value, expected);
            expected += 1.0;
        }
    }
    assert_eq!(expected, 30.0);
    assert_eq!(batches[1].place(0), "a.npy, row 4");
}

#[test]
fn one_dimension_and_one_column_are_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let data: Vec<u8> = [5_i64, -6, 7].iter().flat_map(|number| number.to_le_bytes()).collect();
    for shape in ["(3,)", "(3, 1)"] {
        let input =
            open(folder.path(), &[("a.npy", &saved("<i8", "False", shape, &data))], "auto", 1 << 20).unwrap();
        assert_eq!(input.schema().field(0).data_type(), &DataType::Int64);
        assert_eq!(
            batches(&input, None)[0].columns.column(0).as_primitive::<Int64Type>().values(),
            &[5, -6, 7]
        );
    }
    let input =
        open(folder.path(), &[("b.npy", &saved("|b1", "False", "(2, 2)", &[1, 0, 0, 1]))], "auto", 1 << 20)
            .unwrap();
    let list = batches(&input, None)[0].columns.column(0).as_fixed_size_list().values().clone();
    assert_eq!(list.as_boolean().iter().flatten().collect::<Vec<_>>(), [true, false, false, true]);
}

#[test]
fn what_cannot_be_rows_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let check = |bytes: &[u8], expected: &str| {
        let error = open(folder.path(), &[("a.npy", bytes)], "auto", 64).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&saved("<f4", "True", "(2, 3)", &floats(6)), "np.ascontiguousarray");
    check(&saved(">f4", "False", "(2, 3)", &floats(6)), "a.astype('<f4')");
    check(&saved("<f4", "False", "(2, 3, 1)", &floats(6)), "a.reshape(len(a), -1)");
    check(&saved("<f4", "False", "(3, 3)", &floats(6)), "cut off");
    check(&saved("<f4", "False", "(9223372036854775807, 9223372036854775807)", &[]), "larger than any file");
    check(&saved("|O", "False", "(3,)", &[]), "cannot be read");
    check(b"PK\x03\x04", "does not begin with a NumPy header");
    let other = saved("<f4", "False", "(2, 2)", &floats(4));
    let error = open(
        folder.path(),
        &[("a.npy", &saved("<f4", "False", "(2, 3)", &floats(6))), ("b.npy", &other)],
        "auto",
        64,
    )
    .unwrap_err();
    assert!(error.to_string().contains("a.npy and b.npy cannot be read as one table"), "{error}");
}

#[test]
fn a_written_header_is_read_back_whatever_the_length() {
    for (rows, width) in [(0, None), (1, Some(1)), (u64::from(u32::MAX), None), (12, Some(4096))] {
        let header = write("<f4", rows, width);
        assert_eq!(header.len(), WRITTEN);
        let mut file = header;
        if rows < 100 {
            file.resize(WRITTEN + 4 * usize::try_from(rows).unwrap() * width.unwrap_or(1), 0);
            let read = Header::read(&file).unwrap();
            assert_eq!((read.rows, read.width, read.start), (rows, width, WRITTEN));
        }
    }
}

#[test]
fn rows_written_are_an_array_again() {
    use crate::format::Format;
    use crate::outputs::Outputs;
    use crate::write::{Budget, OutputFormat, ShardWriter};
    let folder = tempfile::tempdir().unwrap();
    let mut writer = ShardWriter::new(
        folder.path().join("out"),
        0,
        OutputFormat::plain(Format::Npy),
        Budget::new(1 << 20, 9),
        vec![],
    );
    let output = writer.open("data").unwrap();
    for start in [0.0_f32, 10.0] {
        let column = |add: f32| {
            Arc::new(Float32Array::from_iter_values([start + add, start + add + 1.0])) as Arc<dyn Array>
        };
        let rows = RecordBatch::try_from_iter([("pca0", column(0.0)), ("pca1", column(100.0))]).unwrap();
        writer.write(output, rows).unwrap();
    }
    let parts = writer.finish().unwrap();
    assert_eq!(parts[0].rows, 4);
    let bytes = std::fs::read(folder.path().join("out/data").join(&parts[0].file)).unwrap();
    assert_eq!(parts[0].blake3, blake3::hash(&bytes).to_hex().to_string());
    assert_eq!(parts[0].bytes, bytes.len() as u64);
    let input = open(folder.path(), &[("back.npy", &bytes)], "auto", 1 << 20).unwrap();
    let list = batches(&input, None)[0].columns.column(0).as_fixed_size_list().values().clone();
    assert_eq!(
        list.as_primitive::<Float32Type>().values(),
        &[0.0, 100.0, 1.0, 101.0, 10.0, 110.0, 11.0, 111.0]
    );
}
