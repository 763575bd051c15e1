//! Lines of an input with some fields replaced or appended, the others as they stand.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::values::{Column, LineFormat};
use crate::batch::RowBytes;
use crate::csv::Dialect;
use crate::csv::file::split;
use crate::csv::scan::content_end;
use crate::outputs::OutputError;

/// Where the new columns go in a line.
#[derive(Debug)]
pub(crate) struct Edit {
    /// For each old column the new one that takes its place.
    replaced: Vec<Option<usize>>,
    /// New columns behind the old ones.
    appended: Vec<usize>,
    dialect: Option<Dialect>,
    names: Vec<String>,
}

impl Edit {
    /// Puts columns called `new` into lines whose columns are called `old`.
    pub(crate) fn new(old: &[String], new: &[String], dialect: Option<Dialect>) -> Self {
        let replaced = old.iter().map(|name| new.iter().position(|new| new == name)).collect();
        let appended: Vec<_> =
            (0..new.len()).filter(|place| new.get(*place).is_some_and(|name| !old.contains(name))).collect();
        let names = old.iter().chain(appended.iter().filter_map(|place| new.get(*place))).cloned().collect();
        Self { replaced, appended, dialect, names }
    }

    /// Names of the columns of the new lines.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Appends the new lines to `to`.
    pub(crate) fn lines(
        &self,
        source: &RowBytes,
        columns: &RecordBatch,
        format: LineFormat,
        terminator: &str,
        to: &mut Vec<u8>,
    ) -> Result<(), OutputError> {
        let columns = Column::all(columns, format)?;
        for (row, (start, end)) in source.spans.iter().enumerate() {
            let content = *start as usize..content_end(&source.bytes, *start as usize, *end as usize);
            let line = source.bytes.get(content).unwrap_or_default();
            match (format, self.dialect) {
                (LineFormat::Delimited(delimiter), Some(dialect)) => {
                    self.delimited(line, row, &columns, delimiter, dialect, to)?
                }
                _ => self.object(line, row, &columns, to)?,
            }
            to.extend_from_slice(terminator.as_bytes());
        }
        Ok(())
    }

    fn delimited(
        &self,
        line: &[u8],
        row: usize,
        columns: &[Column<'_>],
        delimiter: u8,
        dialect: Dialect,
        to: &mut Vec<u8>,
    ) -> Result<(), OutputError> {
        if self.replaced.iter().all(Option::is_none) {
            to.extend_from_slice(line);
        } else {
            for (place, (raw, replacement)) in
                split(line, dialect).into_iter().zip(&self.replaced).enumerate()
            {
                if place > 0 {
                    to.push(delimiter);
                }
                match replacement.and_then(|new| columns.get(new)) {
                    Some(column) => column.field(row, delimiter, to)?,
                    None => to.extend_from_slice(raw),
                }
            }
        }
        for column in self.appended.iter().filter_map(|new| columns.get(*new)) {
            to.push(delimiter);
            column.field(row, delimiter, to)?;
        }
        Ok(())
    }

    fn object(
        &self,
        line: &[u8],
        row: usize,
        columns: &[Column<'_>],
        to: &mut Vec<u8>,
    ) -> Result<(), OutputError> {
        let members: Members<'_> = serde_json::from_slice(line)
            .map_err(|error| OutputError::Unsuitable(format!("a row is not a JSON object: {error}")))?;
        to.push(b'{');
        let old = members.0.into_iter().filter(|(name, _)| !self.is_new(name));
        for (place, (name, value)) in old.enumerate() {
            if place > 0 {
                to.push(b',');
            }
            serde_json::to_writer(&mut *to, &name)
                .map_err(|error| OutputError::Unsuitable(error.to_string()))?;
            to.push(b':');
            to.extend_from_slice(value.get().as_bytes());
        }
        for column in columns {
            if to.last() != Some(&b'{') {
                to.push(b',');
            }
            to.extend_from_slice(&column.key);
            to.push(b':');
            column.json(row, to)?;
        }
        to.push(b'}');
        Ok(())
    }

    fn is_new(&self, name: &str) -> bool {
        let place = self.names.iter().position(|known| known == name);
        place.is_some_and(|place| self.replaced.get(place).is_none_or(Option::is_some))
    }
}

/// The members of a JSON object, in order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}
