//! Where cache, modules and state of this user's local runs are.

use std::path::PathBuf;

use crate::exit::Failure;

/// The folder: as given, else `$XDG_DATA_HOME/millrace`, else `~/.local/share/millrace`.
///
/// # Errors
/// None of them is known.
pub fn folder(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data =
        || variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")));
    let folder = given.or_else(|| data().map(|data| data.join("millrace")));
    let folder = folder.ok_or_else(|| {
        Failure::usage("there is no home folder ($HOME is not set): choose one with --home")
    })?;
    std::path::absolute(folder).map_err(Failure::machine)
}
