//! Columns from raw JSON values.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow::datatypes::{DataType, Field};

use super::members::text;

/// Longest piece of a value that a message shows.
const SHOWN: usize = 40;

/// The column `field` from the raw value of each line (`None` for a missing one); lines whose value
/// does not fit are noted in `misfits` and stand as null.
pub(crate) fn column<'a>(
    field: &Field,
    raw: impl Iterator<Item = Option<&'a [u8]>>,
    misfits: &mut Vec<(usize, String)>,
) -> ArrayRef {
    let raw = raw.enumerate();
    let mut misfit = |row: usize, raw: &[u8], what: &str| {
        let shown = String::from_utf8_lossy(raw.get(..SHOWN).unwrap_or(raw)).into_owned();
        misfits.push((row, format!("column `{}`: `{shown}` is not {what}", field.name())));
    };
    macro_rules! build {
        ($builder:expr, $parse:expr, $what:expr) => {{
            let mut column = $builder;
            for (row, raw) in raw {
                let value = raw.and_then($parse);
                if let (Some(raw), None) = (raw, &value) {
                    misfit(row, raw, $what);
                }
                column.append_option(value);
            }
            Arc::new(column.finish())
        }};
    }
    match field.data_type() {
        DataType::Boolean => build!(
            BooleanBuilder::new(),
            boolean,
            "true or false (as the first 8 MiB of the first file have it)"
        ),
        DataType::Int64 => build!(
            Int64Builder::new(),
            integer,
            "a whole number (as the first 8 MiB of the first file have it)"
        ),
        DataType::Float64 => {
            build!(Float64Builder::new(), float, "a number (as the first 8 MiB of the first file have it)")
        }
        _ => build!(StringBuilder::new(), words, "a string that can be read"),
    }
}

/// A whole number of 64 bits, as JSON writes it.
pub(crate) fn integer(raw: &[u8]) -> Option<i64> {
    std::str::from_utf8(raw).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

fn float(raw: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(raw).ok()?;
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| text.parse().ok())?
}

fn boolean(raw: &[u8]) -> Option<bool> {
    match raw {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// A string's text, or another value's JSON as it stands.
fn words(raw: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    match raw.first() {
        Some(b'"') => text(raw),
        _ => std::str::from_utf8(raw).ok().map(std::borrow::Cow::Borrowed),
    }
}
