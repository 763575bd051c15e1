//! Which type each CSV column has, from the first records of the first file.

use arrow::datatypes::DataType;

use super::columns::{Records, plan};
use super::scan::{Pattern, RowTable, Scan};
use super::structure::Kernel;
use super::values::{self, Field};
use super::{Dialect, columns::Wanted};

/// How much of the first file decides (algorithms.md, "Units").
pub(crate) const SAMPLE: usize = 8 << 20;

/// What the values seen so far allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guess {
    /// Only missing values.
    Nothing,
    Boolean,
    Integer,
    /// Only `NaN` and infinities, which are words in other columns.
    Word,
    Float,
    Text,
}

impl Guess {
    fn of(text: &[u8]) -> Self {
        if text.is_empty() {
            Self::Nothing
        } else if values::integer(text).is_some() {
            Self::Integer
        } else if let Some(value) = values::float(text) {
            if is_long_code(text) {
                return Self::Text;
            }
            if value.is_finite() || text.iter().any(u8::is_ascii_digit) { Self::Float } else { Self::Word }
        } else if values::boolean(text).is_some() {
            Self::Boolean
        } else {
            Self::Text
        }
    }

    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, guess) | (guess, Self::Nothing) => guess,
            (left, right) if left == right => left,
            (Self::Integer | Self::Float | Self::Word, Self::Integer | Self::Float | Self::Word) => {
                Self::Float
            }
            _ => Self::Text,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Nothing | Self::Word | Self::Text => DataType::Utf8,
        }
    }
}

/// Types of the `width` columns of the records from `start` on; `None` if there is no record.
pub(crate) fn types(
    bytes: &[u8],
    start: usize,
    width: u32,
    dialect: Dialect,
    longest: usize,
) -> Option<Vec<DataType>> {
    let fields: Vec<_> = (0..width).map(|field| (field, String::new(), DataType::Utf8)).collect();
    let (wanted, cuts) = plan(&fields, width);
    let stride = cuts.len();
    let pattern = Pattern { needles: dialect.needles(), fields: width, cuts, longest };
    let mut scan = Scan::new(pattern, start, bytes.len().min(start + SAMPLE), Kernel::detect());
    let (mut rows, mut guesses, mut any) = (RowTable::default(), vec![Guess::Nothing; wanted.len()], false);
    while scan.fill(bytes, 4096, &mut rows) {
        let region = bytes.get(rows.origin..rows.end()).unwrap_or_default();
        let records = Records { bytes: region, rows: &rows, stride, dialect };
        any |= !rows.spans.is_empty();
        for (guess, column) in guesses.iter_mut().zip(&wanted) {
            *guess = narrow(*guess, records, column, dialect);
        }
    }
    any.then(|| guesses.into_iter().map(Guess::data_type).collect())
}

/// Digits only, and too many for 64 bits: a code, which a float would round.
fn is_long_code(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    digits.len() > 1 && digits.iter().all(u8::is_ascii_digit)
}

fn narrow(guess: Guess, records: Records<'_>, column: &Wanted, dialect: Dialect) -> Guess {
    if guess == Guess::Text {
        return guess;
    }
    let mut guess = guess;
    for raw in records.fields(column) {
        let field = Field::read(raw, dialect.quote);
        // An empty text in quotes is a text: it would not survive as a number.
        guess = guess.join(if field == Field::Quoted(&[]) { Guess::Text } else { Guess::of(field.simple()) });
        if guess == Guess::Text {
            break;
        }
    }
    guess
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::Encoding;

    fn check(column: &str, expected: &DataType) {
        let dialect = Dialect { delimiter: b',', quote: Some(b'"'), encoding: Encoding::Utf8 };
        let types = types(column.as_bytes(), 0, 2, dialect, 1 << 20).unwrap();
        assert_eq!(types[0], *expected, "{column}");
    }

    #[test]
    fn a_column_has_the_narrowest_type_that_holds_it() {
        check("1,\n-20,\n,\n", &DataType::Int64);
        check("\"1\",\n2,\n", &DataType::Int64);
        check("1,\n2.5,\n", &DataType::Float64);
        check("1,\nNaN,\n", &DataType::Float64);
        check("nan,\ninf,\n", &DataType::Utf8);
        check("true,\nFalse,\n", &DataType::Boolean);
        check("true,\n1,\n", &DataType::Utf8);
        check("007,\n1,\n", &DataType::Utf8);
        check("99999999999999999999,\n", &DataType::Utf8);
        check("-0,\n", &DataType::Float64);
        check("1,\n\"\",\n", &DataType::Utf8);
        check(",\n,\n", &DataType::Utf8);
    }

    #[test]
    fn no_record_no_types() {
        let dialect = Dialect { delimiter: b',', quote: Some(b'"'), encoding: Encoding::Utf8 };
        assert_eq!(types(b"\n\n", 0, 2, dialect, 1 << 20), None);
        assert_eq!(types(b"1,2,3\n", 0, 2, dialect, 1 << 20), None);
    }
}
