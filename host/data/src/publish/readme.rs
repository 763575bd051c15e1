//! The README beside the data, whose front matter tells `datasets.load_dataset(path)` the splits.

use std::fmt::Write as _;
use std::path::Path;

use crate::format::Format;
use crate::manifest::Manifest;

/// Marks a README as ours to replace.
const MARK: &str = "<!-- written by Millrace; edit or remove this line to keep your own text -->";

/// Whether a README may be written at `path`: there is none, or one of ours.
pub(crate) fn is_ours(path: &Path) -> bool {
    match std::fs::read_to_string(path) {
        Ok(text) => is_marked(&text),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Whether a README with this text is ours to replace.
pub(crate) fn is_marked(text: &str) -> bool {
    text.contains(MARK)
}

/// The README of `manifest`.
pub(crate) fn text(manifest: &Manifest) -> String {
    let mut text = front_matter(manifest);
    let module = &manifest.module;
    // Writing into a String does not fail.
    let _ =
        write!(text, "{MARK}\n\nMade by `{}` {} from {}.\n", module.name, module.version, inputs(manifest));
    text.push_str("What exactly was read and proved is in `_millrace/manifest.json`.\n\n");
    text.push_str("| output | rows | bytes |\n|---|---:|---:|\n");
    for (name, summary) in &manifest.outputs {
        let _ = writeln!(text, "| {} | {} | {} |", name.replace('|', "\\|"), summary.rows, summary.bytes);
    }
    text
}

fn inputs(manifest: &Manifest) -> String {
    let files: usize = manifest.inputs.iter().map(|input| input.files.len()).sum();
    format!("{files} files")
}

/// Splits of one configuration where every output's name can be a split's; else a configuration each.
fn front_matter(manifest: &Manifest) -> String {
    let Some(format) = manifest.format.filter(|format| format.format != Format::Npy) else {
        return String::new();
    };
    let mut text = String::from("---\nconfigs:\n");
    let filled: Vec<_> =
        manifest.outputs.iter().filter(|(_, summary)| summary.rows > 0).map(|(name, _)| name).collect();
    if filled.is_empty() {
        return String::new();
    }
    let extension = format.extension();
    let path = |name: &str| quoted(&format!("{name}/part-*.{extension}"));
    if filled.iter().all(|name| can_be_split(name)) {
        text.push_str("- config_name: default\n  data_files:\n");
        for name in filled {
            let _ = write!(text, "  - split: {}\n    path: {}\n", quoted(name), path(name));
        }
    } else {
        for name in filled {
            let _ = write!(text, "- config_name: {}\n  data_files: {}\n", quoted(name), path(name));
        }
    }
    text.push_str("---\n");
    text
}

/// `datasets` allows word characters and single dots between them.
fn can_be_split(name: &str) -> bool {
    name.split('.').all(|word| {
        !word.is_empty() && word.chars().all(|character| character.is_alphanumeric() || character == '_')
    })
}

/// A YAML string in double quotes, which is a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
