//! What differs between two servers that answer alike: identifiers, times, versions, generated names.
//! Identifiers and versions become numbers in the order they appear, so that which are the same still shows.

use regex::{Captures, Regex};
use serde_json::Value;

use super::scenario::Scenario;

pub(super) struct Mask {
    uids: Vec<String>,
    versions: Vec<String>,
    /// Names the server completed, with what stands for them.
    generated: Vec<(String, String)>,
    /// Texts that the scenario itself says; no time among them is masked.
    given: String,
    uid: Regex,
    time: Regex,
    version_in_text: Regex,
    age: Regex,
}

impl Mask {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let bodies = scenario.steps.iter().filter_map(|step| step.body.as_ref());
        Self {
            uids: Vec::new(),
            versions: Vec::new(),
            generated: Vec::new(),
            given: bodies.map(Value::to_string).collect(),
            uid: Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap(),
            time: Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap(),
            version_in_text: Regex::new(r"(?i)(resource ?version\D{0,24}?)(\d+)( \(\d+\))?").unwrap(),
            age: Regex::new(r"^\d+[smh](\d+s)?$").unwrap(),
        }
    }

    /// Masks an answer in place.
    pub(super) fn apply(&mut self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                self.learn_generated(fields);
                // The version of a list or a bookmark is that of the whole server, which others move on.
                let is_object = fields.contains_key("name") || fields.contains_key("uid");
                for (name, field) in fields.iter_mut() {
                    match (name.as_str(), &field) {
                        ("resourceVersion", Value::String(version)) if !version.is_empty() && is_object => {
                            *field = numbered(&mut self.versions, "version", version).into();
                        }
                        ("resourceVersion", Value::String(version)) if !version.is_empty() => {
                            *field = "<version>".into();
                        }
                        ("continue", Value::String(_)) => *field = "<continue>".into(),
                        ("cells", Value::Array(cells)) => {
                            let cells = cells.clone();
                            *field = cells.into_iter().map(|cell| self.masked_cell(cell)).collect();
                        }
                        _ => self.apply(field),
                    }
                }
            }
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.apply(element)),
            Value::String(text) => *text = self.masked(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn learn_generated(&mut self, metadata: &serde_json::Map<String, Value>) {
        let text = |name| metadata.get(name).and_then(Value::as_str);
        let (Some(prefix), Some(name)) = (text("generateName"), text("name")) else { return };
        let known = self.generated.iter().any(|(generated, _)| generated == name);
        if !known && name.starts_with(prefix) && !self.given.contains(&format!("\"{name}\"")) {
            let stand_in = format!("{prefix}<generated-{}>", self.generated.len() + 1);
            self.generated.push((name.to_owned(), stand_in));
        }
    }

    /// A cell of a table may be how long ago something was.
    fn masked_cell(&mut self, mut cell: Value) -> Value {
        if cell.as_str().is_some_and(|text| self.age.is_match(text)) {
            return "<age>".into();
        }
        self.apply(&mut cell);
        cell
    }

    fn masked(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, stand_in) in &self.generated {
            text = text.replace(name, stand_in);
        }
        let uids = &mut self.uids;
        let text = self.uid.replace_all(&text, |found: &Captures| numbered(uids, "uid", &found[0]));
        let versions = &mut self.versions;
        let text = self.version_in_text.replace_all(&text, |found: &Captures| match found.get(3) {
            Some(_) => format!("{}<asked> (<oldest>)", &found[1]),
            None => format!("{}{}", &found[1], numbered(versions, "version", &found[2])),
        });
        let given = &self.given;
        let time = |found: &Captures| match given.contains(&found[0]) {
            true => found[0].to_owned(),
            false => "<time>".to_owned(),
        };
        self.time.replace_all(&text, time).into_owned()
    }
}

/// `<uid-1>` for the first one seen, and again wherever the same one appears.
fn numbered(seen: &mut Vec<String>, what: &str, value: &str) -> String {
    let position = seen.iter().position(|known| known == value).unwrap_or_else(|| {
        seen.push(value.to_owned());
        seen.len() - 1
    });
    format!("<{what}-{}>", position + 1)
}
