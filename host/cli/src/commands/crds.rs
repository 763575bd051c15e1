//! `millrace crds`: the CustomResourceDefinitions, for `kubectl apply -f -`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of `millrace crds`.
#[derive(Debug, Args)]
pub struct Crds {
    /// Write a file for each into this folder instead of one stream.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Crds {
    /// Prints or writes them.
    pub fn execute(self) -> Result<Exit, Failure> {
        let definitions = millrace_crds::all();
        let written = match &self.dir {
            Some(folder) => write_files(folder, definitions),
            None => stream(definitions).map(|text| terminal::answer(&text)),
        };
        written.map(|()| Exit::Ok).map_err(Failure::machine)
    }
}

fn stream(definitions: &[CustomResourceDefinition]) -> anyhow::Result<String> {
    let texts = definitions.iter().map(yaml).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(texts.iter().map(|text| format!("---\n{text}")).collect())
}

fn write_files(folder: &Path, definitions: &[CustomResourceDefinition]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for definition in definitions {
        let name = definition.metadata.name.as_deref().unwrap_or_default();
        let path = folder.join(format!("{name}.yaml"));
        std::fs::write(&path, yaml(definition)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn yaml(definition: &CustomResourceDefinition) -> anyhow::Result<String> {
    serde_yaml::to_string(definition).context("cannot write a definition as YAML")
}
