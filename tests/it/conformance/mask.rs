//! What differs between two servers that answer alike: identifiers, times, versions, generated names.
//! Identifiers are called after their object and versions counted per object, so that which are the same still shows.

use regex::{Captures, Regex};
use serde_json::{Map, Value};

use super::scenario::Scenario;

pub(super) struct Mask {
    /// Identifiers, with what stands for each.
    uids: Vec<(String, String)>,
    /// Versions of objects, with what stands for each.
    versions: Vec<(String, String)>,
    /// Names the server completed, with what stands for them.
    generated: Vec<(String, String)>,
    /// Texts that the scenario itself says; no time or identifier among them is masked.
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
            Value::Object(fields) => self.apply_fields(fields),
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.apply(element)),
            Value::String(text) => *text = self.masked(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn apply_fields(&mut self, fields: &mut Map<String, Value>) {
        self.learn_generated(fields);
        let object = self.learn_object(fields);
        let masked = std::mem::take(fields).into_iter().map(|(name, mut field)| {
            match (name.as_str(), field.as_str().is_some_and(|text| !text.is_empty())) {
                ("resourceVersion", true) => field = self.version(object.as_deref(), &field).into(),
                ("continue", true) => field = "<continue>".into(),
                ("cells", _) => self.mask_cells(&mut field),
                ("managedFields", _) => {
                    self.apply(&mut field);
                    sort_managers(&mut field);
                }
                _ => self.apply(&mut field),
            }
            (self.masked(&name), field)
        });
        *fields = masked.collect();
    }

    fn learn_generated(&mut self, metadata: &Map<String, Value>) {
        let text = |name| metadata.get(name).and_then(Value::as_str);
        let (Some(prefix), Some(name)) = (text("generateName"), text("name")) else { return };
        let known = self.generated.iter().any(|(generated, _)| generated == name);
        if !known && name.starts_with(prefix) && !self.given.contains(&format!("\"{name}\"")) {
            let stand_in = format!("{prefix}<generated-{}>", self.generated.len() + 1);
            self.generated.push((name.to_owned(), stand_in));
        }
    }

    /// Gives the identifier of metadata a name after its object; the next object of that name gets another.
    fn learn_object(&mut self, metadata: &Map<String, Value>) -> Option<String> {
        let text = |name| metadata.get(name).and_then(Value::as_str);
        let (uid, name) = (text("uid")?, text("name")?);
        if !self.uids.iter().any(|(known, _)| known == uid) {
            let name = self.without_generated(name);
            let before = self.uids.iter().filter(|(_, label)| label.split('#').next() == Some(&name)).count();
            let label = if before == 0 { name } else { format!("{name}#{}", before + 1) };
            self.uids.push((uid.to_owned(), label));
        }
        let known = self.uids.iter().find(|(known, _)| known == uid);
        known.map(|(_, label)| label.clone())
    }

    /// The version of a list or a bookmark is that of the whole server, which others move on.
    fn version(&mut self, object: Option<&str>, version: &Value) -> String {
        let (Some(object), Some(version)) = (object, version.as_str()) else { return "<version>".to_owned() };
        if let Some((_, label)) = self.versions.iter().find(|(known, _)| known == version) {
            return label.clone();
        }
        let of = format!(" of {object}>");
        let before = self.versions.iter().filter(|(_, label)| label.ends_with(&of)).count();
        let label = format!("<version {}{of}", before + 1);
        self.versions.push((version.to_owned(), label.clone()));
        label
    }

    /// A cell of a table may be how long ago something was.
    fn mask_cells(&mut self, cells: &mut Value) {
        for cell in cells.as_array_mut().into_iter().flatten() {
            if cell.as_str().is_some_and(|text| self.age.is_match(text)) {
                *cell = "<age>".into();
            } else {
                self.apply(cell);
            }
        }
    }

    fn without_generated(&self, text: &str) -> String {
        let replace = |text: String, (name, stand_in): &(String, String)| text.replace(name, stand_in);
        self.generated.iter().fold(text.to_owned(), replace)
    }

    fn masked(&self, text: &str) -> String {
        let text = self.without_generated(text);
        let label = |known: &[(String, String)], value: &str| {
            known.iter().find(|(known, _)| known == value).map(|(_, label)| label.clone())
        };
        let text = self.uid.replace_all(&text, |found: &Captures| match label(&self.uids, &found[0]) {
            Some(object) => format!("<uid of {object}>"),
            None if self.given.contains(&found[0]) => found[0].to_owned(),
            None => "<uid>".to_owned(),
        });
        let text = self.version_in_text.replace_all(&text, |found: &Captures| match found.get(3) {
            Some(_) => format!("{}<asked> (<oldest>)", &found[1]),
            None => {
                let version = label(&self.versions, &found[2]);
                format!("{}{}", &found[1], version.unwrap_or_else(|| "<version>".to_owned()))
            }
        });
        let time = |found: &Captures| match self.given.contains(&found[0]) {
            true => found[0].to_owned(),
            false => "<time>".to_owned(),
        };
        self.time.replace_all(&text, time).into_owned()
    }
}

/// Managers stand in the order of their times, which are whole seconds: that order is chance.
fn sort_managers(managers: &mut Value) {
    let text = |manager: &Value, name: &str| manager.get(name).map(Value::to_string);
    let key = |manager: &Value| {
        ["manager", "operation", "subresource", "apiVersion"].map(|name| text(manager, name))
    };
    if let Some(managers) = managers.as_array_mut() {
        managers.sort_by_key(|manager| key(manager));
    }
}
