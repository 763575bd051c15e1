//! The objects that a `millrace process` command means: datasets for what it reads and writes, and the operation.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Process, word};

/// The manifest as YAML; in words what the command lacks.
pub(super) fn manifest(process: &Process, module: &str, parameters: Value) -> Result<String, String> {
    if process.input.is_empty() {
        return Err("what is to be read? --input FILE, FOLDER or URL".to_owned());
    }
    let learns_only = matches!(process.method, Some(super::Method::Fit));
    if process.output.is_none() && !learns_only {
        return Err("where is the result to be published? --output FOLDER".to_owned());
    }
    let (mounts, input) = inputs(&process.input)?;
    let mut objects = vec![dataset("input", mounts, false)];
    let mut uses = vec![json!({"name": "input", "path": "/input"})];
    let mut wasm = Map::new();
    wasm.extend([("module", json!(module)), ("input", json!(input)), ("parameters", parameters)].map(named));
    for (name, folder) in [("output", &process.output), ("model", &process.model)] {
        if let Some(folder) = folder {
            let path = format!("/{name}");
            objects.push(dataset(name, vec![json!({"mountPoint": mount_point(folder)?})], true));
            uses.push(json!({"name": name, "path": path}));
            wasm.insert(name.to_owned(), json!(path));
        }
    }
    settings(process, &mut wasm);
    objects.push(json!({
        "apiVersion": "data.fluid.io/v1alpha1",
        "kind": "DataProcessing",
        "metadata": {"name": operation_name(module)},
        "spec": {"datasets": uses, "processor": {"wasm": wasm}},
    }));
    let texts: Result<Vec<_>, _> = objects.iter().map(serde_yaml::to_string).collect();
    texts.map(|texts| texts.join("---\n")).map_err(|error| error.to_string())
}

/// What is said only where it differs from what an API server fills in.
fn settings(process: &Process, wasm: &mut Map<String, Value>) {
    let settings = [
        ("method", process.method.map(|method| json!(word(method)))),
        ("format", process.format.map(|format| json!(word(format)))),
        ("outputMode", process.output_mode.map(|mode| json!(word(mode)))),
        ("onBadRow", process.on_bad_row.map(|rule| json!(word(rule)))),
        ("seed", process.seed.map(|seed| json!(seed))),
        ("outputOptions", process.output_format.map(|format| json!({"format": word(format)}))),
    ];
    wasm.extend(settings.into_iter().filter_map(|(field, value)| Some(named((field, value?)))));
}

fn named((name, value): (&str, Value)) -> (String, Value) {
    (name.to_owned(), value)
}

fn dataset(name: &str, mounts: Vec<Value>, writable: bool) -> Value {
    let mut spec = Map::from_iter([("mounts".to_owned(), Value::Array(mounts))]);
    if writable {
        spec.insert("accessModes".to_owned(), json!(["ReadWriteMany"]));
    }
    json!({"apiVersion": "fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": name}, "spec": spec})
}

/// Mounts of the inputs and where the module reads: each file or folder is a mount of its own, so
/// that nothing beside it is looked at.
fn inputs(given: &[String]) -> Result<(Vec<Value>, String), String> {
    if let [one] = given {
        let (place, glob) = without_glob(one);
        let input = if glob.is_empty() { "/input".to_owned() } else { format!("/input/{glob}") };
        return Ok((vec![json!({"mountPoint": mount_point(place)?})], input));
    }
    let mounts = given.iter().enumerate().map(|(index, input)| {
        if without_glob(input).1.is_empty() {
            // The number keeps the order in which they were given.
            Ok(json!({"mountPoint": mount_point(input)?, "path": format!("/{index:05}")}))
        } else {
            Err(format!("--input {input}: give one glob, or files and folders without a glob"))
        }
    });
    Ok((mounts.collect::<Result<_, String>>()?, "/input".to_owned()))
}

/// The folder before a glob, and the glob; no glob where there is none or where a file is called so.
fn without_glob(input: &str) -> (&str, &str) {
    let is_url = input.contains("://");
    match input.find(['*', '?', '[', '{']) {
        Some(special) if is_url || !Path::new(input).exists() => {
            let before = input.get(..special).unwrap_or_default();
            before.rfind('/').map_or((".", input), |slash| {
                (input.get(..slash).unwrap_or_default(), input.get(slash + 1..).unwrap_or_default())
            })
        }
        _ => (input, ""),
    }
}

/// A URL as it is; a path of this machine made absolute.
fn mount_point(place: &str) -> Result<String, String> {
    if place.contains("://") {
        return Ok(place.to_owned());
    }
    let given = if place.is_empty() { "/" } else { place };
    let absolute = std::path::absolute(given).map_err(|error| format!("{place}: {error}"))?;
    let plain = crate::manifest::local_paths::without_dots(&absolute);
    let text = plain.to_str().ok_or_else(|| format!("{place}: a path is text in UTF-8"))?;
    Ok(format!("local://{text}"))
}

/// The module's name as the name of an object.
fn operation_name(module: &str) -> String {
    let name = module.split(['@', ':']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    if name.is_empty() { "process".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_begin_after_the_last_plain_folder() {
        for (given, folder, glob) in [
            ("data/*.csv", "data", "*.csv"),
            ("*.csv", ".", "*.csv"),
            ("s3://bucket/a/**/x.csv", "s3://bucket/a", "**/x.csv"),
            ("data/x.csv", "data/x.csv", ""),
        ] {
            assert_eq!(without_glob(given), (folder, glob), "{given}");
        }
    }
}
