//! Canonical JSON (RFC 8785): one text for one value, so that it can be hashed.

use serde_json::{Number, Value};

/// The canonical text of `value`: members in order of their UTF-16 names, no spaces, numbers as
/// ECMAScript prints them.
///
/// Whole numbers beyond 2^53, which RFC 8785 leaves to the sender, are printed exactly: rounding
/// them would give two parameters one digest.
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    push(value, &mut text);
    text
}

fn push(value: &Value, to: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => to.push_str(&value.to_string()),
        Value::Number(number) => push_number(number, to),
        Value::Array(items) => {
            to.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    to.push(',');
                }
                push(item, to);
            }
            to.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|left, right| left.0.encode_utf16().cmp(right.0.encode_utf16()));
            to.push('{');
            for (place, (name, item)) in members.into_iter().enumerate() {
                if place > 0 {
                    to.push(',');
                }
                to.push_str(&Value::from(name.as_str()).to_string());
                to.push(':');
                push(item, to);
            }
            to.push('}');
        }
    }
}

fn push_number(number: &Number, to: &mut String) {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(value) => to.push_str(&ecmascript(value)),
        None => to.push_str(&number.to_string()),
    }
}

/// `Number::toString` of ECMAScript; the shortest digits that read back as `value`.
fn ecmascript(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // The decimal point stands behind this many digits.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", place_point(&digits, point))
}

fn place_point(digits: &str, point: i32) -> String {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |number: i32| "0".repeat(usize::try_from(number).unwrap_or(0));
    if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (whole, rest) = digits.split_at(usize::try_from(point).unwrap_or(0));
        format!("{whole}.{rest}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let sign = if point > 0 { "+" } else { "-" };
        format!("{first}{dot}{rest}e{sign}{}", (point - 1).abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_those_of_the_rfc() {
        // RFC 8785, appendix B.
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (5e-324, "5e-324"),
            (-5e-324, "-5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (295_147_905_179_352_830_000.0, "295147905179352830000"),
            (1e21, "1e+21"),
            (9.999_999_999_999_997e22, "9.999999999999997e+22"),
            (1e23, "1e+23"),
            (999_999_999_999_999_700_000.0, "999999999999999700000"),
            (0.000_001, "0.000001"),
            (9.999_999_999_999_997e-7, "9.999999999999997e-7"),
            (333_333_333.333_333_25, "333333333.33333325"),
            (-0.000_003_333_333_333_333_333_3, "-0.0000033333333333333333"),
            (1.0, "1"),
        ] {
            assert_eq!(ecmascript(value), text);
        }
    }

    #[test]
    fn members_are_in_utf16_order_without_spaces() {
        let value = json!({"\u{20ac}": 1, "\r": "\n", "\u{fb33}": [true, null], "1": {"b": 1.50, "a": 1e2}, "\u{1f600}": "\u{f6}\""});
        let expected = "{\"\\r\":\"\\n\",\"1\":{\"a\":100,\"b\":1.5},\"\u{20ac}\":1,\"\u{1f600}\":\"\u{f6}\\\"\",\"\u{fb33}\":[true,null]}";
        assert_eq!(canonical_json(&value), expected);
        assert_eq!(canonical_json(&json!(u64::MAX)), "18446744073709551615");
    }
}
