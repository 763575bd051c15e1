//! Arrow schemas as a module sees them, and the other way round.
//!
//! A module sees what the contract's element types can say. Dates, times, timestamps and decimals
//! reach it as text (ISO 8601, plain decimals), so that a key means the same in CSV and in Parquet; dictionaries as
//! their values; the wide and view variants of text and binary as the plain ones. What is left is opaque.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Metadata, Schema, SchemaRef};

use crate::bindings::api::millrace::processor::types::{self as wit, Dtype};

/// How a module sees a column: element type and elements a row.
pub(crate) type View = (Dtype, u32);

const OPAQUE: View = (Dtype::Opaque, 1);

/// How a module sees a column of this Arrow type.
pub(crate) fn view(kind: &DataType) -> View {
    match kind {
        DataType::FixedSizeList(element, width) => match (scalar(element.data_type()), u32::try_from(*width))
        {
            (Dtype::Utf8 | Dtype::Binary | Dtype::Opaque, _) | (_, Err(_) | Ok(0)) => OPAQUE,
            (element, Ok(width)) => (element, width),
        },
        DataType::Dictionary(_, values) => (scalar(values), 1),
        kind => (scalar(kind), 1),
    }
}

fn scalar(kind: &DataType) -> Dtype {
    match kind {
        DataType::Boolean => Dtype::Boolean,
        DataType::Int8 => Dtype::Int8,
        DataType::Int16 => Dtype::Int16,
        DataType::Int32 => Dtype::Int32,
        DataType::Int64 => Dtype::Int64,
        DataType::UInt8 => Dtype::Uint8,
        DataType::UInt16 => Dtype::Uint16,
        DataType::UInt32 => Dtype::Uint32,
        DataType::UInt64 => Dtype::Uint64,
        DataType::Float16 => Dtype::Float16,
        DataType::Float32 => Dtype::Float32,
        DataType::Float64 => Dtype::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Dtype::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Dtype::Binary
        }
        kind if is_text(kind) => Dtype::Utf8,
        _ => Dtype::Opaque,
    }
}

/// Types whose values reach a module as text.
fn is_text(kind: &DataType) -> bool {
    use DataType::{Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256, Time32, Time64, Timestamp};
    matches!(
        kind,
        Date32
            | Date64
            | Time32(_)
            | Time64(_)
            | Timestamp(..)
            | Decimal32(..)
            | Decimal64(..)
            | Decimal128(..)
            | Decimal256(..)
    )
}

/// The Arrow type of a column that a module made; none for opaque ones.
pub(crate) fn native(view: View) -> Option<DataType> {
    let element = match view.0 {
        Dtype::Boolean => DataType::Boolean,
        Dtype::Int8 => DataType::Int8,
        Dtype::Int16 => DataType::Int16,
        Dtype::Int32 => DataType::Int32,
        Dtype::Int64 => DataType::Int64,
        Dtype::Uint8 => DataType::UInt8,
        Dtype::Uint16 => DataType::UInt16,
        Dtype::Uint32 => DataType::UInt32,
        Dtype::Uint64 => DataType::UInt64,
        Dtype::Float16 => DataType::Float16,
        Dtype::Float32 => DataType::Float32,
        Dtype::Float64 => DataType::Float64,
        Dtype::Utf8 => DataType::Utf8,
        Dtype::Binary => DataType::Binary,
        Dtype::Opaque => return None,
    };
    match (view.1, &element) {
        (1, _) => Some(element),
        (0, _) | (_, DataType::Utf8 | DataType::Binary) => None,
        (width, _) => {
            i32::try_from(width).ok().map(|width| DataType::new_fixed_size_list(element, width, false))
        }
    }
}

/// A schema as the module sees it.
pub(crate) fn to_module(schema: &Schema) -> wit::Schema {
    wit::Schema {
        fields: schema.fields().iter().map(|field| field_to_module(field)).collect(),
        metadata: pairs(schema.metadata()),
    }
}

fn field_to_module(field: &Field) -> wit::Field {
    let (dtype, width) = view(field.data_type());
    wit::Field {
        name: field.name().clone(),
        dtype,
        width,
        nullable: field.is_nullable(),
        metadata: pairs(field.metadata()),
    }
}

/// In the order of the keys, which is how Arrow keeps them.
fn pairs(metadata: &Metadata) -> Vec<(String, String)> {
    metadata.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// A schema that a module gave. A field that an input has under the same name and in the same view
/// keeps the input's Arrow type, so that a kept timestamp stays one.
pub(crate) fn from_module(schema: &wit::Schema, inputs: &[SchemaRef]) -> Result<SchemaRef, String> {
    let fields =
        schema.fields.iter().map(|field| field_from_module(field, inputs)).collect::<Result<Vec<_>, _>>()?;
    let mut names: Vec<_> = fields.iter().map(Field::name).collect();
    names.sort();
    if let Some([name, _]) = names.array_windows::<2>().find(|[left, right]| left == right) {
        return Err(format!("two fields are called {name:?}"));
    }
    let metadata: Metadata = schema.metadata.iter().cloned().collect();
    Ok(Arc::new(Schema::new_with_metadata(fields, metadata)))
}

fn field_from_module(field: &wit::Field, inputs: &[SchemaRef]) -> Result<Field, String> {
    let seen = (field.dtype, field.width);
    let kept = inputs.iter().filter_map(|schema| schema.field_with_name(&field.name).ok());
    let kept = kept.map(Field::data_type).find(|kind| view(kind) == seen).cloned();
    let kind = kept.or_else(|| native(seen)).ok_or_else(|| unusable(field))?;
    let metadata: Metadata = field.metadata.iter().cloned().collect();
    Ok(Field::new(&field.name, kind, field.nullable).with_metadata(metadata))
}

fn unusable(field: &wit::Field) -> String {
    format!(
        "field {:?}: {:?} of width {} is no type that a module can write",
        field.name, field.dtype, field.width
    )
}
