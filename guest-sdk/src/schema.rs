//! Names and types of columns, as the contract has them. No values here.

use crate::{Error, Result};

/// Element type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the Arrow type of its name")]
pub enum Dtype {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float16,
    Float32,
    Float64,
    Utf8,
    Binary,
    /// Anything else (timestamps, decimals, nested types): the SDK does not read its values.
    Opaque,
}

impl Dtype {
    /// Bytes of one element; none for booleans (bits), texts and what is opaque.
    #[must_use]
    pub fn size(self) -> Option<usize> {
        match self {
            Self::Int8 | Self::Uint8 => Some(1),
            Self::Int16 | Self::Uint16 | Self::Float16 => Some(2),
            Self::Int32 | Self::Uint32 | Self::Float32 => Some(4),
            Self::Int64 | Self::Uint64 | Self::Float64 => Some(8),
            Self::Boolean | Self::Utf8 | Self::Binary | Self::Opaque => None,
        }
    }

    /// Whether it is an integer or a float.
    #[must_use]
    pub fn is_numeric(self) -> bool {
        self.size().is_some()
    }

    /// Whether its values are byte strings (`utf8`, `binary`).
    #[must_use]
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::Utf8 | Self::Binary)
    }

    /// Whether single precision holds all of its values without loss of meaning: the contract's
    /// kernels form products in f32 where every column is one of these.
    #[must_use]
    pub fn is_single(self) -> bool {
        matches!(self, Self::Float16 | Self::Float32)
    }
}

/// One column's name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, unique within a schema.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// 1 for a scalar; n > 1 for a fixed-size list of n elements.
    pub width: u32,
    /// Whether values may be missing.
    pub nullable: bool,
    /// Arrow field metadata.
    pub metadata: Vec<(String, String)>,
}

impl Field {
    /// A scalar column without missing values.
    pub fn new(name: impl Into<String>, dtype: Dtype) -> Self {
        Self { name: name.into(), dtype, width: 1, nullable: false, metadata: Vec::new() }
    }

    /// The same with `width` elements a row.
    #[must_use]
    pub fn with_width(self, width: u32) -> Self {
        Self { width, ..self }
    }

    /// The same with missing values allowed.
    #[must_use]
    pub fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }
}

/// The columns of an input or output, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The columns.
    pub fields: Vec<Field>,
    /// Arrow schema metadata.
    pub metadata: Vec<(String, String)>,
}

impl Schema {
    /// A schema of these columns.
    #[must_use]
    pub fn new(fields: Vec<Field>) -> Self {
        Self { fields, metadata: Vec::new() }
    }

    /// Position of the column called `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The column called `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The column that the parameter at `pointer` names.
    ///
    /// # Errors
    /// `InvalidParams`, listing what there is, where there is no such column.
    pub fn named_by(&self, pointer: &str, name: &str) -> Result<&Field> {
        self.field(name).ok_or_else(|| Error::parameter(pointer, self.no_such_column(name)))
    }

    /// "there is no column X; the input has a, b, c".
    #[must_use]
    pub fn no_such_column(&self, name: &str) -> String {
        const SHOWN: usize = 20;
        let names: Vec<_> = self.fields.iter().take(SHOWN).map(|field| field.name.as_str()).collect();
        let more = match self.fields.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("there is no column `{name}`; the input has {}{more}", names.join(", "))
    }
}
