//! Names of objects: a namespace and a name, and which kind of operation.

use std::fmt;

use millrace_crds::names;

/// A namespaced object's name, written `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// Its namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
}

impl Name {
    /// `namespace/name`.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// The kinds that run to an end. A new kind is a line here and an [`crate::operation::Ask`] of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationKind {
    /// Bring data into the cache.
    DataLoad,
    /// Run a processor.
    DataProcessing,
    /// The same in Fluid's spelling.
    DataProcess,
    /// A graph of operations.
    DataFlow,
}

impl OperationKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::DataLoad, Self::DataProcessing, Self::DataProcess, Self::DataFlow];

    /// The kind as manifests write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::DataLoad => "DataLoad",
            Self::DataProcessing => "DataProcessing",
            Self::DataProcess => "DataProcess",
            Self::DataFlow => "DataFlow",
        }
    }

    /// The resource as paths have it.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::DataLoad => "dataloads",
            Self::DataProcessing => "dataprocessings",
            Self::DataProcess => "dataprocesses",
            Self::DataFlow => "dataflows",
        }
    }

    /// The group that serves it.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::DataLoad | Self::DataProcessing | Self::DataProcess => "data.fluid.io",
            Self::DataFlow => names::DOMAIN,
        }
    }

    /// Group and version, as `apiVersion` has them.
    #[must_use]
    pub fn api_version(self) -> String {
        format!("{}/v1alpha1", self.group())
    }

    /// The kind that manifests write as `word`.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// An operation's name, written `Kind namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationName {
    /// Which kind.
    pub kind: OperationKind,
    /// Which object of that kind.
    pub name: Name,
}

impl fmt::Display for OperationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.name)
    }
}
