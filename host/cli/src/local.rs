//! Runs on this machine: the API server, the controller and the agents of a cluster, in this process.
//!
//! It wires; every behaviour is that of the parts, which are the same in a cluster.

pub mod apply;
pub mod attached;
pub mod follow;
pub mod home;
pub mod interrupt;
pub mod options;
mod overrides;
mod parts;
pub mod step;
