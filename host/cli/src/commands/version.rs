//! `millrace version`: which version of what is in this binary.

use clap::Args;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::exit::{Exit, Failure};
use crate::modules::Modules;
use crate::terminal;

/// The contract that this host serves (guest-sdk/wit/processor.wit).
const CONTRACT: &str = include_str!("../../../../guest-sdk/wit/processor.wit");

/// Arguments of `millrace version`.
#[derive(Debug, Args)]
pub struct Version {
    /// For people or for programs.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl Version {
    /// Prints it.
    pub fn execute(self) -> Result<Exit, Failure> {
        let facts = facts().map_err(Failure::machine)?;
        match self.output {
            Output::Json => terminal::answer(&format!("{facts:#}\n")),
            Output::Table => terminal::answer(&lines(&facts)),
        }
        Ok(Exit::Ok)
    }
}

/// Everything that a bug report needs to know of the binary.
pub fn facts() -> Result<Value, crate::modules::ShippedError> {
    let modules = Modules::shipped()?;
    let module = |module: &crate::modules::Module| {
        let descriptor = &module.info.descriptor;
        json!({"name": descriptor.name, "version": descriptor.version, "digest": module.info.digest})
    };
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commit": option_env!("MILLRACE_COMMIT"),
        "engine": env!("MILLRACE_ENGINE"),
        "contract": contract(),
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        "processorFeatures": millrace_engine::processor_features(),
        "modules": modules.iter().map(module).collect::<Vec<_>>(),
    }))
}

/// `millrace:processor@0.1.0`, as the contract's first line names it.
fn contract() -> &'static str {
    let line = CONTRACT.lines().find_map(|line| line.strip_prefix("package "));
    line.unwrap_or_default().trim_end_matches(';')
}

fn lines(facts: &Value) -> String {
    let word = |key: &str| facts.get(key).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let listed = |key: &str, each: fn(&Value) -> String| {
        facts
            .get(key)
            .and_then(Value::as_array)
            .map(|items| items.iter().map(each).collect::<Vec<_>>().join(" "))
            .unwrap_or_default()
    };
    let module = |module: &Value| {
        let part = |key: &str| module.get(key).and_then(Value::as_str).unwrap_or_default();
        format!("{}@{}", part("name"), part("version"))
    };
    let feature = |feature: &Value| feature.as_str().unwrap_or_default().to_owned();
    format!(
        "millrace   {}\ncommit     {}\nengine     {}\ncontract   {}\ntarget     {}\nprocessor  {}\nmodules    {}\n",
        word("version"),
        word("commit"),
        word("engine"),
        word("contract"),
        word("target"),
        listed("processorFeatures", feature),
        listed("modules", module),
    )
}
