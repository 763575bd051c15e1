//! A watch as a stream of lines: events, bookmarks, and the error that ends a watch that fell behind.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use http_body::Frame;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, interval_at, sleep_until};

use crate::call::View;
use crate::core::Core;
use crate::registry::{Resource, in_version};
use crate::request::Options;
use crate::status::Refusal;
use crate::store::{Delivery, Subscription};
use crate::view;

/// How often a watcher is told the newest version although nothing happened, as in the API server.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long a watch runs if the client does not say: the least an API server gives.
const DEFAULT_SECONDS: u64 = 30 * 60;
/// The annotation of the bookmark behind the objects that were already there.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// The events of a watch, one line each.
pub(crate) fn events(
    core: Arc<Core>,
    subscription: Subscription,
    resource: Arc<Resource>,
    view: View,
    options: &Options,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + 'static {
    let now = Instant::now();
    let seconds = options.timeout_seconds.unwrap_or(DEFAULT_SECONDS);
    let watch = Watch {
        core,
        subscription,
        resource,
        view,
        marks: options.bookmarks.then(|| interval_at(now + BOOKMARK_EVERY, BOOKMARK_EVERY)),
        end: now + Duration::from_secs(seconds),
        stage: if options.initial_events { Stage::Existing } else { Stage::Following },
    };
    stream::unfold(watch, |mut watch| async move {
        let line = watch.next_line().await?;
        Some((Ok(Frame::data(line)), watch))
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// What was there is being listed; a bookmark will say when it is complete.
    Existing,
    Following,
    Ended,
}

struct Watch {
    core: Arc<Core>,
    subscription: Subscription,
    resource: Arc<Resource>,
    view: View,
    marks: Option<Interval>,
    end: Instant,
    stage: Stage,
}

enum Next {
    Delivery(Option<Delivery>),
    Mark,
    End,
}

impl Watch {
    async fn next_line(&mut self) -> Option<Bytes> {
        if self.stage == Stage::Existing {
            return Some(self.next_existing());
        }
        while self.stage == Stage::Following {
            match self.wait().await {
                Next::Delivery(Some(delivery)) => return Some(self.line(&delivery)),
                Next::Delivery(None) => return self.fall_behind(),
                Next::Mark => self.subscription.request_mark(),
                Next::End => self.stage = Stage::Ended,
            }
        }
        None
    }

    fn next_existing(&mut self) -> Bytes {
        match self.subscription.next_first() {
            Some(delivery) => self.line(&delivery),
            None => {
                self.stage = Stage::Following;
                self.bookmark(self.subscription.revision(), true)
            }
        }
    }

    async fn wait(&mut self) -> Next {
        let marks = &mut self.marks;
        let mark = async {
            match marks {
                Some(marks) => {
                    marks.tick().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Events first: neither a mark nor the end may overtake what is queued.
            biased;
            delivery = self.subscription.next() => Next::Delivery(delivery),
            () = mark => Next::Mark,
            () = sleep_until(self.end) => Next::End,
        }
    }

    /// The queue was full: the client must list again.
    fn fall_behind(&mut self) -> Option<Bytes> {
        self.stage = Stage::Ended;
        let refusal =
            Refusal::expired("the watch fell behind and was ended; list again and watch from there");
        self.subscription.has_overflowed().then(|| event("ERROR", &refusal.to_value()))
    }

    fn line(&self, delivery: &Delivery) -> Bytes {
        let (word, object) = match delivery {
            Delivery::Added(object) => ("ADDED", object),
            Delivery::Modified(object) => ("MODIFIED", object),
            Delivery::Deleted(object) => ("DELETED", object),
            Delivery::Mark(revision) => return self.bookmark(*revision, false),
        };
        let object = in_version(&self.resource, object);
        event(word, &view::object(self.view, &self.core, &self.resource, &object))
    }

    fn bookmark(&self, revision: u64, ends_existing: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if ends_existing && let Some(fields) = metadata.as_object_mut() {
            fields.insert("annotations".to_owned(), json!({INITIAL_EVENTS_END: "true"}));
        }
        let (api_version, kind) = match self.view {
            View::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata"),
            View::Whole | View::Table => (self.resource.api_version(), self.resource.kind.as_str()),
        };
        event("BOOKMARK", &json!({"apiVersion": api_version, "kind": kind, "metadata": metadata}))
    }
}

fn event(word: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{word}\",\"object\":{object}}}\n"))
}
