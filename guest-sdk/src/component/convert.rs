//! Between the contract's types and the SDK's.

use super::bindings::millrace::processor::{context, types};
use crate::{Buffers, Column, Dtype, Error, Field, Level, Schema};

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidParams(all) => Self::InvalidParams(all),
            Error::InvalidInput(message) => Self::InvalidInput(message),
            Error::Denied(message) => Self::Denied(message),
            Error::Transient(message) => Self::Transient(message),
            Error::Cancelled => Self::Cancelled,
            Error::Internal(message) => Self::Internal(message),
        }
    }
}

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::InvalidParams(all) => Self::InvalidParams(all),
            types::Error::InvalidInput(message) => Self::InvalidInput(message),
            types::Error::Denied(message) => Self::Denied(message),
            types::Error::Transient(message) => Self::Transient(message),
            types::Error::Cancelled => Self::Cancelled,
            types::Error::Internal(message) => Self::Internal(message),
        }
    }
}

/// Each pair of names once, both ways.
macro_rules! same_variants {
    ($ours:ty, $theirs:ty, [$($name:ident),*]) => {
        impl From<$theirs> for $ours {
            fn from(theirs: $theirs) -> Self {
                match theirs { $(<$theirs>::$name => Self::$name),* }
            }
        }
        impl From<$ours> for $theirs {
            fn from(ours: $ours) -> Self {
                match ours { $(<$ours>::$name => Self::$name),* }
            }
        }
    };
}

same_variants!(
    Dtype,
    types::Dtype,
    [
        Boolean, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Float16, Float32, Float64, Utf8,
        Binary, Opaque
    ]
);
same_variants!(Level, context::Level, [Trace, Debug, Info, Warn, Error]);

impl From<types::Schema> for Schema {
    fn from(schema: types::Schema) -> Self {
        let fields = schema.fields.into_iter().map(|field| Field {
            name: field.name,
            dtype: field.dtype.into(),
            width: field.width,
            nullable: field.nullable,
            metadata: field.metadata,
        });
        Self { fields: fields.collect(), metadata: schema.metadata }
    }
}

impl From<&Schema> for types::Schema {
    fn from(schema: &Schema) -> Self {
        let fields = schema.fields.iter().map(|field| types::Field {
            name: field.name.clone(),
            dtype: field.dtype.into(),
            width: field.width,
            nullable: field.nullable,
            metadata: field.metadata.clone(),
        });
        Self { fields: fields.collect(), metadata: schema.metadata.clone() }
    }
}

impl From<types::Column> for Buffers {
    fn from(column: types::Column) -> Self {
        Self { values: column.values, offsets: column.offsets, validity: column.validity }
    }
}

impl From<Column> for types::Column {
    fn from(column: Column) -> Self {
        let Buffers { values, offsets, validity } = column.into_buffers();
        Self { values, offsets, validity }
    }
}
