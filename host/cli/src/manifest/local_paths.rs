//! Relative `local://` mount points: `local://./data` means the folder `data` beside the manifest.
//!
//! Only the command line knows where a manifest lies, so they are made absolute before anything is
//! sent; an API server accepts absolute ones only.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

const SCHEME: &str = "local://";

/// Makes the relative mount points of a Dataset absolute.
pub fn resolve(object: &mut Value, folder: &Path) {
    if object.get("kind").and_then(Value::as_str) != Some("Dataset") {
        return;
    }
    let mounts = object.pointer_mut("/spec/mounts").and_then(Value::as_array_mut);
    for mount in mounts.into_iter().flatten() {
        if let Some(Value::String(mount_point)) = mount.get_mut("mountPoint")
            && let Some(made) = absolute(mount_point, folder)
        {
            *mount_point = made;
        }
    }
}

/// `local://` with the absolute path; none where it is absolute already or no local path.
fn absolute(mount_point: &str, folder: &Path) -> Option<String> {
    let path = mount_point.strip_prefix(SCHEME).filter(|path| !path.starts_with('/'))?;
    let joined = without_dots(&folder.join(path));
    joined.to_str().map(|joined| format!("{SCHEME}{joined}"))
}

/// The path without `.` and `..`, by its text alone: a folder that is yet to be made has no other.
pub fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_mount_points_are_relative_to_the_manifest() {
        let folder = Path::new("/home/me/project/manifests");
        for (given, wanted) in [
            ("local://./data", Some("local:///home/me/project/manifests/data")),
            ("local://data/x", Some("local:///home/me/project/manifests/data/x")),
            ("local://../out", Some("local:///home/me/project/out")),
            ("local://.", Some("local:///home/me/project/manifests")),
            ("local:///data", None),
            ("s3://bucket/x", None),
        ] {
            assert_eq!(absolute(given, folder).as_deref(), wanted, "{given}");
        }
    }
}
