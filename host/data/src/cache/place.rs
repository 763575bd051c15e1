//! Writing one file of the cache: under an unfinished name first, then renamed to where it belongs.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use bytes::Bytes;

use super::error::CacheError;

/// Nobody but the cache changes its files.
const READ_ONLY: u32 = 0o444;

/// Begins a file. What stood under that name goes first: a stopped load may still have it open.
pub(super) fn begin(unfinished: &Path) -> Result<File, CacheError> {
    match std::fs::remove_file(unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(CacheError::io("remove", unfinished)(error));
        }
        _ => {}
    }
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(READ_ONLY);
    options.open(unfinished).map_err(CacheError::io("create", unfinished))
}

/// Takes the room that a large file needs, so that a full disk is noticed at its start.
pub(super) fn reserve(file: &File, size: u64, path: &Path) -> Result<(), CacheError> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, size) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
        Err(error) => Err(CacheError::io("reserve room for", path)(error.into())),
    }
}

/// Writes `chunks` one after the other from byte `offset` on.
pub(super) fn write(file: &File, mut offset: u64, chunks: &[Bytes], path: &Path) -> Result<(), CacheError> {
    for chunk in chunks {
        file.write_all_at(chunk, offset).map_err(CacheError::io("write", path))?;
        offset += chunk.len() as u64;
    }
    Ok(())
}

/// Gives a whole file its name. `data` is the dataset's folder and `target` lies below it.
pub(super) fn finish(
    file: &File,
    unfinished: &Path,
    data: &Path,
    target: &Path,
) -> Result<Metadata, CacheError> {
    if let Err(error) = rename(unfinished, target) {
        make_way(data, target, error)?;
        rename(unfinished, target).map_err(CacheError::io("rename to", target))?;
    }
    file.metadata().map_err(CacheError::io("read", target))
}

fn rename(unfinished: &Path, target: &Path) -> std::io::Result<()> {
    std::fs::rename(unfinished, target)
}

/// Makes the folders above `target`. Where an older form of the dataset had a file in place of a
/// folder, or a folder in place of this file, the older one goes.
fn make_way(data: &Path, target: &Path, error: std::io::Error) -> Result<(), CacheError> {
    if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory) {
        return Err(CacheError::io("rename to", target)(error));
    }
    if target.is_dir() {
        std::fs::remove_dir_all(target).map_err(CacheError::io("remove", target))?;
    }
    let above = target.ancestors().skip(1).take_while(|folder| folder.starts_with(data));
    if let Some(file) = above.into_iter().find(|folder| folder.is_file()) {
        std::fs::remove_file(file).map_err(CacheError::io("remove", file))?;
    }
    let parent = target.parent().unwrap_or(data);
    std::fs::create_dir_all(parent).map_err(CacheError::io("create", parent))
}

/// Removes a file and the folders above it that it leaves empty, up to `data`.
pub(super) fn remove(data: &Path, target: &Path) -> Result<bool, CacheError> {
    match std::fs::remove_file(target) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(error) => return Err(CacheError::io("remove", target)(error)),
    }
    let above = target.ancestors().skip(1).take_while(|folder| folder.starts_with(data) && *folder != data);
    for folder in above {
        if std::fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(data: &Path, path: &str) {
        let unfinished = data.with_extension("part");
        let file = begin(&unfinished).unwrap();
        write(&file, 0, &[Bytes::from_static(b"ab"), Bytes::from_static(b"c")], &unfinished).unwrap();
        finish(&file, &unfinished, data, &data.join(path)).unwrap();
        assert_eq!(std::fs::read(data.join(path)).unwrap(), b"abc");
    }

    #[test]
    fn a_file_takes_the_place_of_a_folder_and_a_folder_that_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        place(&data, "a/b/c");
        place(&data, "a/b/c");
        place(&data, "a");
        place(&data, "a/b/c");
        assert!(remove(&data, &data.join("a/b/c")).unwrap());
        assert!(!remove(&data, &data.join("a/b/c")).unwrap());
        assert!(data.exists() && !data.join("a").exists());
    }
}
