//! One file per subcommand: its arguments, and what it does with them.

pub mod completion;
pub mod crds;
pub mod doctor;
pub mod process;
pub mod run;
pub mod version;
