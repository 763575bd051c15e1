//! The recorded answers: reading, holding others to them with every difference told at once, writing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::replay::Answer;
use super::scenario::{Scenario, folder};

/// Differences: scenario → position and request of a step → what differs first.
type Differences = BTreeMap<String, BTreeMap<String, String>>;

/// What a real server answered to a scenario.
pub(super) fn recorded(scenario: &str) -> Vec<Answer> {
    read(&file(scenario))
}

/// Writes the answers as those to hold others to.
pub(super) fn record(answers: &[(Scenario, Vec<Answer>)]) {
    for (scenario, answers) in answers {
        let head = "# Written by `RECORD=1 make e2e` from the answers of a real API server; never by hand.\n";
        write(&file(&scenario.name), head, answers);
    }
}

/// Fails with every difference from the recorded answers.
pub(super) fn hold_to_recording(answers: &[(Scenario, Vec<Answer>)]) {
    let (found, report) = differences(answers);
    assert!(found.is_empty(), "answers differ (-: recorded, +: now):\n{report}");
}

/// Fails where the differences are others than those listed: by one that is new, by one that is gone.
/// `UPDATE=1` writes the list instead.
pub(super) fn hold_to_recording_but_for_known(answers: &[(Scenario, Vec<Answer>)]) {
    let path = folder().join("recorded/in-process/differences.yaml");
    let (found, report) = differences(answers);
    if std::env::var_os("UPDATE").is_some() {
        let head = "# Where the in-process server does not answer as the real one yet: the step, and what differs first.\n\
                    # Written by `UPDATE=1 cargo test --workspace --test it conformance`; it may only get shorter.\n";
        write(&path, head, &found);
        return;
    }
    let steps = |list: &Differences| -> BTreeSet<(String, String)> {
        let steps = list
            .iter()
            .flat_map(|(scenario, steps)| steps.keys().map(|step| (scenario.clone(), step.clone())));
        steps.collect()
    };
    let (known, found) = (steps(&read(&path)), steps(&found));
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(gone.is_empty(), "no longer different; take them off {} (UPDATE=1): {gone:#?}", path.display());
    let new: Vec<_> = found.difference(&known).collect();
    assert!(new.is_empty(), "newly different: {new:#?}\nAll differences (-: recorded, +: now):\n{report}");
}

/// Every difference, and a report of them.
fn differences(answers: &[(Scenario, Vec<Answer>)]) -> (Differences, String) {
    let (mut list, mut report) = (Differences::new(), String::new());
    for (scenario, answers) in answers {
        let expected = recorded(&scenario.name);
        assert_eq!(expected.len(), answers.len(), "{}: record anew with `RECORD=1 make e2e`", scenario.name);
        for (position, (expected, found)) in expected.iter().zip(answers).enumerate() {
            if expected == found {
                continue;
            }
            let step = format!("{} {}", position + 1, found.request);
            writeln!(report, "\n{} {step}", scenario.name).unwrap();
            let lines = describe(expected, found);
            lines.iter().for_each(|line| writeln!(report, "  {line}").unwrap());
            let first = lines.first().cloned().unwrap_or_default();
            list.entry(scenario.name.clone()).or_default().insert(step, shortened(&first));
        }
    }
    (list, report)
}

/// The differences of two answers, the status code's first.
fn describe(expected: &Answer, found: &Answer) -> Vec<String> {
    let whole = |answer: &Answer| serde_json::to_value(answer).unwrap();
    let mut lines = Vec::new();
    compare(&whole(expected), &whole(found), "", &mut lines);
    lines.sort_by_key(|line| (!line.starts_with("status"), !line.starts_with("body.message")));
    lines
}

fn compare(expected: &Value, found: &Value, path: &str, lines: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
            for name in names {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare_field(expected, found, name, &below, lines);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (position, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(expected, found, &format!("{path}[{position}]"), lines);
            }
        }
        _ if expected != found => lines.push(format!("{path}: - {expected} + {found}")),
        _ => {}
    }
}

fn compare_field(
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
    name: &str,
    path: &str,
    lines: &mut Vec<String>,
) {
    match (expected.get(name), found.get(name)) {
        (Some(expected), Some(found)) => compare(expected, found, path, lines),
        (Some(expected), None) => lines.push(format!("{path}: - {expected}")),
        (None, Some(found)) => lines.push(format!("{path}: + {found}")),
        (None, None) => {}
    }
}

/// Enough of a line to know what it is about.
fn shortened(line: &str) -> String {
    const LONGEST: usize = 160;
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &std::path::Path, head: &str, content: &impl serde::Serialize) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("{head}{}", serde_yaml::to_string(content).unwrap())).unwrap();
}

fn file(scenario: &str) -> PathBuf {
    folder().join("recorded").join(format!("{scenario}.yaml"))
}
