//! A user namespace (a user of its own, without capabilities) and an empty network namespace.

use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

/// The user that the process is inside its namespace: `nobody`.
const NOBODY: u32 = 65_534;

/// Enters both; the answers say why one is missing.
pub(super) fn enter() -> (Option<String>, Option<String>) {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let userns = unshare(UnshareFlags::NEWUSER).and_then(|()| map_to_nobody(user, group));
    // IPC and UTS come along: System V memory and the host's name are nobody's business either.
    let netns = unshare(UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS);
    (userns.err(), netns.err())
}

fn unshare(flags: UnshareFlags) -> Result<(), String> {
    #[expect(
        unsafe_code,
        reason = "rustix marks unshare unsafe for CLONE_FILES and CLONE_FS, which are not used"
    )]
    // SAFETY: none of the flags detaches a file table or a file system context from another thread;
    // the process has one thread.
    let result = unsafe { rustix::thread::unshare_unsafe(flags) };
    result.map_err(|error| format!("unshare: {error}"))
}

fn map_to_nobody(user: u32, group: u32) -> Result<(), String> {
    let write = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text).map_err(|error| format!("write {file}: {error}"))
    };
    write("setgroups", "deny".into())?;
    write("uid_map", format!("{NOBODY} {user} 1"))?;
    write("gid_map", format!("{NOBODY} {group} 1"))
}

/// Gives up every capability, those of the new namespace included.
pub(super) fn drop_capabilities() -> Result<(), String> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets).map_err(|error| format!("drop capabilities: {error}"))
}
