//! Workers: each takes an object from the queue, reconciles it, and says when to look again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::error::{Category, Error, pause};
use crate::key::Key;
use crate::watch::Unlisted;
use crate::{Context, Standing, dataset, module, operation};

/// Starts the workers; they begin once every kind was listed, since what is not listed looks absent.
pub(crate) fn spawn_when(unlisted: Unlisted, context: &Arc<Context>, workers: &mut JoinSet<()>) {
    for _ in 0..context.config.concurrency.max(1) {
        let (context, mut unlisted) = (Arc::clone(context), unlisted.clone());
        workers.spawn(async move {
            // An error means that the watches were stopped, and so is this.
            if unlisted.wait_for(|count| *count == 0).await.is_ok() {
                context.config.standing.send_replace(Standing::Working);
                work(&context).await;
            }
        });
    }
}

/// Makes objects due at their times.
pub(crate) async fn timers(context: Arc<Context>) {
    context.queue.run_timers().await;
}

async fn work(context: &Context) {
    while let Some(key) = context.queue.next().await {
        let began = Instant::now();
        let reconciled = reconcile(context, &key).await;
        let result = reconciled.as_ref().map_or_else(|error| error.category().word(), |_| "ok");
        context.config.metrics.reconciled(key.kind(), result, began.elapsed());
        match reconciled {
            Ok(wake) => {
                let resync = after(context, context.config.resync);
                context.queue.done(&key, Some(wake.map_or(resync, |wake| wake.min(resync))));
            }
            Err(error) => {
                let category = error.category();
                let failures =
                    context.queue.failed(&key, |failures| after(context, pause(category, failures)));
                report(&key, &error, category, failures);
            }
        }
    }
}

async fn reconcile(context: &Context, key: &Key) -> Result<Option<Timestamp>, Error> {
    match key {
        Key::Operation(name) => operation::reconcile(context, name).await,
        Key::Module(name) => module::reconcile(context, name).await,
        Key::Dataset(group, name) => dataset::reconcile(context, *group, name).await,
    }
}

fn after(context: &Context, pause: Duration) -> Timestamp {
    context.config.clock.now().checked_add(pause).unwrap_or(Timestamp::MAX)
}

fn report(key: &Key, error: &Error, category: Category, failures: u32) {
    let chain = chain(error);
    // A conflict is how two writers find out about one another: nothing is wrong.
    if category == Category::Conflict && failures < 10 {
        debug!(%key, error = chain, "somebody else was first");
    } else {
        warn!(%key, error = chain, failures, "a reconcile failed and is tried again");
    }
}

/// The error and what caused it, outermost first.
fn chain(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
