//! The node's agent: it pulls the NodeTasks of its node and does them.
//!
//! Loading and publishing go through `millrace-data`; guest code runs in a runner, a process of its
//! own that [`runner_main`] is the whole of. Nothing here decides what is to be done; that is the
//! controller's.

mod action;
mod agent;
mod compile_worker;
mod config;
mod csi;
mod failure;
mod machine;
mod metrics;
mod place;
mod process;
mod quantity;
mod runner;
mod runner_process;
pub mod sandbox;
mod volumes;

pub use agent::{Agent, AgentError, run};
pub use compile_worker::compile_worker_main;
pub use config::{AgentConfig, Clock, Folders};
pub use csi::{CsiConfig, CsiError, serve as serve_csi};
pub use machine::instruction_level;
pub use metrics::Metrics;
pub use process::ProgramCommand;
pub use runner::runner_main;
