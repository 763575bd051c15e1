//! Why an input cannot be read, in words that say what to do.

use arrow::datatypes::SchemaRef;

use crate::format::FormatError;

/// Why an input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The system refused.
    #[error("read {path}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not the one that the list names.
    #[error("{path} changed while the run was going on: {what}; run again")]
    Changed {
        /// The file.
        path: String,
        /// What differs.
        what: String,
    },
    /// The format is not known.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// How to read a file is not certain.
    #[error("{path}: {what}; {settle}")]
    Ambiguous {
        /// The file.
        path: String,
        /// What could be meant.
        what: String,
        /// The option that settles it.
        settle: String,
    },
    /// Two files differ in their columns or formats.
    #[error("{first} and {other} cannot be read as one table: {what}")]
    Mixed {
        /// The first file.
        first: String,
        /// The one that differs.
        other: String,
        /// In what.
        what: String,
    },
    /// The file is not what its format demands.
    #[error("{path} cannot be read: {what}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Unpacking would go beyond a limit.
    #[error("{path} unpacks to more than {limit} bytes; raise the limit if that is meant")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit.
        limit: u64,
    },
    /// Nothing to read.
    #[error("no file of the input has any content: {files} files, all empty; the columns cannot be known")]
    Empty {
        /// Number of files.
        files: usize,
    },
    /// A column was asked for that is not there.
    #[error("there is no column `{name}`; the columns are {columns}")]
    NoColumn {
        /// What was asked for.
        name: String,
        /// What there is, shortened.
        columns: String,
    },
}

/// Most columns that a message lists.
const LISTED: usize = 20;

impl InputError {
    pub(crate) fn no_column(name: &str, schema: &SchemaRef) -> Self {
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut columns = names.get(..LISTED).unwrap_or(&names).join(", ");
        if names.len() > LISTED {
            columns.push_str(&format!(" and {} more", names.len() - LISTED));
        }
        Self::NoColumn { name: name.to_owned(), columns }
    }

    pub(crate) fn io(path: &str, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn malformed(path: &str, what: impl std::fmt::Display) -> Self {
        Self::Malformed { path: path.to_owned(), what: what.to_string() }
    }
}
