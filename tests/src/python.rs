//! The Python of `tests/tools/install.sh`, with scikit-learn.

use std::path::PathBuf;
use std::process::Command;

/// The interpreter, or why there is none.
///
/// # Errors
/// In words, for [`crate::skip`].
pub fn interpreter() -> Result<PathBuf, String> {
    let path = tools().join("python/bin/python");
    let found = Command::new(&path).args(["-c", "import sklearn, numpy"]).output();
    match found {
        Ok(output) if output.status.success() => Ok(path),
        Ok(output) => {
            Err(format!("scikit-learn is not installed: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Err(error) => Err(format!("{}: {error}; `make tools` installs it", path.display())),
    }
}

/// Where `make tools` puts things.
///
/// # Panics
/// Never: the package lies in the repository.
#[must_use]
pub fn tools() -> PathBuf {
    std::env::var_os("MILLRACE_TOOLS")
        .map_or_else(|| crate::millrace::repository().join("target/tools"), PathBuf::from)
}
