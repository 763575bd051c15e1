//! Watches the operations of a run until all have ended, the time is up, or the user has had enough.

use std::time::Duration;

use futures::stream::{SelectAll, select_all};
use futures::{StreamExt, TryStreamExt};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::runtime::watcher::{self, Event, watcher};
use millrace_crds::names::MANAGER_CLI;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::interrupt::Interrupts;
use super::step::Step;
use crate::report::View;

/// How long operations may take to end once they are cancelled; their runners are killed at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// Group and version of the operations.
const OPERATIONS: (&str, &str) = ("data.fluid.io", "v1alpha1");
/// Their kinds.
const KINDS: [&str; 2] = ["DataLoad", "DataProcessing"];

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every operation has ended, well or not.
    Finished,
    /// The time was up first.
    TimedOut,
    /// Ctrl-C came first.
    Interrupted,
}

/// Why the operations cannot be watched or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The watch broke for good.
    #[error("cannot watch the operations")]
    Watch(#[source] Box<watcher::Error>),
    /// An operation could not be told to stop.
    #[error("cannot cancel {0}")]
    Cancel(String, #[source] Box<kube::Error>),
}

type Events =
    SelectAll<futures::stream::BoxStream<'static, Result<(String, Event<DynamicObject>), watcher::Error>>>;

/// Follows all steps to their end; on Ctrl-C or at the deadline cancels what still goes on and waits for that.
///
/// # Errors
/// The API server says no.
pub async fn follow(
    client: &Client,
    steps: &mut [Step],
    view: &mut dyn View,
    deadline: Option<Instant>,
    interrupts: &mut Interrupts,
) -> Result<Ended, FollowError> {
    let mut events = watch(client);
    let ended = tokio::select! {
        done = until_over(&mut events, steps, view) => done.map(|()| Ended::Finished)?,
        () = passed(deadline) => Ended::TimedOut,
        () = interrupts.next() => Ended::Interrupted,
    };
    if ended != Ended::Finished {
        let why = if ended == Ended::TimedOut { "the time is up" } else { "interrupted" };
        view.say(&format!(
            "{why}: stopping what goes on; nothing half done will be published (Ctrl-C again stops at once)"
        ));
        stop(client, &mut events, steps, view, interrupts).await?;
    }
    Ok(ended)
}

async fn stop(
    client: &Client,
    events: &mut Events,
    steps: &mut [Step],
    view: &mut dyn View,
    interrupts: &mut Interrupts,
) -> Result<(), FollowError> {
    for step in steps.iter().filter(|step| !step.is_over()) {
        cancel(client, step).await?;
    }
    tokio::select! {
        done = until_over(events, steps, view) => done,
        () = sleep_until(Instant::now() + PATIENCE) => Ok(()),
        () = interrupts.next() => Ok(()),
    }
}

async fn until_over(events: &mut Events, steps: &mut [Step], view: &mut dyn View) -> Result<(), FollowError> {
    while !steps.iter().all(Step::is_over) {
        let event = events.try_next().await.map_err(|error| FollowError::Watch(Box::new(error)))?;
        let Some((kind, event)) = event else { break };
        for step in steps.iter_mut().filter(|step| step.kind == kind && !step.is_over()) {
            if take(step, &event) {
                view.changed(step);
            }
        }
    }
    Ok(())
}

/// Whether the event changed what is known of a step of its kind.
fn take(step: &mut Step, event: &Event<DynamicObject>) -> bool {
    match event {
        // A watch that broke begins again with a list: what is not in it was deleted meanwhile.
        Event::Init => step.listed = false,
        Event::InitDone => step.gone = !step.listed,
        Event::Delete(object) => step.gone = step.is(object),
        Event::Apply(object) | Event::InitApply(object) if step.is(object) => {
            step.listed = true;
            return step.take(object);
        }
        Event::Apply(_) | Event::InitApply(_) => {}
    }
    step.gone
}

fn watch(client: &Client) -> Events {
    select_all(KINDS.map(|kind| {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(kind));
        watcher(api, watcher::Config::default()).map_ok(move |event| (kind.to_owned(), event)).boxed()
    }))
}

fn resource(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(OPERATIONS.0, OPERATIONS.1, kind))
}

async fn cancel(client: &Client, step: &Step) -> Result<(), FollowError> {
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &step.namespace, &resource(&step.kind));
    let patch = Patch::Merge(json!({"spec": {"cancelled": true}}));
    let params = PatchParams { field_manager: Some(MANAGER_CLI.to_owned()), ..PatchParams::default() };
    match api.patch(&step.name, &params, &patch).await {
        Ok(_) => Ok(()),
        // It ended and was removed meanwhile.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(FollowError::Cancel(step.title(), Box::new(error))),
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
