//! Reaching an API server: a real one, or the one in this process that local mode and simulations
//! use. It knows Kubernetes and nothing of Millrace's kinds beyond their definitions.

mod admission;
mod call;
mod cascade;
mod connect;
mod core;
mod discovery;
mod environment;
mod fields;
mod object;
mod patch;
mod registry;
mod request;
pub mod schema;
mod selector;
mod server;
mod status;
mod store;
mod verbs;
mod view;
mod watch;

pub use connect::{ConnectError, Target, connect};
pub use environment::Environment;
pub use server::{ApiServer, InstallError, ResponseBody};
