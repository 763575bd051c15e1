//! From a value to the name of its output: a folder's name, safe everywhere and different for
//! different values.
//!
//! ASCII letters and digits, `-`, `_` and `.` stand for themselves; every other byte, and one of `-`,
//! `_`, `.` at the beginning, is `%` and two hexadecimal digits. So names never hide, never leave
//! their folder and never look like an option. A name that the folder itself uses (`README.md`,
//! `part-…`) has its first byte so. A missing value is `%null`, the empty text `%empty`.

/// Bytes of a name; a longer one is cut and gets a digest.
const LONGEST: usize = 120;
/// Hexadecimal digits of the digest.
const DIGITS: usize = 32;
/// A file that stands beside the outputs.
const BESIDE: &str = "readme.md";
/// What the names of the outputs' files begin with.
const PART: &str = "part-";

/// The name of the output for a value; `taken` is a name it must not have.
#[must_use]
pub fn name_of(value: Option<&[u8]>, taken: Option<&str>) -> String {
    let Some(value) = value else { return "%null".to_owned() };
    if value.is_empty() {
        return "%empty".to_owned();
    }
    let plain = escape(value, false);
    let used = plain.eq_ignore_ascii_case(BESIDE) || plain.starts_with(PART) || Some(plain.as_str()) == taken;
    let name = if used { escape(value, true) } else { plain };
    if name.len() <= LONGEST { name } else { shorten(&name, value) }
}

/// `first`: the first byte is written in hexadecimal whatever it is.
fn escape(value: &[u8], first: bool) -> String {
    let mut name = String::new();
    for (position, byte) in value.iter().enumerate() {
        let plain = match byte {
            b'-' | b'_' | b'.' => position > 0,
            byte => byte.is_ascii_alphanumeric(),
        };
        if plain && !(first && position == 0) {
            name.push(char::from(*byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name
}

/// A beginning, `%~` (which no escape looks like) and the value's digest.
fn shorten(name: &str, value: &[u8]) -> String {
    let mut end = LONGEST - DIGITS - 2;
    while name.get(..end).is_some_and(|start| start.get(end - 2..).is_some_and(|last| last.contains('%'))) {
        end -= 1;
    }
    let digest = blake3::hash(value).to_hex();
    format!("{}%~{}", name.get(..end).unwrap_or_default(), digest.get(..DIGITS).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn name(value: &str) -> String {
        name_of(Some(value.as_bytes()), Some("other"))
    }

    #[test]
    fn names_are_readable_and_safe() {
        for (value, expected) in [
            ("Berlin", "Berlin"),
            ("New York", "New%20York"),
            ("a-b_c.d", "a-b_c.d"),
            ("..", "%2E."),
            ("_SUCCESS", "%5FSUCCESS"),
            ("-rf", "%2Drf"),
            ("a/b", "a%2Fb"),
            ("50%", "50%25"),
            ("ß", "%C3%9F"),
            ("", "%empty"),
            ("null", "null"),
            ("readme.md", "%72eadme.md"),
            ("part-1", "%70art-1"),
            ("other", "%6Fther"),
        ] {
            assert_eq!(name(value), expected);
        }
        assert_eq!(name_of(None, None), "%null");
        assert_eq!(name_of(Some(b"other"), None), "other");
    }

    #[test]
    fn long_names_are_cut_between_escapes() {
        let long = name(&"ü".repeat(100));
        assert!(long.len() <= LONGEST, "{long}");
        assert!(long.starts_with("%C3%BC"));
        let (start, digest) = long.split_once("%~").unwrap();
        assert_eq!((start.len() % 3, digest.len()), (0, DIGITS));
        assert_ne!(name(&"x".repeat(200)), name(&"x".repeat(201)));
        assert_eq!(name(&"x".repeat(LONGEST)).len(), LONGEST);
    }

    proptest! {
        #[test]
        fn different_values_have_different_names(values in prop::collection::hash_set("[a-cA%/._ -]{0,4}|other|readme.md|README.md|%null|%empty", 1..60)) {
            let mut seen = HashMap::new();
            for value in &values {
                let name = name(value);
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.%~".contains(&byte)));
                prop_assert!(!name.starts_with(['-', '_', '.']) && name != "other");
                if let Some(before) = seen.insert(name.clone(), value) {
                    prop_assert!(false, "{before:?} and {value:?} are both {name}");
                }
            }
        }
    }
}
