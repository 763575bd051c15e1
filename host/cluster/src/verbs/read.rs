//! GET: one object, a list, a watch.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::shown;
use crate::call::{Answer, Call};
use crate::core::Core;
use crate::object;
use crate::request::VersionMatch;
use crate::selector::Selector;
use crate::status::Refusal;
use crate::store::{Listing, TooOld, Wanted};

/// One object.
pub(crate) fn get(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    let object = core.require(&call.resource, &call.key()?)?;
    Ok(Answer::object(shown(call, &object)))
}

/// The objects of a namespace or of all, a page at a time if the client asks so.
pub(crate) fn list(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    let selector = selector(call)?;
    let page = Page::of(call)?;
    let Listing { revision, objects } = snapshot(core, call, &page)?;
    let mut rest = objects
        .into_iter()
        .map(|object| shown(call, &object))
        .filter(|object| page.is_after(object) && selector.matches(object));
    let limit = if call.options.limit == 0 { usize::MAX } else { call.options.limit };
    let objects: Vec<_> = rest.by_ref().take(limit).collect();
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    let remaining = rest.count();
    if let (true, Some(last)) = (remaining > 0, objects.last()) {
        object::set_field(&mut metadata, "continue", Some(json!(Page::after(revision, last))));
        // With a selector the API server does not know how many there are.
        let count = selector.is_everything().then(|| json!(remaining));
        object::set_field(&mut metadata, "remainingItemCount", count);
    }
    Ok(Answer::List { objects, metadata })
}

/// Follows a collection or, with a name, one object.
pub(crate) fn watch(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    let wanted = Wanted::new(call.namespace.clone(), selector(call)?);
    let version = call.options.resource_version.as_str();
    // Without a version, or with 0, a watch begins with what is there.
    let since = match version {
        "" | "0" => None,
        _ if call.options.initial_events => None,
        version => Some(number(version)?),
    };
    let newest = core.store.revision();
    if let Some(since) = since.filter(|since| *since > newest) {
        return Err(too_large(since, newest));
    }
    let subscription = core.store.watch(&call.resource.key, wanted, since).map_err(expired)?;
    Ok(Answer::Watch(subscription))
}

fn selector(call: &Call) -> Result<Selector, Refusal> {
    let named = call.name.as_ref().map(|name| format!("metadata.name={name}"));
    let fields = named.as_deref().unwrap_or(&call.options.field_selector);
    Selector::parse(&call.options.label_selector, fields, &call.resource)
}

fn snapshot(core: &Core, call: &Call, page: &Page) -> Result<Listing, Refusal> {
    let (key, namespace) = (&call.resource.key, call.namespace.as_deref());
    let newest = core.store.revision();
    if let Some(revision) = page.revision {
        return core.store.list_at(key, namespace, revision).map_err(expired);
    }
    match (call.options.resource_version.as_str(), call.options.version_match) {
        ("" | "0", _) => Ok(core.store.list(key, namespace)),
        (version, _) if number(version)? > newest => Err(too_large(number(version)?, newest)),
        (version, VersionMatch::Exact) => {
            core.store.list_at(key, namespace, number(version)?).map_err(expired)
        }
        (_, VersionMatch::NotOlderThan) => Ok(core.store.list(key, namespace)),
    }
}

fn number(version: &str) -> Result<u64, Refusal> {
    version.parse().map_err(|_| {
        Refusal::bad_request(format!("resourceVersion: Invalid value: {version:?}: must be a whole number"))
    })
}

fn expired(error: TooOld) -> Refusal {
    Refusal::expired(error.to_string())
}

fn too_large(asked: u64, newest: u64) -> Refusal {
    Refusal::too_large(asked, newest)
}

/// Where a page of a list begins: a snapshot and the object before the first one.
#[derive(Debug, Default)]
struct Page {
    revision: Option<u64>,
    after: Option<(String, String)>,
}

impl Page {
    fn of(call: &Call) -> Result<Self, Refusal> {
        let token = &call.options.continue_token;
        if token.is_empty() {
            return Ok(Self::default());
        }
        if !call.options.resource_version.is_empty() && call.options.resource_version != "0" {
            return Err(Refusal::bad_request(
                "resourceVersion: Forbidden: specifying resource version is not allowed when using continue",
            ));
        }
        Self::read(token).ok_or_else(|| Refusal::bad_request("continue key is not valid"))
    }

    fn read(token: &str) -> Option<Self> {
        let parsed: Value = serde_json::from_slice(&STANDARD.decode(token).ok()?).ok()?;
        let text = |field: &str| Some(parsed.get(field)?.as_str()?.to_owned());
        Some(Self {
            revision: Some(parsed.get("rv")?.as_u64()?),
            after: Some((text("namespace")?, text("name")?)),
        })
    }

    /// The token of the page that follows this object.
    fn after(revision: u64, last: &Arc<Value>) -> String {
        let token =
            json!({"v": 1, "rv": revision, "namespace": object::namespace(last), "name": object::name(last)});
        STANDARD.encode(token.to_string())
    }

    fn is_after(&self, object: &Value) -> bool {
        self.after.as_ref().is_none_or(|(namespace, name)| {
            (object::namespace(object), object::name(object)) > (namespace.as_str(), name.as_str())
        })
    }
}
