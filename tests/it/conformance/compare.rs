//! The recorded answers: reading, holding others to them with every difference told at once, writing.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::Value;

use super::replay::Answer;
use super::scenario::{Scenario, folder};

/// What a real server answered to a scenario.
pub(super) fn recorded(scenario: &str) -> Vec<Answer> {
    let path = file(scenario);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes the answers as those to hold others to.
pub(super) fn record(answers: &[(Scenario, Vec<Answer>)]) {
    for (scenario, answers) in answers {
        let text = serde_yaml::to_string(answers).unwrap();
        let head = "# Written by `RECORD=1 make e2e` from the answers of a real API server; never by hand.\n";
        std::fs::write(file(&scenario.name), format!("{head}{text}")).unwrap();
    }
}

/// Fails with every difference from the recorded answers.
pub(super) fn hold_to_recording(answers: &[(Scenario, Vec<Answer>)]) {
    let mut report = String::new();
    let mut wrong = 0;
    for (scenario, answers) in answers {
        let expected = recorded(&scenario.name);
        assert_eq!(expected.len(), answers.len(), "{}: record anew with `RECORD=1 make e2e`", scenario.name);
        for (position, (expected, found)) in expected.iter().zip(answers).enumerate() {
            if expected != found {
                wrong += 1;
                writeln!(report, "\n{} step {} {}", scenario.name, position + 1, found.request).unwrap();
                describe(expected, found, &mut report);
            }
        }
    }
    assert!(wrong == 0, "{wrong} answers differ (-: recorded from the real server, +: now):\n{report}");
}

fn describe(expected: &Answer, found: &Answer, report: &mut String) {
    let whole = |answer: &Answer| serde_json::to_value(answer).unwrap();
    differences(&whole(expected), &whole(found), "", report);
}

fn differences(expected: &Value, found: &Value, path: &str, report: &mut String) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let mut names: Vec<_> = expected.keys().chain(found.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let of = |fields: &serde_json::Map<String, Value>| fields.get(name).cloned().unwrap_or(Value::Null);
                differences(&of(expected), &of(found), &format!("{path}.{name}"), report);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (position, (expected, found)) in expected.iter().zip(found).enumerate() {
                differences(expected, found, &format!("{path}[{position}]"), report);
            }
        }
        _ if expected != found => writeln!(report, "  {path}\n    - {expected}\n    + {found}").unwrap(),
        _ => {}
    }
}

fn file(scenario: &str) -> PathBuf {
    folder().join("recorded").join(format!("{scenario}.yaml"))
}
