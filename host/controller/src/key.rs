//! What is worked on: one object.

use std::fmt;

use millrace_crds::dataset::DatasetGroup;
use millrace_decide::{Name, OperationName};

/// An object that is reconciled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    /// An operation of any kind.
    Operation(OperationName),
    /// A Dataset of one group.
    Dataset(DatasetGroup, Name),
    /// A `ProcessorModule`.
    Module(Name),
}

impl Key {
    /// The kind, as manifests write it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Operation(name) => name.kind.word(),
            Self::Dataset(..) => "Dataset",
            Self::Module(_) => "ProcessorModule",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(name) => write!(formatter, "{name}"),
            Self::Module(name) => write!(formatter, "ProcessorModule {name}"),
            Self::Dataset(group, name) => write!(formatter, "Dataset.{} {name}", group.name()),
        }
    }
}
