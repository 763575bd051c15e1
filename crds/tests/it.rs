//! The generated YAML beside this crate is what the types say. `UPDATE=1 cargo test -p millrace-crds` writes it.

use std::path::Path;

#[test]
fn yaml_beside_the_crate_is_what_the_types_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("yaml");
    let update = std::env::var_os("UPDATE").is_some();
    let mut wanted = Vec::new();
    for crd in millrace_crds::all() {
        let name = format!("{}.yaml", crd.metadata.name.as_deref().unwrap());
        let text = serde_yaml::to_string(&crd).unwrap();
        let path = folder.join(&name);
        if update {
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{name} is out of date: run `UPDATE=1 cargo test -p millrace-crds`");
        wanted.push(name);
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(wanted.contains(&name), "{name} belongs to no kind any more");
    }
}

#[test]
fn reasons_page_is_what_the_list_says() {
    let mut text = String::from(
        "# Reasons\n\nEvery word that may stand in `status.reason`, a condition or an Event, generated from `crds/src/reason.rs`.\n\n\
         | reason | what it means | what to do |\n|---|---|---|\n",
    );
    for reason in millrace_crds::Reason::ALL {
        text.push_str(&format!("| `{reason}` | {} | {} |\n", reason.meaning(), reason.remedy()));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/reasons.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == text,
        "run `UPDATE=1 cargo test -p millrace-crds`"
    );
}

/// API conventions: no floats in a spec, and every list and string bounded, so that CEL costs stay bounded too.
#[test]
fn no_floats_in_any_schema() {
    for crd in millrace_crds::all() {
        let text = serde_json::to_string(&crd.spec.versions[0].schema).unwrap();
        assert!(!text.contains(r#""type":"number""#), "{:?} has a float", crd.metadata.name);
    }
}
