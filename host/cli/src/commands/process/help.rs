//! `millrace process --help` and `millrace process MODULE --help`, made from what the modules say of themselves.

use clap::CommandFactory;
use serde_json::Value;

use crate::arguments::Arguments;
use crate::manifest::with_article;
use crate::modules::{Module, Modules, NONE_SHIPPED};
use crate::report::table;

/// The command's own help, and the modules there are.
pub(super) fn general(modules: &Modules) -> String {
    let mut command = Arguments::command();
    command.build();
    let usage = command.find_subcommand_mut("process").map(|process| process.render_long_help().to_string());
    format!("{}\n{}", usage.unwrap_or_default().trim_end(), listed(modules))
}

/// The modules in a line.
pub(super) fn module_names(modules: &Modules) -> String {
    if modules.is_empty() { NONE_SHIPPED.to_owned() } else { modules.names().collect::<Vec<_>>().join(", ") }
}

fn listed(modules: &Modules) -> String {
    if modules.is_empty() {
        return format!("\nModules:\n  {NONE_SHIPPED}\n");
    }
    let rows = modules.iter().map(|module| {
        vec![format!("  {}", module.info.descriptor.name), module.info.descriptor.description.clone()]
    });
    format!("\nModules (millrace process MODULE --help has their parameters):\n{}", table::body(rows))
}

/// What a module does, and its parameters.
pub(super) fn module(module: &Module) -> String {
    let descriptor = &module.info.descriptor;
    let schema = Value::Object(descriptor.params_schema.clone());
    let mut text = format!(
        "{} {}\n{}\n\nUsage: millrace process {} --input FILE… --output FOLDER [-p KEY=VALUE]… [OPTIONS]\n\nParameters:\n",
        descriptor.name, descriptor.version, descriptor.description, descriptor.name
    );
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        text.push_str(&parameter(name, property, is_required(&schema, name)));
    }
    text.push_str(&ports("Outputs", &descriptor.outputs));
    text.push_str(&ports("Further inputs", &descriptor.side_inputs));
    text.push_str("\n`millrace process --help` has the options that every module takes.\n");
    text
}

fn ports(title: &str, ports: &[millrace_engine::Port]) -> String {
    if ports.is_empty() {
        return String::new();
    }
    let rows = ports.iter().map(|port| vec![format!("  {}", port.name), port.description.clone()]);
    format!("\n{title}:\n{}", table::body(rows))
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|names| names.iter().any(|required| required == name))
}

fn parameter(name: &str, schema: &Value, required: bool) -> String {
    let mut text = format!("  -p {name}=…  {}", kind(schema));
    match schema.get("default") {
        Some(default) => text.push_str(&format!(", default {}", plain(default))),
        None if required => text.push_str(", required"),
        None => {}
    }
    text.push('\n');
    if let Some(description) = schema.get("description").and_then(Value::as_str) {
        text.push_str(&format!("      {description}\n"));
    }
    for example in schema.get("examples").and_then(Value::as_array).into_iter().flatten() {
        text.push_str(&format!("      such as {}\n", assignments(name, example).join(" ")));
    }
    text
}

/// `a string or a list of strings`.
fn kind(schema: &Value) -> String {
    let alternatives = ["anyOf", "oneOf"].iter().find_map(|word| schema.get(word)?.as_array());
    if let Some(alternatives) = alternatives {
        let mut kinds: Vec<_> = alternatives.iter().map(kind).collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return format!("one of {}", words.iter().map(plain).collect::<Vec<_>>().join(", "));
    }
    match schema.get("type") {
        Some(Value::String(one)) => with_article(one),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).map(with_article).collect::<Vec<_>>().join(" or ")
        }
        _ => "any value".to_owned(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An example as it is typed: `-p sizes.train=80% -p sizes.test=20%`.
fn assignments(key: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            map.iter().flat_map(|(name, value)| assignments(&format!("{key}.{name}"), value)).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| assignments(key, item)).collect(),
        other => vec![format!("-p {key}={}", plain(other))],
    }
}
