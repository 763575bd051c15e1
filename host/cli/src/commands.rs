//! One file per subcommand: its arguments, and what it does with them.

pub mod agent;
pub mod completion;
pub mod controller;
pub mod crds;
pub mod csi;
pub mod doctor;
pub mod process;
pub mod run;
pub mod version;
