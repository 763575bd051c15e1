//! The four ways to change a part of an object. Each is a pure function from the stored object and
//! the patch to the new object; admission and storing come after.

pub(crate) mod apply;
pub(crate) mod merge;
pub(crate) mod strategic;

use serde_json::Value;

use crate::status::Refusal;

/// How a patch is written, from its media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// RFC 6902, a list of operations.
    Json,
    /// RFC 7386.
    Merge,
    /// A merge that knows the keys of the built-in kinds' lists.
    Strategic,
    /// Server-side apply: a whole configuration of one manager.
    Apply,
}

impl Format {
    /// Reads a `Content-Type`.
    pub(crate) fn of(media_type: &str) -> Result<Self, Refusal> {
        match media_type.split(';').next().unwrap_or_default().trim() {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch+cbor" => Ok(Self::Apply),
            other => Err(Refusal::unsupported_media_type(other)),
        }
    }
}

/// Applies the operations of a JSON patch.
pub(crate) fn json(object: &mut Value, patch: &Value) -> Result<(), Refusal> {
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))?;
    json_patch::patch(object, &patch).map_err(|error| {
        Refusal::unprocessable(format!(
            "the server rejected our request due to an error in our request: {error}"
        ))
    })
}
