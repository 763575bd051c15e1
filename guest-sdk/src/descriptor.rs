//! The descriptor: what a processor is, as data. The host reads it from the module without running it.

use serde::Deserialize;
use serde_json::Value;

use crate::Processor;

/// A processor with its descriptor; `#[processor]` implements it.
pub trait Described: Processor {
    /// The text of `descriptor.json`.
    const DESCRIPTOR: &'static str;
}

/// Static facts about a processor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// The name a DataProcessing gives.
    pub name: String,
    /// The crate's version.
    pub version: String,
    /// One sentence.
    pub description: String,
    /// JSON Schema 2020-12 of the parameters, with defaults; an object.
    pub params_schema: Value,
    /// Input ports.
    pub inputs: Vec<Port>,
    /// Further inputs, read whole.
    #[serde(default)]
    pub side_inputs: Vec<Port>,
    /// Output ports; empty where parameters or data name them.
    #[serde(default)]
    pub outputs: Vec<Port>,
    /// Laws the host checks on what it publishes.
    #[serde(default)]
    pub guarantees: Vec<Guarantee>,
    /// Properties the host may build on.
    #[serde(default)]
    pub traits: Vec<Trait>,
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// One sentence.
    pub description: String,
}

/// A law that the outputs keep; each string names the parameter that holds the column or number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// No value of the column stands in two outputs.
    DisjointBy(String),
    /// Each output has at least so many rows.
    MinRowsPerOutput(String),
    /// Each output has at least so many rows of each class: (column, number).
    MinRowsPerClass(String, String),
    /// Each output has the size asked for, to less than one row.
    ExactSizes(String),
}

/// A property the host may build on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trait {
    /// The same input, parameters and seed give the same bytes.
    Deterministic,
    /// The order of rows does not matter.
    OrderInsensitive,
    /// Each row is decided alone.
    RowLocal,
    /// Partitions can be worked on apart.
    Splittable,
}

impl Descriptor {
    /// Reads the text of a `descriptor.json`.
    ///
    /// # Errors
    /// What serde says, with line and column.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
