//! Gathering what a decision about a module needs, from what the watches have seen.

use std::sync::Arc;

use kube::ResourceExt;
use millrace_decide::module::{Seen, dataset_name};
use millrace_decide::{Catalog, Name};

use crate::Context;

/// Everything that the next decision needs; none where the module is gone.
pub(super) fn dereference(context: &Context, name: &Name) -> Option<Seen> {
    let objects = context.cache.read();
    let module = Arc::clone(objects.module(name)?);
    let source = module.spec.source.dataset.as_ref().map(|source| dataset_name(source, name));
    // Of two of one name the older.
    let mut catalog = Catalog::default();
    for dataset in source.iter().flat_map(|source| objects.datasets(source)) {
        catalog.add_dataset(Arc::clone(dataset));
    }
    Some(Seen {
        name: name.clone(),
        dataset: source.and_then(|source| catalog.datasets.remove(&source)),
        shipped: Arc::clone(&context.config.modules),
        laptop: context.config.local,
        tasks: objects.tasks_of(&module.uid().unwrap_or_default()),
        nodes: objects.nodes(),
        now: context.config.clock.now(),
        module,
    })
}
