//! From a field path, as an API server writes it, to the place in the text.

use std::ops::Range;

use super::yaml::{Content, Entry, Node};

/// Which part of an entry a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its key: an unknown field.
    Key,
    /// Its value: a wrong type.
    Value,
}

/// The place of `path` (`spec.mounts[0].mountPoint`), or of the nearest field above it that is there.
pub fn locate(root: &Node, path: &str, part: Part) -> Range<usize> {
    let mut found = Found { key: root.place.clone(), value: root.place.clone(), rest: path.len() };
    descend(root, path, &found.clone(), &mut found);
    match (part, found.rest) {
        // A field that is not there is missing from the one above it, which its key names.
        (Part::Value, 0) => found.value,
        (Part::Key | Part::Value, _) => found.key,
    }
}

#[derive(Clone)]
struct Found {
    key: Range<usize>,
    value: Range<usize>,
    /// Bytes of the path that no field was found for.
    rest: usize,
}

/// Follows every way to read the path, since a key may itself contain dots, and keeps the longest.
fn descend(node: &Node, path: &str, here: &Found, best: &mut Found) {
    if path.len() < best.rest {
        *best = Found { rest: path.len(), ..here.clone() };
    }
    match &node.content {
        Content::Scalar(_) => {}
        Content::List(items) => {
            for (index, item) in items.iter().enumerate() {
                if let Some(rest) = path.strip_prefix(&format!("[{index}]")) {
                    let here = Found { key: item.place.clone(), value: item.place.clone(), rest: 0 };
                    descend(item, rest, &here, best);
                }
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                if let Some(rest) = after_key(path, entry) {
                    let here =
                        Found { key: entry.key_place.clone(), value: entry.value.place.clone(), rest: 0 };
                    descend(&entry.value, rest, &here, best);
                }
            }
        }
    }
}

fn after_key<'a>(path: &'a str, entry: &Entry) -> Option<&'a str> {
    let key = entry.key.as_str();
    let bracketed = path
        .strip_prefix('[')
        .and_then(|path| path.strip_prefix(key))
        .and_then(|path| path.strip_prefix(']'));
    bracketed.or_else(|| {
        let rest = path.strip_prefix('.').unwrap_or(path).strip_prefix(key)?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse;
    use super::*;

    const TEXT: &str =
        "metadata:\n  labels: {a.b/c: x}\nspec:\n  mounts:\n  - mountPoint: here\n  - {mountPoint: there}\n";

    fn shown(path: &str, part: Part) -> &'static str {
        let documents = parse(TEXT).unwrap();
        &TEXT[locate(&documents[0], path, part)]
    }

    #[test]
    fn paths_lead_to_keys_and_values() {
        assert_eq!(shown("spec.mounts[1].mountPoint", Part::Value), "there");
        assert_eq!(shown("spec.mounts[0].mountPoint", Part::Key), "mountPoint");
        assert_eq!(shown("metadata.labels.a.b/c", Part::Value), "x");
        assert_eq!(shown("metadata.labels[a.b/c]", Part::Key), "a.b/c");
    }

    #[test]
    fn what_is_missing_is_shown_at_the_field_above() {
        assert_eq!(shown("spec.datasets[0].name", Part::Value), "spec");
    }
}
