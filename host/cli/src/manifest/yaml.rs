//! YAML text to trees that remember where everything stands. It knows YAML and nothing of objects.
//!
//! Text is read as kubectl reads it: YAML 1.1 booleans, octal numbers with a leading zero, duplicate
//! keys refused. Documents that unfold aliases without end are stopped by a budget.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_yaml::{Location, Spanned};

/// Events that aliases may unfold into: a manifest of this size would be no manifest.
const REPLAYED_EVENTS: usize = 100_000;
/// Nodes of all documents of one text together.
const NODES: usize = 1_000_000;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub content: Content,
    /// Its bytes in the text; of a list or map, where it begins.
    pub place: Range<usize>,
}

/// A value of the JSON model.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Null, a boolean, a number or a string.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A map, in the text's order.
    Map(Vec<Entry>),
}

/// A key of a map, and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its bytes in the text.
    pub key_place: Range<usize>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The same without places.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// The entry of this key, where this is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of this key, where this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The text, where this is a string.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(value) => value.as_str(),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The entries, where this is a map.
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            Content::Scalar(_) | Content::List(_) => &[],
        }
    }

    /// The items, where this is a list.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            Content::Scalar(_) | Content::Map(_) => &[],
        }
    }

    fn is_null(&self) -> bool {
        self.content == Content::Scalar(Value::Null)
    }
}

/// What is wrong with a text that is not YAML.
#[derive(Debug)]
pub struct SyntaxError {
    /// In words, without the place.
    pub message: String,
    /// Where.
    pub place: Range<usize>,
}

/// The documents of a text; empty ones are left out.
///
/// # Errors
/// The text is not YAML, has duplicate keys, or unfolds into too much.
pub fn parse(text: &str) -> Result<Vec<Node>, SyntaxError> {
    let options = serde_yaml::options! {
        legacy_octal_numbers: true,
        with_snippet: false,
        budget: serde_yaml::budget! { max_nodes: NODES },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: REPLAYED_EVENTS },
    };
    let documents: Vec<Spanned<Content>> =
        serde_yaml::from_multiple_with_options(text, options).map_err(|error| {
            let place = error.location().map_or(0..0, |location| place(text, &location));
            SyntaxError { message: message(&error), place }
        })?;
    let mut nodes: Vec<_> = documents.into_iter().map(Node::from).collect();
    nodes.retain(|node| !node.is_null());
    Ok(nodes)
}

/// The parser's sentence without the place, which the snippet shows.
fn message(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let without_place = first.rsplit_once(" at line ").map_or(first, |(message, _)| message);
    without_place.trim_start_matches("error: ").to_owned()
}

fn place(text: &str, location: &Location) -> Range<usize> {
    let span = location.span();
    let start = span
        .byte_offset()
        .map_or_else(|| offset(text, location), |start| usize::try_from(start).unwrap_or(0));
    let start = start.min(text.len());
    let length = span.byte_len().map_or(0, |length| usize::try_from(length).unwrap_or(0));
    start..(start + length).min(text.len())
}

/// For locations that give line and column only.
fn offset(text: &str, location: &Location) -> usize {
    let (line, column) = (location.line().max(1), location.column().max(1));
    let lines = text.split_inclusive('\n').map(str::len);
    let before: usize = lines.take(usize::try_from(line - 1).unwrap_or(0)).sum();
    before + usize::try_from(column - 1).unwrap_or(0)
}

fn bytes(location: &Location) -> Range<usize> {
    let span = location.span();
    let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
    let start = number(span.byte_offset());
    start..start + number(span.byte_len())
}

impl From<Spanned<Content>> for Node {
    fn from(spanned: Spanned<Content>) -> Self {
        Self { place: bytes(&spanned.referenced), content: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Content, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Content::Scalar(number.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Content, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Content>>()? {
            items.push(item.into());
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<Spanned<String>, Spanned<Content>>()? {
            entries.push(Entry { key_place: bytes(&key.referenced), key: key.value, value: value.into() });
        }
        Ok(Content::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn json_of(text: &str) -> Vec<Value> {
        parse(text).unwrap().iter().map(Node::to_json).collect()
    }

    #[test]
    fn values_are_read_as_kubectl_reads_them() {
        let text = "a: yes\nb: 'yes'\nc: off\nd: 017\ne: 1.5\nf: ~\ng: 80%\nh: [1, x]\non: Failure\n1: one\n";
        let wanted = json!({"a": true, "b": "yes", "c": false, "d": 15, "e": 1.5, "f": null, "g": "80%", "h": [1, "x"], "on": "Failure", "1": "one"});
        assert_eq!(json_of(text), [wanted]);
    }

    #[test]
    fn empty_documents_are_left_out() {
        assert_eq!(
            json_of("---\n---\na: 1\n---\n# nothing\n---\n{\"b\": 2}\n"),
            [json!({"a": 1}), json!({"b": 2})]
        );
    }

    #[test]
    fn anchors_and_merge_keys_unfold() {
        let text = "base: &b {x: 1, y: 2}\nother:\n  <<: *b\n  y: 3\n";
        assert_eq!(json_of(text), [json!({"base": {"x": 1, "y": 2}, "other": {"x": 1, "y": 3}})]);
    }

    #[test]
    fn every_key_and_value_knows_its_place() {
        let text = "spec:\n  mounts:\n  - mountPoint: \"s3://bücher/x\" # ü\n    name: ä\n    path: /x\n";
        let documents = parse(text).unwrap();
        let mount = &documents[0].get("spec").unwrap().get("mounts").unwrap().items()[0];
        let shown = |place: &Range<usize>| &text[place.clone()];
        assert_eq!(shown(&mount.entry("mountPoint").unwrap().key_place), "mountPoint");
        assert_eq!(shown(&mount.get("mountPoint").unwrap().place), "\"s3://bücher/x\"");
        assert_eq!(shown(&mount.get("path").unwrap().place), "/x");
    }

    #[test]
    fn duplicate_keys_and_broken_text_are_named_with_their_place() {
        let error = parse("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert!(error.message.contains("duplicate"), "{}", error.message);
        assert_eq!(error.place.start, 10);
        let error = parse("a: [1, 2\nb: 3\n").unwrap_err();
        assert!(error.place.start >= 8, "{error:?}");
    }

    #[test]
    fn alias_bombs_are_stopped() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let again = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{again}]\n"));
        }
        assert!(parse(&text).is_err());
    }
}
