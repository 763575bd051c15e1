//! `millrace doctor`: what this machine can do, each thing tried, not guessed.

mod machine;
mod sandbox;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::version;
use crate::arguments::Output;
use crate::exit::{Exit, Failure};
use crate::local::home;
use crate::modules::{Modules, NONE_SHIPPED};
use crate::report::table;
use crate::terminal;

/// Arguments of `millrace doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Folder of cache and modules; $XDG_DATA_HOME/millrace unless said.
    #[arg(long, value_name = "FOLDER")]
    home: Option<PathBuf>,
    /// Exit with 1 if anything is lacking.
    #[arg(long)]
    strict: bool,
    /// For people or for programs.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// One thing that was tried.
#[derive(Debug, Serialize)]
pub struct Check {
    name: String,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    advice: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum State {
    /// It works.
    Ok,
    /// It is not there; the advice says what that means.
    Lacking,
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, found: found.into(), advice: String::new() }
    }

    fn lacking(name: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Lacking, found: found.into(), advice: advice.into() }
    }
}

impl Doctor {
    /// Tries everything and says what came of it.
    pub fn execute(self) -> Result<Exit, Failure> {
        let checks = checks(self.home)?;
        let lacking = checks.iter().any(|check| check.state == State::Lacking);
        match self.output {
            Output::Json => {
                let versions = version::facts().map_err(Failure::machine)?;
                terminal::answer(&format!("{:#}\n", json!({"checks": checks, "versions": versions})));
            }
            Output::Table => terminal::answer(&shown(&checks)),
        }
        Ok(if self.strict && lacking { Exit::RunFailed } else { Exit::Ok })
    }
}

fn checks(home: Option<PathBuf>) -> Result<Vec<Check>, Failure> {
    let home = home::folder(home)?;
    let mut checks = sandbox::checks();
    checks.push(machine::container_runtime());
    checks.extend(machine::disk(&home));
    checks.push(machine::processor());
    checks.push(modules());
    Ok(checks)
}

fn modules() -> Check {
    match Modules::shipped() {
        Err(error) => Check::lacking(
            "modules",
            format!("{:#}", anyhow::Error::from(error)),
            "build them again: make modules",
        ),
        Ok(modules) if modules.is_empty() => Check::lacking("modules", "none shipped", NONE_SHIPPED),
        Ok(modules) => {
            let named = modules
                .iter()
                .map(|module| format!("{} {}", module.info.descriptor.name, module.info.descriptor.version));
            Check::ok("modules", named.collect::<Vec<_>>().join(", "))
        }
    }
}

fn shown(checks: &[Check]) -> String {
    let rows = checks.iter().map(|check| {
        let state = match check.state {
            State::Ok => "ok",
            State::Lacking => "lacking",
        };
        let found = if check.advice.is_empty() {
            check.found.clone()
        } else {
            format!("{}\n{}", check.found, check.advice)
        };
        vec![check.name.clone(), state.to_owned(), found]
    });
    table::render(&["WHAT", "STATE", "FOUND"], rows)
}
