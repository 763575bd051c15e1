//! One request, read: what is asked of which resource, and what is answered.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::Value;

use crate::registry::Resource;
use crate::request::Options;
use crate::status::Refusal;
use crate::store::{Key, Subscription};

/// A request to a resource, its options and its body.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) resource: Arc<Resource>,
    /// `None`: every namespace, or a cluster-scoped resource.
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    pub(crate) options: Options,
    pub(crate) media_type: String,
    pub(crate) agent: String,
    pub(crate) body: Bytes,
}

impl Call {
    /// The name of the object asked for.
    pub(crate) fn name(&self) -> Result<&str, Refusal> {
        self.name.as_deref().ok_or_else(Refusal::method_not_allowed)
    }

    /// Where the object asked for is kept.
    pub(crate) fn key(&self) -> Result<Key, Refusal> {
        Ok(self.key_named(self.name()?))
    }

    /// Where an object of that name is kept.
    pub(crate) fn key_named(&self, name: &str) -> Key {
        Key {
            resource: self.resource.key.clone(),
            namespace: self.namespace.clone().unwrap_or_default(),
            name: name.to_owned(),
        }
    }

    /// The subresource, empty for the object itself.
    pub(crate) fn subresource(&self) -> &str {
        self.subresource.as_deref().unwrap_or_default()
    }

    /// Whether the request writes the status subresource.
    pub(crate) fn is_status(&self) -> bool {
        self.subresource() == "status"
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let kind = &self.resource.kind;
            Refusal::bad_request(format!(
                "{kind} in version {:?} cannot be handled as a {kind}: {error}",
                self.resource.version
            ))
        })
    }

    /// Who writes: the asked field manager, else the first word of the user agent.
    pub(crate) fn manager(&self) -> String {
        let from_agent =
            || self.agent.split('/').next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
        self.options.field_manager.clone().filter(|name| !name.is_empty()).unwrap_or_else(from_agent)
    }
}

/// How the client wants objects to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum View {
    /// As they are.
    #[default]
    Whole,
    /// Only their metadata (`PartialObjectMetadata`).
    Metadata,
    /// As rows (`Table`).
    Table,
}

impl View {
    /// Reads an `Accept` header; the first form the server knows wins.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        accept.split(',').find_map(Self::of_media_type).unwrap_or_default()
    }

    fn of_media_type(media_type: &str) -> Option<Self> {
        let mut parts = media_type.split(';').map(str::trim);
        if !matches!(parts.next(), Some("application/json" | "*/*" | "application/*")) {
            return None;
        }
        match parts.find_map(|part| part.strip_prefix("as=")) {
            None => Some(Self::Whole),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Some(Self::Metadata),
            Some("Table") => Some(Self::Table),
            Some(_) => None,
        }
    }
}

/// What a verb answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// One object, as stored, with warnings for the client.
    Object { code: u16, object: Arc<Value>, warnings: Vec<String> },
    /// Objects of one resource with the metadata of the list.
    List { objects: Vec<Arc<Value>>, metadata: Value },
    /// Something that is no object of the resource: a Status, a Scale, a discovery document.
    Other(Value),
    /// A stream of events.
    Watch(Subscription),
}

impl Answer {
    /// 200 with an object.
    pub(crate) fn object(object: Arc<Value>) -> Self {
        Self::Object { code: 200, object, warnings: Vec::new() }
    }
}
