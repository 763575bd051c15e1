//! The descriptor as it stands in a module's custom section, and the JSON form of schemas.

use serde::{Deserialize, Serialize};

/// Static facts about a module, readable without running it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// The module's name, such as `split`.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// One or two sentences for people.
    pub description: String,
    /// JSON Schema 2020-12 of the parameters; always an object.
    pub params_schema: serde_json::Map<String, serde_json::Value>,
    /// Input ports.
    #[serde(default)]
    pub inputs: Vec<Port>,
    /// Inputs read on demand, beside the rows.
    #[serde(default)]
    pub side_inputs: Vec<Port>,
    /// Outputs that are known before any run.
    #[serde(default)]
    pub outputs: Vec<Port>,
    /// Laws that the outputs keep, for the host to check.
    #[serde(default)]
    pub guarantees: Vec<Guarantee>,
    /// What the host may assume.
    #[serde(default)]
    pub traits: Vec<Trait>,
}

/// A named input or output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// Its columns, where they are fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<PortSchema>,
}

/// The columns of a port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortSchema {
    /// The columns in order.
    pub fields: Vec<PortField>,
    /// Free-form metadata.
    #[serde(default)]
    pub metadata: Vec<(String, String)>,
}

/// One column of a port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortField {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: ElementType,
    /// 1 for scalars, n for fixed-size lists of n.
    #[serde(default = "one")]
    pub width: u32,
    /// Whether it may hold nulls.
    #[serde(default)]
    pub nullable: bool,
    /// Free-form metadata.
    #[serde(default)]
    pub metadata: Vec<(String, String)>,
}

fn one() -> u32 {
    1
}

/// The contract's element types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is named after the Arrow type it is")]
pub enum ElementType {
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
    /// Anything else; reaches a module only as an Arrow IPC stream.
    Opaque,
}

/// A law that the outputs keep. The text names the parameter that holds the column (or the list of
/// columns) or the number; a law whose parameter is not given, or is 0, asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// No value of the column stands in two outputs.
    DisjointBy(String),
    /// Each output has at least so many rows.
    MinRowsPerOutput(String),
    /// Each class of the column has at least so many rows in each output: (column, number).
    MinRowsPerClass(String, String),
    /// The outputs have exactly these sizes.
    ExactSizes(String),
}

/// What the host may assume of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trait {
    /// Same module, parameters and input: same bytes.
    Deterministic,
    /// `merge` commutes.
    OrderInsensitive,
    /// What becomes of a row depends on that row alone.
    RowLocal,
    /// A partition may be cut anywhere between rows.
    Splittable,
}
