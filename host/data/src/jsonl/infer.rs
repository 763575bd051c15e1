//! Columns and types of JSON Lines, from the first lines of the first file.

use arrow::datatypes::{DataType, Field};

use super::members::{Members, unescaped};
use super::values::integer;
use crate::csv::infer::SAMPLE;

/// What a column's values were so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guess {
    Nothing,
    Boolean,
    Integer,
    Float,
    Text,
}

impl Guess {
    fn of(raw: &[u8]) -> Self {
        match raw {
            b"null" => Self::Nothing,
            b"true" | b"false" => Self::Boolean,
            [b'-' | b'0'..=b'9', ..] if integer(raw).is_some() => Self::Integer,
            // More digits than 64 bits hold: a code, which a float would round.
            [first, rest @ ..]
                if matches!(first, b'-' | b'0'..=b'9') && rest.iter().all(u8::is_ascii_digit) =>
            {
                Self::Text
            }
            [b'-' | b'0'..=b'9', ..] => Self::Float,
            _ => Self::Text,
        }
    }

    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, guess) | (guess, Self::Nothing) => guess,
            (left, right) if left == right => left,
            (Self::Integer | Self::Float, Self::Integer | Self::Float) => Self::Float,
            _ => Self::Text,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Nothing | Self::Text => DataType::Utf8,
        }
    }
}

/// The columns, in order of first appearance; `None` if no line is an object.
pub(crate) fn fields(bytes: &[u8]) -> Option<Vec<Field>> {
    let mut guesses: Vec<(String, Guess)> = Vec::new();
    let mut any = false;
    let mut start = 0;
    while start < bytes.len().min(SAMPLE) {
        let end = memchr::memchr(b'\n', bytes.get(start..)?).map_or(bytes.len(), |place| start + place + 1);
        any |= note(bytes.get(start..end)?.trim_ascii(), &mut guesses);
        start = end;
    }
    any.then(|| guesses.into_iter().map(|(name, guess)| Field::new(name, guess.data_type(), true)).collect())
}

/// Adds what one line tells; false if it is not an object.
fn note(line: &[u8], guesses: &mut Vec<(String, Guess)>) -> bool {
    let Ok(mut members) = Members::new(line) else { return false };
    let mut hint = 0;
    while let Ok(Some((raw, value))) = members.next() {
        // Members mostly come in the same order; the search begins where the last one ended.
        let after = guesses
            .iter()
            .skip(hint)
            .position(|(name, _)| super::members::is_named(raw, name))
            .map(|place| place + hint);
        let place =
            after.or_else(|| guesses.iter().position(|(name, _)| super::members::is_named(raw, name)));
        match place.and_then(|place| Some((place, guesses.get_mut(place)?))) {
            Some((place, (_, guess))) => {
                *guess = guess.join(Guess::of(value));
                hint = place + 1;
            }
            None => guesses.extend(unescaped(raw).map(|name| (name, Guess::of(value)))),
        }
    }
    true
}
