//! DELETE: one object or a collection, with preconditions, propagation and grace.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{read, shown};
use crate::call::{Answer, Call};
use crate::cascade::{self, Propagation};
use crate::core::{Change, Core};
use crate::object::{self, FOREGROUND, ORPHAN};
use crate::request::dry_run;
use crate::status::Refusal;
use crate::store::Key;

/// The options of a deletion, from the body or the query.
#[derive(Debug, Default)]
struct Wish {
    propagation: Option<Propagation>,
    grace_seconds: Option<i64>,
    uid: Option<String>,
    resource_version: Option<String>,
    dry_run: bool,
}

/// Deletes one object. Answers with a Status if it is gone, with the object if something holds it.
pub(crate) fn delete(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    let wish = wish(call)?;
    let (object, gone) = delete_one(core, call, &call.key()?, &wish)?;
    Ok(if gone { Answer::Other(success(call, &object)) } else { Answer::object(object) })
}

/// Deletes every object the selectors match and lists them.
pub(crate) fn delete_collection(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    let wish = wish(call)?;
    let Answer::List { objects, metadata } = read::list(core, call)? else {
        return Err(Refusal::method_not_allowed());
    };
    let mut deleted = Vec::with_capacity(objects.len());
    for object in objects {
        let key = Key {
            resource: call.resource.key.clone(),
            namespace: object::namespace(&object).to_owned(),
            name: object::name(&object).to_owned(),
        };
        match delete_one(core, call, &key, &wish) {
            Ok((object, _)) => deleted.push(object),
            Err(refusal) if refusal.code == 404 => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(Answer::List { objects: deleted, metadata })
}

fn delete_one(core: &Core, call: &Call, key: &Key, wish: &Wish) -> Result<(Arc<Value>, bool), Refusal> {
    let gone = std::cell::Cell::new(false);
    let object = core.modify(&call.resource, key, |current| {
        check_preconditions(call, wish, current)?;
        let next = next_state(core, call, wish, current);
        gone.set(next.is_none());
        Ok(match next {
            _ if wish.dry_run => Change::Keep,
            None => Change::Remove,
            Some(object) if object == **current => Change::Keep,
            Some(object) => Change::Replace(object),
        })
    })?;
    // What held it may have been settled at once: a foreground deletion without dependents.
    let gone = gone.get() || (!wish.dry_run && core.store.get(key).is_none());
    Ok((shown(call, &object), gone))
}

fn next_state(core: &Core, call: &Call, wish: &Wish, current: &Value) -> Option<Value> {
    let propagation = wish.propagation.unwrap_or_else(|| default_propagation(call, current));
    cascade::deleted(core, current, propagation, grace_seconds(call, wish, current))
}

fn default_propagation(call: &Call, object: &Value) -> Propagation {
    let finalizers = object::finalizers(object);
    if finalizers.contains(&ORPHAN) {
        Propagation::Orphan
    } else if finalizers.contains(&FOREGROUND) {
        Propagation::Foreground
    } else if call.resource.orphans_by_default {
        Propagation::Orphan
    } else {
        Propagation::Background
    }
}

/// Pods that run on a node are ended by its kubelet; everything else goes at once.
fn grace_seconds(call: &Call, wish: &Wish, object: &Value) -> i64 {
    let is_pod = call.resource.group.is_empty() && call.resource.kind == "Pod";
    let text = |path: &str| object::at_path(object, path).and_then(Value::as_str).unwrap_or_default();
    let is_running =
        !text("spec.nodeName").is_empty() && !matches!(text("status.phase"), "Succeeded" | "Failed");
    if !is_pod || !is_running {
        return 0;
    }
    let own = object::at_path(object, "spec.terminationGracePeriodSeconds").and_then(Value::as_i64);
    wish.grace_seconds.unwrap_or(own.unwrap_or(30)).max(0)
}

fn check_preconditions(call: &Call, wish: &Wish, current: &Value) -> Result<(), Refusal> {
    let (resource, name) = (&call.resource, object::name(current));
    if let Some(uid) = wish.uid.as_deref().filter(|uid| *uid != object::uid(current)) {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            object::uid(current)
        );
        return Err(Refusal::conflict(resource, name, &why));
    }
    let version = object::meta_text(current, "resourceVersion");
    if let Some(wanted) = wish.resource_version.as_deref().filter(|wanted| *wanted != version) {
        let why = format!(
            "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {version}"
        );
        return Err(Refusal::conflict(resource, name, &why));
    }
    Ok(())
}

fn wish(call: &Call) -> Result<Wish, Refusal> {
    let body = if call.body.is_empty() { Value::Null } else { call.json()? };
    let text = |path: &str| object::at_path(&body, path).and_then(Value::as_str).map(str::to_owned);
    let policy = text("propagationPolicy").or_else(|| call.options.propagation_policy.clone());
    let orphans = body.get("orphanDependents").and_then(Value::as_bool);
    let mut dry = call.options.dry_run;
    for value in object::texts(body.get("dryRun")) {
        dry |= dry_run(value)?;
    }
    Ok(Wish {
        propagation: policy.as_deref().map(propagation).transpose()?.or(orphans.map(from_orphans)),
        grace_seconds: body
            .get("gracePeriodSeconds")
            .and_then(Value::as_i64)
            .or(call.options.grace_period_seconds),
        uid: text("preconditions.uid"),
        resource_version: text("preconditions.resourceVersion"),
        dry_run: dry,
    })
}

/// The older spelling of the policy.
fn from_orphans(orphans: bool) -> Propagation {
    if orphans { Propagation::Orphan } else { Propagation::Background }
}

fn propagation(policy: &str) -> Result<Propagation, Refusal> {
    match policy {
        "Background" => Ok(Propagation::Background),
        "Foreground" => Ok(Propagation::Foreground),
        "Orphan" => Ok(Propagation::Orphan),
        _ => Err(Refusal::unprocessable(format!(
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {policy:?}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
        ))),
    }
}

fn success(call: &Call, object: &Value) -> Value {
    let group = Some(json!(call.resource.group)).filter(|_| !call.resource.group.is_empty());
    let mut details =
        json!({"name": object::name(object), "kind": call.resource.plural, "uid": object::uid(object)});
    object::set_field(&mut details, "group", group);
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
