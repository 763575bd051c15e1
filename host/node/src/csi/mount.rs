//! Binding folders into a volume and undoing it. Blocking.
//!
//! What is bound is opened below one of the allowed roots without following a link, so that a link
//! in a cache folder never leads anywhere else on the node.

use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};

use crate::volumes::Bind;

/// Why a volume was not mounted.
#[derive(Debug, thiserror::Error)]
pub(super) enum MountError {
    /// It is in none of the folders that may be bound.
    #[error(
        "{0} is outside of the cache and of every --local-root: the plugin and the agent of this node need the same"
    )]
    Outside(PathBuf),
    /// A folder cannot be opened, made, bound or released.
    #[error("{action} {path}: {source}")]
    System { action: &'static str, path: PathBuf, source: std::io::Error },
}

fn system(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> MountError {
    let path = path.to_owned();
    move |source| MountError::System { action, path, source }
}

/// Makes the volume at `target`: every bind, in their order, or none.
pub(super) fn publish(
    roots: &[PathBuf],
    binds: &[Bind],
    target: &Path,
    read_only: bool,
) -> Result<(), MountError> {
    // What an interrupted try left.
    release(target)?;
    std::fs::create_dir_all(target).map_err(system("make", target))?;
    let bound = binds.iter().try_for_each(|one| bind(roots, one, target, read_only || !one.writable));
    if bound.is_err() {
        // The first error tells more than one of cleaning up after it.
        let _undone = unpublish(target);
    }
    bound
}

/// Undoes it; what is not there is no error.
pub(super) fn unpublish(target: &Path) -> Result<(), MountError> {
    release(target)?;
    match std::fs::remove_dir(target) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(system("remove", target)(error)),
        _ => Ok(()),
    }
}

/// Whether something is mounted at `target`.
pub(super) fn is_mounted(target: &Path) -> Result<bool, MountError> {
    Ok(mounts_below(target)?.iter().any(|point| point == target))
}

fn bind(roots: &[PathBuf], bind: &Bind, target: &Path, read_only: bool) -> Result<(), MountError> {
    let source = open_below(roots, &bind.source)?;
    let place = open_beneath(target, &bind.at).map_err(system("open", &target.join(&bind.at)))?;
    let point = target.join(&bind.at);
    mount_bind(by_descriptor(&source), by_descriptor(&place))
        .map_err(|error| system("bind", &bind.source)(error.into()))?;
    let mut flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV;
    flags.set(MountFlags::RDONLY, read_only);
    mount_remount(&point, flags, c"").map_err(|error| system("protect", &point)(error.into()))
}

/// Opens `path`, which must be in one of `roots`, without following a link on the way from there.
fn open_below(roots: &[PathBuf], path: &Path) -> Result<OwnedFd, MountError> {
    let inside = |root: &PathBuf| Some((root.clone(), path.strip_prefix(root).ok()?.to_owned()));
    let (root, rest) = roots.iter().find_map(inside).ok_or_else(|| MountError::Outside(path.to_owned()))?;
    open_beneath(&root, &rest).map_err(system("open", path))
}

fn open_beneath(root: &Path, rest: &Path) -> std::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat2(CWD, root, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS)?;
    if rest.as_os_str().is_empty() {
        return Ok(root);
    }
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(&root, rest, flags, Mode::empty(), beneath)?)
}

fn by_descriptor(file: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Unmounts what is at and below `target`, the innermost first.
fn release(target: &Path) -> Result<(), MountError> {
    let mut points = mounts_below(target)?;
    points.reverse();
    for point in points {
        let flags = UnmountFlags::NOFOLLOW | UnmountFlags::DETACH;
        unmount(&point, flags).map_err(|error| system("unmount", &point)(error.into()))?;
    }
    Ok(())
}

/// Mount points at and below `target`, in the order in which they were made.
fn mounts_below(target: &Path) -> Result<Vec<PathBuf>, MountError> {
    let table = Path::new("/proc/self/mountinfo");
    let text = std::fs::read(table).map_err(system("read", table))?;
    let points = text.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    Ok(points.map(unescape).filter(|point| point.starts_with(target)).collect())
}

/// Spaces and the like stand as `\040` in the kernel's table.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_the_mount_table_are_read() {
        for (field, path) in
            [("/a/b", "/a/b"), ("/a\\040b", "/a b"), ("/a\\134b", "/a\\b"), ("/a\\x", "/a\\x")]
        {
            assert_eq!(unescape(field.as_bytes()), Path::new(path));
        }
    }

    #[test]
    fn nothing_outside_of_the_roots_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cache");
        std::fs::create_dir_all(root.join("inside")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("link")).unwrap();
        let roots = [root.clone()];
        assert!(open_below(&roots, &root.join("inside")).is_ok());
        assert!(open_below(&roots, &root).is_ok());
        for path in ["/etc".into(), root.join("link"), root.join("../other"), root.join("absent")] {
            assert!(open_below(&roots, &path).is_err(), "{}", path.display());
        }
    }
}
