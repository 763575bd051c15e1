//! The verbs of the API, one file each: from a call to its answer.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod modify;
pub(crate) mod read;
pub(crate) mod scale;

use std::sync::Arc;

use http::Method;
use serde_json::Value;

use crate::call::{Answer, Call};
use crate::core::Core;
use crate::registry::in_version;
use crate::status::Refusal;

/// Does what a request asks.
pub(crate) fn answer(core: &Core, method: &Method, call: &Call) -> Result<Answer, Refusal> {
    match (call.subresource(), &call.name) {
        ("", None) => collection(core, method, call),
        ("", Some(_)) => object(core, method, call),
        ("status", Some(_)) if call.resource.status => subresource(core, method, call),
        ("scale", Some(_)) if call.resource.scale.is_some() => scale::answer(core, method, call),
        ("finalize", Some(_)) if call.resource.is_namespace() && method == Method::PUT => {
            modify::finalize(core, call)
        }
        _ => Err(Refusal::no_such_path()),
    }
}

fn collection(core: &Core, method: &Method, call: &Call) -> Result<Answer, Refusal> {
    match *method {
        Method::GET if call.options.watch => read::watch(core, call),
        Method::GET => read::list(core, call),
        Method::POST => create::create(core, call),
        Method::DELETE => delete::delete_collection(core, call),
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn object(core: &Core, method: &Method, call: &Call) -> Result<Answer, Refusal> {
    match *method {
        Method::GET => read::get(core, call),
        Method::PUT => modify::replace(core, call),
        Method::PATCH => modify::patch(core, call),
        Method::DELETE => delete::delete(core, call),
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn subresource(core: &Core, method: &Method, call: &Call) -> Result<Answer, Refusal> {
    match *method {
        Method::GET => read::get(core, call),
        Method::PUT => modify::replace(core, call),
        Method::PATCH => modify::patch(core, call),
        _ => Err(Refusal::method_not_allowed()),
    }
}

/// The stored object as the version of the request shows it.
fn shown(call: &Call, object: &Arc<Value>) -> Arc<Value> {
    in_version(&call.resource, object)
}
