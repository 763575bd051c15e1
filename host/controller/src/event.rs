//! Events: one per change of state, under a name that is fixed by what it tells, so that telling it
//! twice is telling it once.

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use kube::Api;
use millrace_crds::names;
use millrace_decide::operation::Happening;
use tracing::{info, warn};

use crate::Context;
use crate::error::code;
use crate::task::creating;

/// What an Event is about.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) api_version: String,
    pub(crate) kind: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    /// What tells this time from an earlier one, such as the try.
    pub(crate) tick: String,
}

/// Tells what happened. An Event that cannot be written is no reason to stop.
pub(crate) async fn tell(context: &Context, about: &About, happenings: Vec<Happening>) {
    for Happening { warning, reason, message } in happenings {
        info!(kind = about.kind, namespace = about.namespace, name = about.name, %reason, message, "changed");
        let api: Api<Event> = Api::namespaced(context.client.clone(), &about.namespace);
        let event = event(context, about, warning, &reason.to_string(), message);
        match api.create(&creating(), &event).await {
            Ok(_) => context.config.metrics.event_written(warning),
            Err(error) if code(&error) == Some(409) => {}
            Err(error) => warn!(%error, "an Event could not be written"),
        }
    }
}

fn event(context: &Context, about: &About, warning: bool, reason: &str, message: String) -> Event {
    let now = context.config.clock.now();
    let parts = [about.tick.as_str(), reason, &message];
    Event {
        metadata: ObjectMeta {
            name: Some(names::made_name(&about.name, &about.uid, "event", &parts)),
            namespace: Some(about.namespace.clone()),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(about.api_version.clone()),
            kind: Some(about.kind.to_owned()),
            namespace: Some(about.namespace.clone()),
            name: Some(about.name.clone()),
            uid: Some(about.uid.clone()),
            ..ObjectReference::default()
        },
        type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        action: Some("Reconcile".to_owned()),
        count: Some(1),
        event_time: Some(MicroTime(now)),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        reporting_component: Some(names::MANAGER_CONTROLLER.to_owned()),
        reporting_instance: Some("controller".to_owned()),
        source: Some(EventSource { component: Some(names::MANAGER_CONTROLLER.to_owned()), host: None }),
        ..Event::default()
    }
}
