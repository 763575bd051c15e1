//! What a CSV field means: its text without quotes, and the number or truth value it spells.

/// The text of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Nothing between two delimiters: a missing value.
    Missing,
    /// The bytes as they stand.
    Plain(&'a [u8]),
    /// The bytes between the quotes; `""` in it stands for one quote.
    Quoted(&'a [u8]),
}

impl<'a> Field<'a> {
    /// Reads the bytes between two delimiters. `quote` is `None` where quotes are plain characters.
    #[inline(always)]
    pub(crate) fn read(raw: &'a [u8], quote: Option<u8>) -> Self {
        match raw {
            [] => Self::Missing,
            [first, inner @ .., last] if Some(*first) == quote && Some(*last) == quote => Self::Quoted(inner),
            _ => Self::Plain(raw),
        }
    }

    /// Appends the text to `to`; false for a missing value.
    #[inline(always)]
    pub(crate) fn push_to(self, to: &mut Vec<u8>, quote: u8) -> bool {
        match self {
            Self::Missing => return false,
            Self::Plain(bytes) => to.extend_from_slice(bytes),
            Self::Quoted(bytes) => unescape(bytes, quote, to),
        }
        true
    }

    /// The bytes of a value that has no need of escapes, such as a number; empty for a missing one.
    pub(crate) fn simple(self) -> &'a [u8] {
        match self {
            Self::Missing => &[],
            Self::Plain(bytes) | Self::Quoted(bytes) => bytes,
        }
    }
}

fn unescape(bytes: &[u8], quote: u8, to: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(place) = memchr::memchr(quote, rest) {
        let (head, tail) = rest.split_at((place + 1).min(rest.len()));
        to.extend_from_slice(head);
        rest = tail.strip_prefix(&[quote]).unwrap_or(tail);
    }
    to.extend_from_slice(rest);
}

/// A whole number as a program would print it: no plus sign, no leading zero, within 64 bits.
///
/// `007` is text, since a code that begins with zeros would otherwise lose them.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if leading_zero(digits) || digits.is_empty() || digits.len() > 19 || (negative && digits == b"0") {
        return None;
    }
    let mut value = 0_i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        let digit = i64::from(digit);
        value = value.checked_mul(10)?;
        value = if negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
    }
    Some(value)
}

/// A number, `NaN`, or an infinity. A number has no leading zero either.
pub(crate) fn float(text: &[u8]) -> Option<f64> {
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if leading_zero(unsigned) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn leading_zero(digits: &[u8]) -> bool {
    matches!(digits, [b'0', next, ..] if next.is_ascii_digit())
}

/// `true` or `false`, also capitalised or in capitals.
pub(crate) fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_that_print_as_they_stand() {
        for good in [0, 7, -7, 10, i64::MAX, i64::MIN] {
            assert_eq!(integer(good.to_string().as_bytes()), Some(good));
        }
        for bad in
            ["", "-", "007", "-0", "+1", "1.0", "1e3", " 1", "9223372036854775808", "99999999999999999999"]
        {
            assert_eq!(integer(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn floats_are_numbers_without_leading_zeros() {
        for (text, value) in
            [("0.5", 0.5), ("-0", 0.0), ("1e3", 1000.0), (".5", 0.5), ("+1", 1.0), ("inf", f64::INFINITY)]
        {
            assert_eq!(float(text.as_bytes()), Some(value), "{text}");
        }
        for bad in ["", "00.5", "-01", "1,5", "0x10", "one", " 1"] {
            assert_eq!(float(bad.as_bytes()), None, "{bad}");
        }
        assert!(float(b"NaN").unwrap().is_nan());
    }

    #[test]
    fn a_quoted_field_is_unescaped_and_an_empty_one_is_not_missing() {
        let text = |raw: &[u8]| {
            let mut to = Vec::new();
            Field::read(raw, Some(b'"')).push_to(&mut to, b'"').then(|| String::from_utf8(to).unwrap())
        };
        assert_eq!(text(b""), None);
        assert_eq!(text(b"\"\""), Some(String::new()));
        assert_eq!(text(b"\"a\"\"b\""), Some("a\"b".into()));
        assert_eq!(text(b"\"\"\"\""), Some("\"".into()));
        assert_eq!(text(b"plain"), Some("plain".into()));
    }
}
