//! Gathering what a decision about a Dataset needs, from what the watches have seen.

use std::sync::Arc;

use kube::ResourceExt;
use millrace_crds::dataset::DatasetGroup;
use millrace_decide::catalog::older;
use millrace_decide::claim;
use millrace_decide::dataset::Seen;
use millrace_decide::{Catalog, Name};

use crate::Context;
use crate::cache::Objects;

/// Everything that the next decision needs; none where the Dataset is gone.
pub(super) fn dereference(context: &Context, group: DatasetGroup, name: &Name) -> Option<Seen> {
    let objects = context.cache.read();
    let dataset = Arc::clone(objects.dataset(name, group)?);
    let twin = DatasetGroup::ALL.into_iter().filter(|other| *other != group).find_map(|other| {
        let twin = objects.dataset(name, other)?;
        (!older(&dataset, twin)).then(|| other.name().to_owned())
    });
    let catalog = Catalog {
        profiles: objects.profiles().clone(),
        laptop: context.config.local,
        missing: context.config.missing,
        ..Catalog::default()
    };
    Some(Seen {
        lists: objects.tasks_of(&dataset.uid().unwrap_or_default()),
        dataset,
        name: name.clone(),
        older_twin: twin,
        catalog,
        loads: objects.loads_of(name),
        written: objects.written(name),
        nodes: objects.nodes(),
        claims: claims(&objects, name),
        now: context.config.clock.now(),
    })
}

/// What the cluster has under a Dataset's name.
pub(super) fn claims(objects: &Objects, name: &Name) -> claim::Seen {
    claim::Seen {
        claim: objects.claim(name).cloned(),
        volumes: objects.volumes_of(name).cloned().collect(),
        datasets: objects.datasets(name).filter_map(|dataset| dataset.uid()).collect(),
    }
}
