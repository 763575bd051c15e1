//! Why a request was not carried out, as the `Status` object every Kubernetes client reads.
//! The words follow `k8s.io/apimachinery/pkg/api/errors`; nothing here decides anything.

use serde_json::{Value, json};

use crate::object;
use crate::registry::Resource;
use crate::schema::FieldError;

/// A refused request: the HTTP code, the machine-readable reason, the sentence and its details.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    reason: &'static str,
    message: String,
    details: Box<Details>,
}

#[derive(Debug, Clone, Default)]
struct Details {
    name: String,
    group: String,
    kind: String,
    causes: Vec<Cause>,
}

/// One cause of a refusal: what kind of fault, at which field, in words.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) field: String,
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Box::default() }
    }

    fn about(mut self, resource: &Resource, kind: &str, name: &str) -> Self {
        self.details.name = name.to_owned();
        self.details.group.clone_from(&resource.group);
        self.details.kind = kind.to_owned();
        self
    }

    fn caused_by(mut self, causes: Vec<Cause>) -> Self {
        self.details.causes = causes;
        self
    }

    /// 400: the request itself is malformed.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 404: the object is not there.
    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} not found", resource.qualified_plural());
        Self::new(404, "NotFound", message).about(resource, &resource.plural, name)
    }

    /// 404: the server serves nothing at this path.
    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 405: the resource has no such verb.
    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    /// 409: an object of that name is already there.
    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified_plural());
        Self::new(409, "AlreadyExists", message).about(resource, &resource.plural, name)
    }

    /// 409: the writer had not seen the newest version of the object.
    pub(crate) fn stale(resource: &Resource, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// 409: the operation cannot be fulfilled, for the reason given.
    pub(crate) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified_plural());
        Self::new(409, "Conflict", message).about(resource, &resource.plural, name)
    }

    /// 409: other field managers own fields that this apply would change.
    pub(crate) fn apply_conflict(causes: Vec<Cause>) -> Self {
        let plural = if causes.len() == 1 { "" } else { "s" };
        let listed: Vec<_> =
            causes.iter().map(|cause| format!("{}: {}", cause.message, cause.field)).collect();
        let message = format!("Apply failed with {} conflict{plural}: {}", causes.len(), listed.join("\n"));
        Self::new(409, "Conflict", message).caused_by(causes)
    }

    /// 410: the asked resourceVersion is older than the history that is kept.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 504: the asked resourceVersion has not happened yet.
    pub(crate) fn too_large(asked: u64, newest: u64) -> Self {
        let cause = Cause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".to_owned(),
            field: String::new(),
        };
        let message = format!("Too large resource version: {asked}, current: {newest}");
        Self::new(504, "Timeout", message).caused_by(vec![cause])
    }

    /// 403: the object may not be made or changed as asked.
    pub(crate) fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("{} {name:?} is forbidden: {why}", resource.qualified_plural());
        Self::new(403, "Forbidden", message).about(resource, &resource.plural, name)
    }

    /// 403 with the cause by which clients recognise a namespace that is being deleted.
    pub(crate) fn namespace_terminating(resource: &Resource, name: &str, namespace: &str) -> Self {
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let cause = Cause {
            reason: "NamespaceTerminating",
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".to_owned(),
        };
        Self::forbidden(resource, name, &why).caused_by(vec![cause])
    }

    /// 413: the body is larger than the server reads.
    pub(crate) fn too_large_body(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// 415: a patch in a format the server does not know.
    pub(crate) fn unsupported_media_type(given: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml (got {given:?})"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 422: the object breaks rules of its kind.
    pub(crate) fn invalid(resource: &Resource, name: &str, errors: &[FieldError]) -> Self {
        let causes = errors.iter().map(cause_of).collect();
        let message = format!("{} {name:?} is invalid: {}", resource.qualified_kind(), joined(errors));
        Self::new(422, "Invalid", message).about(resource, &resource.kind, name).caused_by(causes)
    }

    /// 422: a patch that cannot be applied to the object as it is.
    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, "Invalid", message)
    }

    /// 500: the server failed; the request may be repeated.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// The `Status` object of this refusal.
    pub(crate) fn to_value(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        let details = self.details.to_value();
        // A refusal that is not about an object has none; the refusal of a path has empty ones.
        let is_empty = details.as_object().is_none_or(serde_json::Map::is_empty);
        if !is_empty || matches!(self.code, 404 | 405) {
            object::set_field(&mut status, "details", Some(details));
        }
        status
    }
}

impl Details {
    fn to_value(&self) -> Value {
        let causes: Vec<_> = self.causes.iter().map(Cause::to_value).collect();
        let mut value = json!({});
        for (field, text) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind)] {
            if let (false, Some(details)) = (text.is_empty(), value.as_object_mut()) {
                details.insert(field.to_owned(), json!(text));
            }
        }
        if let (false, Some(details)) = (causes.is_empty(), value.as_object_mut()) {
            details.insert("causes".to_owned(), json!(causes));
        }
        value
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        json!({"reason": self.reason, "message": self.message, "field": self.field})
    }
}

fn cause_of(error: &FieldError) -> Cause {
    Cause { reason: error.kind.reason(), message: error.message.clone(), field: error.path.clone() }
}

fn joined(errors: &[FieldError]) -> String {
    let listed: Vec<_> = errors.iter().map(ToString::to_string).collect();
    match listed.as_slice() {
        [only] => only.clone(),
        _ => format!("[{}]", listed.join(", ")),
    }
}
