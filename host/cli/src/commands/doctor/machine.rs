//! The machine beside the sandbox: container runtime, disk, file system, processor.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use indicatif::HumanBytes;
use rustix::fs::{OFlags, ioctl_ficlone, statvfs};

use super::Check;

/// Container steps need one of these.
const RUNTIMES: [&str; 2] = ["podman", "docker"];
/// Less free space than this will not do for a cache.
const LITTLE: u64 = 1 << 30;

/// The first container runtime that answers.
pub(super) fn container_runtime() -> Check {
    let mut silent = Vec::new();
    for name in RUNTIMES {
        match version_of(name) {
            Some(Ok(version)) => return Check::ok("container runtime", format!("{name} {version}")),
            Some(Err(said)) => silent.push(format!("{name} is installed and does not answer: {said}")),
            None => {}
        }
    }
    let found =
        if silent.is_empty() { "neither podman nor docker is on PATH".to_owned() } else { silent.join("; ") };
    Check::lacking("container runtime", found, "only steps with a container image need one: install podman")
}

/// The server's version: the client alone runs nothing. None where the program is not there.
fn version_of(name: &str) -> Option<Result<String, String>> {
    let format = if name == "docker" { "{{.Server.Version}}" } else { "{{.Client.Version}}" };
    let output =
        Command::new(name).args(["version", "--format", format]).stdin(Stdio::null()).output().ok()?;
    let text =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().trim().to_owned();
    Some(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

/// Room and abilities of the disk that holds cache and modules.
pub(super) fn disk(home: &Path) -> Vec<Check> {
    if let Err(error) = std::fs::create_dir_all(home) {
        let advice = "choose another folder with --home or $XDG_DATA_HOME";
        return vec![Check::lacking("home", format!("{}: {error}", home.display()), advice)];
    }
    vec![room(home), unnamed_files(home), reflinks(home)]
}

fn room(home: &Path) -> Check {
    let shown = home.display();
    match statvfs(home) {
        Err(error) => {
            Check::lacking("home", format!("{shown}: {error}"), "choose another folder with --home")
        }
        Ok(disk) => {
            let (free, all) = (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize);
            let found = format!("{shown}: {} free of {}", HumanBytes(free), HumanBytes(all));
            if free < LITTLE {
                Check::lacking("home", found, "free some space, or choose another folder with --home")
            } else {
                Check::ok("home", found)
            }
        }
    }
}

fn unnamed_files(home: &Path) -> Check {
    let flags = i32::try_from(OFlags::TMPFILE.bits()).unwrap_or_default();
    match OpenOptions::new().write(true).custom_flags(flags).open(home) {
        Ok(_) => Check::ok("home: O_TMPFILE", "there"),
        Err(error) => Check::lacking(
            "home: O_TMPFILE",
            error.to_string(),
            "files under way have names instead; nothing else changes",
        ),
    }
}

fn reflinks(home: &Path) -> Check {
    let tried = || -> std::io::Result<()> {
        let folder = tempfile::tempdir_in(home)?;
        let mut from = File::create_new(folder.path().join("from"))?;
        from.write_all(&[7; 4096])?;
        let from = File::open(folder.path().join("from"))?;
        let to = File::create_new(folder.path().join("to"))?;
        Ok(ioctl_ficlone(&to, &from)?)
    };
    match tried() {
        Ok(()) => Check::ok("home: reflinks", "there: copies within this disk cost nothing"),
        Err(error) => Check::lacking(
            "home: reflinks",
            error.to_string(),
            "copies cost what they cost; XFS and Btrfs have reflinks",
        ),
    }
}

/// Threads and instruction sets.
pub(super) fn processor() -> Check {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Check::ok("processor", format!("{threads} threads; {}", millrace_engine::processor_features().join(" ")))
}
