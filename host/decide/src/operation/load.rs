//! What a DataLoad asks for.

use millrace_crds::data_load::DataLoadSpec;
use millrace_crds::operation::OperationFields;

use super::ask::{Ask, Work, dataset};
use crate::catalog::Catalog;
use crate::mounts::tidy;
use crate::name::Name;
use crate::profile;
use crate::refusal::Hold;

impl Ask for DataLoadSpec {
    fn fields(&self) -> &OperationFields {
        &self.operation
    }

    fn uses(&self, namespace: &str) -> Vec<Name> {
        vec![target(self, namespace)]
    }

    fn work(&self, namespace: &str, catalog: &Catalog) -> Result<Work, Hold> {
        let name = target(self, namespace);
        let seen = dataset(&name, "/", namespace, catalog)?;
        // The whole is a path too; nothing else need be named beside it.
        let mut paths: Vec<String> = self.target.iter().map(|target| tidy(&target.path)).collect();
        if paths.iter().any(|path| path == "/") {
            paths.clear();
        }
        let asked = self.target.iter().filter_map(|target| target.replicas).max();
        let replicas = match asked {
            Some(asked) => usize::try_from(asked).unwrap_or(1).max(1),
            None => catalog.datasets.get(&name).map_or(Ok(1), |dataset| {
                profile::choose(dataset, &name, catalog).map(|choice| choice.replicas)
            })?,
        };
        Ok(Work { datasets: vec![seen], paths, wasm: None, replicas, command: None })
    }
}

fn target(spec: &DataLoadSpec, namespace: &str) -> Name {
    Name::new(spec.dataset.namespace.as_deref().unwrap_or(namespace), &spec.dataset.name)
}
