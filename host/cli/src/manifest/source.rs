//! Where manifests come from: files, folders, standard input. It reads text and understands none of it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fault::Source;

/// More than this is no manifest; it stops `millrace run data.json` early.
const MOST_BYTES: u64 = 64 << 20;
/// Names that a folder's manifests end in.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is not there, or may not be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] std::io::Error),
    /// It is not text.
    #[error("{0} is not text in UTF-8")]
    NotText(PathBuf),
    /// It is too large for a manifest.
    #[error("{0} is larger than {most} MiB: that is no manifest", most = MOST_BYTES >> 20)]
    TooLarge(PathBuf),
    /// A folder without manifests.
    #[error("the folder {0} holds no manifest (*.yaml, *.yml, *.json)")]
    EmptyFolder(PathBuf),
    /// `-` twice.
    #[error("standard input (-) can be read only once")]
    StandardInputTwice,
}

/// Reads every file, every manifest of every folder (in order of their names), and standard input for `-`.
///
/// # Errors
/// One of them cannot be read.
pub fn gather(paths: &[PathBuf]) -> Result<Vec<Arc<Source>>, SourceError> {
    if paths.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(SourceError::StandardInputTwice);
    }
    let mut sources = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            sources.push(standard_input()?);
        } else if path.is_dir() {
            for file in manifests_of(path)? {
                sources.push(file_source(&file)?);
            }
        } else {
            sources.push(file_source(path)?);
        }
    }
    Ok(sources)
}

fn manifests_of(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let read = |error| SourceError::Read(folder.to_owned(), error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(SourceError::EmptyFolder(folder.to_owned()));
    }
    files.sort();
    Ok(files)
}

fn file_source(path: &Path) -> Result<Arc<Source>, SourceError> {
    let file = std::fs::File::open(path).map_err(|error| SourceError::Read(path.to_owned(), error))?;
    let text = read_text(file, path)?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Arc::new(Source { name: path.display().to_string(), text, folder: absolute(&folder) }))
}

fn standard_input() -> Result<Arc<Source>, SourceError> {
    let text = read_text(std::io::stdin().lock(), Path::new("-"))?;
    Ok(Arc::new(Source { name: "<stdin>".to_owned(), text, folder: absolute(Path::new("")) }))
}

fn read_text(reader: impl Read, path: &Path) -> Result<String, SourceError> {
    let mut bytes = Vec::new();
    reader
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| SourceError::Read(path.to_owned(), error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(SourceError::TooLarge(path.to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| SourceError::NotText(path.to_owned()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The folder as an absolute path; where even the working folder is unknown, as it was given.
fn absolute(folder: &Path) -> PathBuf {
    let given = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::path::absolute(given).unwrap_or_else(|_| given.to_owned())
}
