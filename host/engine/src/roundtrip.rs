//! Tests: what goes into a module as buffers comes out of it as the same column.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeListArray, Float32Array,
    Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray, TimestampMillisecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use proptest::prelude::*;

use crate::bindings::api::millrace::processor::types::Column;
use crate::{lift, lower, schema};

fn through_module(array: &ArrayRef, start: usize, count: usize) -> ArrayRef {
    let lowered = lower::column(array, start, count).unwrap();
    let column = Column {
        values: lowered.values.to_vec(),
        offsets: lowered.offsets.map(|bytes| bytes.to_vec()),
        validity: lowered.validity.map(|bytes| bytes.to_vec()),
    };
    let native = schema::native(schema::view(array.data_type())).unwrap();
    lift::column(&Field::new("c", native, true), column, count).unwrap()
}

fn check(array: ArrayRef, start: usize, count: usize) {
    let expected = array.slice(start, count);
    let found = through_module(&array, start, count);
    let expected = cast(&expected, found.data_type()).unwrap();
    assert_eq!(&found, &expected);
}

proptest! {
    #[test]
    fn every_slice_of_every_kind_comes_back(
        cells in prop::collection::vec(prop::option::of(any::<i64>()), 0..70), start in 0_usize..70, count in 0_usize..70
    ) {
        let start = start.min(cells.len());
        let count = count.min(cells.len() - start);
        let texts = || cells.iter().map(|cell| cell.map(|number| format!("ä{number}")));
        let strings = StringArray::from_iter(texts());
        check(Arc::new(Int64Array::from(cells.clone())), start, count);
        check(Arc::new(BooleanArray::from_iter(cells.iter().map(|cell| cell.map(|number| number > 0)))), start, count);
        check(Arc::new(LargeStringArray::from_iter(texts())), start, count);
        check(Arc::new(StringViewArray::from_iter(texts())), start, count);
        check(cast(&strings, &DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))).unwrap(), start, count);
        check(Arc::new(strings), start, count);
    }

    #[test]
    fn vectors_come_back(rows in 0_usize..20, start in 0_usize..20, count in 0_usize..20) {
        let start = start.min(rows);
        let count = count.min(rows - start);
        let values = Float32Array::from_iter_values((0..rows * 3).map(|at| at as f32));
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let list: ArrayRef = Arc::new(FixedSizeListArray::new(item, 3, Arc::new(values), None));
        let found = through_module(&list, start, count);
        let expected = list.slice(start, count);
        prop_assert_eq!(found.as_fixed_size_list().values(), expected.as_fixed_size_list().values());
    }
}

#[test]
fn bits_beside_the_rows_are_not_shown() {
    let all = BooleanArray::from(vec![true; 20]);
    let lowered = lower::column(&(Arc::new(all) as ArrayRef), 3, 5).unwrap();
    assert_eq!(lowered.values.as_ref(), [0b0001_1111]);
}

#[test]
fn dates_decimals_and_instants_are_text() {
    let text = |array: ArrayRef| -> Vec<String> {
        let found = through_module(&array, 0, array.len());
        found.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect()
    };
    assert_eq!(text(Arc::new(Date32Array::from(vec![0, 19_000]))), ["1970-01-01", "2022-01-08"]);
    let decimals = Decimal128Array::from(vec![1050, -7]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(text(Arc::new(decimals)), ["10.50", "-0.07"]);
    let instants = TimestampMillisecondArray::from(vec![1_500]);
    assert_eq!(text(Arc::new(instants.clone())), ["1970-01-01T00:00:01.500"]);
    assert_eq!(text(Arc::new(instants.with_timezone("Europe/Berlin"))), ["1970-01-01T00:00:01.500Z"]);
}

#[test]
fn a_vector_with_a_null_inside_is_a_null() {
    let lists = vec![Some(vec![Some(1), Some(2)]), Some(vec![Some(3), None]), None];
    let list: ArrayRef = Arc::new(FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(lists, 2));
    let lowered = lower::column(&list, 0, 3).unwrap();
    assert_eq!(lowered.validity.unwrap().as_ref(), [0b001]);
    assert_eq!(lowered.values.len(), 3 * 2 * 4);
}

#[test]
fn nested_columns_travel_as_ipc() {
    let lists = vec![Some(vec![Some(1), Some(2)]), None];
    let list: ArrayRef = Arc::new(arrow::array::ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
    assert!(lower::column(&list, 0, 2).unwrap_err().contains("to-ipc"));
    let batch = RecordBatch::try_from_iter([("l", list)]).unwrap();
    assert_eq!(lift::ipc(lower::ipc(&batch).unwrap()).unwrap(), [batch]);
}

#[test]
fn a_kept_column_keeps_its_arrow_type() {
    let input = Arc::new(Schema::new(vec![Field::new("day", DataType::Date32, true)]));
    let seen = schema::to_module(&input);
    assert_eq!(schema::from_module(&seen, &[Arc::clone(&input)]).unwrap(), input);
    let alone = schema::from_module(&seen, &[]).unwrap();
    assert_eq!(alone.field(0).data_type(), &DataType::Utf8);
}
