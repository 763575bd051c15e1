//! An attached run: from checked manifests to the answer and the exit code.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Client;
use tokio::time::Instant;

use super::follow::{Ended, follow};
use super::interrupt::Interrupts;
use super::options::Options;
use super::parts::Parts;
use super::step::Step;
use super::{apply, overrides};
use crate::arguments::Output;
use crate::exit::{Exit, Failure};
use crate::manifest::fault::{Fault, Source};
use crate::manifest::kinds::Kinds;
use crate::manifest::{self, Document, Manifests, Rules};
use crate::modules::Modules;
use crate::report::{self, View, failures, json, plan, summary};
use crate::terminal;

/// Checks the manifests of these sources, and runs them or says what would be run.
///
/// # Errors
/// The manifests are not valid, or the parts cannot be started.
pub fn run(sources: &[Arc<Source>], options: &Options) -> Result<Exit, Failure> {
    let modules = Modules::with_files(&options.modules)?;
    let kinds = Kinds::new();
    let rules = Rules { kinds: &kinds, modules: &modules, namespace: &options.namespace };
    let Manifests { mut documents, warnings } =
        manifest::read(sources, &rules).map_err(|faults| invalid(faults, options))?;
    terminal::print_warnings(&warnings);
    overrides::apply(&mut documents, options.overrides());
    if options.dry_run {
        print_plan(&documents, options);
        return Ok(Exit::Ok);
    }
    if !documents.iter().any(Document::is_operation) {
        terminal::tell("nothing to run: the manifests are valid and hold no DataLoad and no DataProcessing");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::machine)?;
    let ended = runtime.block_on(attached(&documents, &modules, options));
    // Whatever a part still waits for, the answer does not.
    runtime.shutdown_background();
    ended
}

fn invalid(faults: Vec<Fault>, options: &Options) -> Failure {
    if options.output == Output::Json {
        terminal::answer(&json::invalid(&faults));
    }
    Failure::Invalid(faults)
}

fn print_plan(documents: &[Document], options: &Options) {
    let planned = plan::plan(documents);
    match options.output {
        Output::Table => terminal::answer(&plan::text(&planned)),
        Output::Json => terminal::answer(&plan::json(&planned)),
    }
}

async fn attached(documents: &[Document], modules: &Modules, options: &Options) -> Result<Exit, Failure> {
    let mut interrupts = Interrupts::listen().map_err(Failure::machine)?;
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let mut parts = Parts::start(modules, options).await?;
    let mut steps: Vec<_> =
        documents.iter().filter(|document| document.is_operation()).map(Step::new).collect();
    let mut view = report::view(&steps);
    let client = parts.client().clone();
    let ended = tokio::select! {
        ended = to_the_end(&client, documents, &mut steps, view.as_mut(), deadline, &mut interrupts) => ended,
        error = parts.broken() => Err(Failure::machine(error)),
    };
    view.finish();
    parts.stop(&mut interrupts).await;
    let ended = ended?;
    in_plan_order(&mut steps, documents);
    tell(&steps, ended, options);
    Ok(exit(&steps, ended))
}

async fn to_the_end(
    client: &Client,
    documents: &[Document],
    steps: &mut [Step],
    view: &mut dyn View,
    deadline: Option<Instant>,
    interrupts: &mut Interrupts,
) -> Result<Ended, Failure> {
    apply::apply(client, documents).await.map_err(Failure::api)?;
    follow(client, steps, view, deadline, interrupts).await.map_err(Failure::api)
}

/// The order in which people think of the steps: predecessors first.
fn in_plan_order(steps: &mut [Step], documents: &[Document]) {
    let order: BTreeMap<_, _> = plan::plan(documents)
        .iter()
        .map(plan::Planned::title)
        .enumerate()
        .map(|(index, title)| (title, index))
        .collect();
    steps.sort_by_key(|step| order.get(&step.title()).copied());
}

fn tell(steps: &[Step], ended: Ended, options: &Options) {
    let failed = failures::describe(steps);
    if !failed.is_empty() {
        terminal::tell(failed.trim_end());
    }
    match options.output {
        Output::Table if steps.is_empty() => {}
        Output::Table => terminal::answer(&summary::table(steps)),
        Output::Json => terminal::answer(&json::run(steps, &ended)),
    }
    match ended {
        Ended::Interrupted => terminal::tell(
            "interrupted: nothing half done was published; the same command goes on from what is there",
        ),
        Ended::TimedOut => terminal::tell(
            "timed out: nothing half done was published; the same command goes on from what is there",
        ),
        Ended::Finished => {}
    }
}

fn exit(steps: &[Step], ended: Ended) -> Exit {
    match ended {
        Ended::Interrupted => Exit::Interrupted,
        Ended::TimedOut => Exit::TimedOut,
        Ended::Finished if steps.iter().any(|step| step.gone) => Exit::Gone,
        Ended::Finished if steps.iter().all(Step::is_complete) => Exit::Ok,
        Ended::Finished => Exit::RunFailed,
    }
}
