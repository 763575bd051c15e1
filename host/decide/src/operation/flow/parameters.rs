//! `${parameters.<name>}` and `${tick.<part>}` in the texts of a flow's steps.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::tz::TimeZone;
use millrace_crds::Reason;
use millrace_crds::data_flow::DataFlowSpec;
use serde_json::Value;

use super::super::Operation;
use crate::refusal::Refusal;
use crate::{schedule, text};

/// Everything that may be named, with its value: the tick, then the flow's own parameters, which may name the tick.
pub(super) fn values(flow: &Operation, spec: &DataFlowSpec) -> Result<BTreeMap<String, String>, Refusal> {
    let invalid = |message: String| Refusal::new(Reason::InvalidSpec, message);
    let zone = spec.operation.time_zone.as_deref().map_or(Ok(TimeZone::UTC), schedule::zone_named);
    let zone = zone.map_err(|error| Refusal::new(Reason::InvalidSchedule, error.to_string()))?;
    let tick = flow.tick.or(flow.created).unwrap_or(Timestamp::UNIX_EPOCH);
    let local = tick.to_zoned(zone);
    let mut values: BTreeMap<String, String> = [
        ("tick.date", local.strftime("%Y-%m-%d").to_string()),
        ("tick.time", tick.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("tick.year", local.strftime("%Y").to_string()),
        ("tick.month", local.strftime("%m").to_string()),
        ("tick.day", local.strftime("%d").to_string()),
        ("tick.hour", local.strftime("%H").to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut own = BTreeMap::new();
    for parameter in &spec.parameters {
        let name = &parameter.name;
        let given = parameter.value.as_ref().or(parameter.default.as_ref());
        let given = given
            .ok_or_else(|| invalid(format!("parameter {name} has no value and no default: give one")))?;
        let value = replace(given, &values).map_err(|why| invalid(format!("parameter {name}: {why}")))?;
        own.insert(format!("parameters.{name}"), value);
    }
    values.append(&mut own);
    Ok(values)
}

/// Replaces what the texts of a value name.
///
/// # Errors
/// What is named and not there.
pub(super) fn fill(value: Value, values: &BTreeMap<String, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(replace(&text, values)?),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| fill(item, values)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let filled = fields.into_iter().map(|(key, item)| Ok((key, fill(item, values)?)));
            Value::Object(filled.collect::<Result<_, String>>()?)
        }
        other => other,
    })
}

/// Replaces `${parameters.…}` and `${tick.…}`; `$${` stands for `${`, and any other `${` is left as
/// it is, since scripts are full of it.
fn replace(given: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut made = String::with_capacity(given.len());
    let mut rest = given;
    while let Some((before, after)) = rest.split_once("${") {
        made.push_str(before);
        rest = after;
        if made.ends_with('$') {
            made.push('{');
            continue;
        }
        let named = after
            .split_once('}')
            .filter(|(name, _)| name.starts_with("parameters.") || name.starts_with("tick."));
        let Some((name, after)) = named else {
            made.push_str("${");
            continue;
        };
        let value = values.get(name).ok_or_else(|| {
            let hint = text::did_you_mean(text::nearest(name, values.keys().map(String::as_str)));
            format!("${{{name}}} names nothing: add it to spec.parameters.{hint}")
        })?;
        made.push_str(value);
        rest = after;
    }
    made.push_str(rest);
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_filled_wherever_they_stand() {
        let values = [("parameters.day".to_owned(), "2026-11-24".to_owned())].into();
        let given = json!({"a": ["x/${parameters.day}/y", 7, {"b": "${parameters.day}${parameters.day}"}]});
        let wanted = json!({"a": ["x/2026-11-24/y", 7, {"b": "2026-11-242026-11-24"}]});
        assert_eq!(fill(given, &values).unwrap(), wanted);
    }

    #[test]
    fn other_dollars_are_left_alone() {
        let values = [("parameters.day".to_owned(), "1".to_owned())].into();
        let same = ["${HOME}", "$${", "${", "$", "${parameters.day", "a$b"];
        for text in same {
            let wanted = text.replace("$${", "${");
            assert_eq!(replace(text, &values).unwrap(), wanted, "{text}");
        }
        assert_eq!(replace("$${parameters.day}", &values).unwrap(), "${parameters.day}");
        let told = replace("${parameters.dya}", &values).unwrap_err();
        assert!(told.contains("Did you mean parameters.day?"), "{told}");
    }
}
