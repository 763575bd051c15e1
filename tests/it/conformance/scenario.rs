//! The requests of `tests/e2e/conformance/*.yaml`, read. `tests/e2e/README.md` explains their form.

use std::collections::BTreeMap;
use std::path::PathBuf;

use millrace_tests::millrace::repository;
use serde::Deserialize;
use serde_json::Value;

/// Requests that follow each other in a namespace of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// The file's name.
    #[serde(skip)]
    pub(super) name: String,
    /// One sentence.
    #[expect(dead_code, reason = "for the reader of the file")]
    about: String,
    /// What a request's path is relative to, unless it begins with `/`.
    pub(super) at: String,
    pub(super) steps: Vec<Step>,
}

/// One request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// Method and path, as in `PATCH a/status?fieldManager=me`.
    pub(super) request: String,
    /// What a PATCH is: `apply`, `merge`, `json` or `strategic`.
    #[serde(rename = "type")]
    pub(super) patch: Option<String>,
    /// In which form the answer is wanted: `table` or `metadata`.
    pub(super) accept: Option<String>,
    pub(super) body: Option<Value>,
    /// Variables for later steps, from paths in the answer.
    #[serde(default)]
    pub(super) keep: BTreeMap<String, String>,
    /// Asked again until the answer has this status code: what a controller does takes time.
    pub(super) until: Option<u16>,
    /// Of a watch: so many events are read.
    pub(super) events: Option<usize>,
}

impl Scenario {
    /// All scenarios, by name.
    pub(super) fn all() -> Vec<Self> {
        let mut scenarios: Vec<Self> = std::fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .map(|path| Self::read(&path))
            .collect();
        scenarios.sort_by(|one, other| one.name.cmp(&other.name));
        scenarios
    }

    fn read(path: &std::path::Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let read: Result<Self, _> = serde_yaml::from_str(&text);
        Self { name, ..read.unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    }

    /// The namespace of its own.
    pub(super) fn namespace(&self) -> String {
        format!("conformance-{}", self.name)
    }
}

/// The definitions of the kinds that the scenarios speak of: Millrace's own, and those that only these know.
pub(super) fn kinds() -> Vec<Value> {
    let mut files: Vec<PathBuf> = [repository().join("crds/yaml"), folder().join("kinds")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    texts.flat_map(|text| serde_yaml::from_multiple::<Value>(&text).unwrap()).collect()
}

/// Where the requests stand.
pub(super) fn folder() -> PathBuf {
    repository().join("tests/e2e/conformance")
}
