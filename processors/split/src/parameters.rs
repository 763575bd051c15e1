//! Which way of splitting the parameters ask for, and which columns it needs.

use millrace_sdk::{Batch, Error, KeyColumn, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Split;
use crate::counts::Keys;

/// One column or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Columns {
    /// One.
    One(String),
    /// Several, whose values are taken together.
    Several(Vec<String>),
}

impl Columns {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// How rows find their outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By rank within a stratum: exact sizes.
    Exact,
    /// By value, the values kept whole: sizes as near as they allow.
    Groups,
    /// By hash of a value: no fit.
    Hash,
}

impl Split {
    /// The way that the parameters ask for.
    ///
    /// # Errors
    /// `InvalidParams` where they ask for two, or for one that lacks something.
    pub fn way(&self) -> Result<Way> {
        let mut wrong = Vec::new();
        let mut refuse = |pointer: &str, message: &str| wrong.push((pointer.to_owned(), message.to_owned()));
        if self.hash.is_some() && (self.stratify.is_some() || self.groups.is_some()) {
            refuse(
                "/hash",
                "`hash` decides by the value alone; leave out `stratify` and `groups`, or leave out `hash`",
            );
        }
        if self.min_per_class > 0 && self.stratify.is_none() {
            refuse("/minPerClass", "`minPerClass` counts the values of `stratify`, which is not given");
        }
        if self.stratify.as_ref().is_some_and(|columns| columns.names().is_empty()) {
            refuse("/stratify", "name at least one column, or leave `stratify` out");
        }
        if self.hash.is_some() && self.sizes.parse()?.needs_total() {
            refuse("/sizes", "a split by `hash` does not count rows: give shares such as \"80%\"");
        }
        match (wrong.is_empty(), &self.hash, &self.groups) {
            (false, ..) => Err(Error::InvalidParams(wrong)),
            (true, Some(_), _) => Ok(Way::Hash),
            (true, None, Some(_)) => Ok(Way::Groups),
            (true, None, None) => Ok(Way::Exact),
        }
    }

    /// The smallest number of rows per class, where classes are asked for.
    pub(crate) fn class_minimum(&self) -> Option<u64> {
        self.stratify.as_ref().map(|_| self.min_per_class)
    }

    /// (JSON pointer, column) of every column that is read.
    pub(crate) fn key_columns(&self) -> Vec<(String, String)> {
        let strata = self.stratify.iter().flat_map(|columns| match columns {
            Columns::One(name) => vec![("/stratify".to_owned(), name.clone())],
            Columns::Several(names) => names
                .iter()
                .enumerate()
                .map(|(index, name)| (format!("/stratify/{index}"), name.clone()))
                .collect(),
        });
        let one = |pointer: &str, name: &Option<String>| name.clone().map(|name| (pointer.to_owned(), name));
        one("/hash", &self.hash).into_iter().chain(one("/groups", &self.groups)).chain(strata).collect()
    }

    /// The batch's columns that make a row's key.
    pub(crate) fn keys(&self, batch: &Batch<'_>) -> Result<Keys> {
        let read = |name: &String| KeyColumn::new(batch.column(name)?, name);
        let group = self.groups.as_ref().map(read).transpose()?;
        let strata = self.stratify.as_ref().map_or(&[][..], Columns::names);
        let strata = strata.iter().map(read).collect::<Result<_>>()?;
        Ok(Keys { rows: batch.rows(), group, strata })
    }
}
