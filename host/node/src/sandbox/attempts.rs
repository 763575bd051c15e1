//! What an escaped guest would try, tried: the child process behind [`super::probe`].
//!
//! Everything here runs after the same lock-down that a runner gets. Whatever succeeds is undone at
//! once and reported as allowed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Attempt, Confinement, Layer, ResourceLimits, confine, syscalls};

/// Highest system call number that is tried; Linux 6.18 ends below it.
const LAST_CALL: i64 = 480;
/// Memory that the probe may have, so that taking more can be tried.
const DATA_BYTES: u64 = 256 << 20;

/// Confines itself with `folder` as its only folder, tries everything, prints one JSON line.
pub(crate) fn probe_main(folder: &Path) -> ExitCode {
    let limits =
        ResourceLimits { data_bytes: Some(DATA_BYTES), file_bytes: Some(1 << 20), cpu_seconds: Some(10) };
    let confinement = Confinement { write: vec![folder.to_owned()], limits, ..Confinement::default() };
    let parent = rustix::process::getppid();
    let report = match confine(&confinement) {
        Ok(applied) => (applied, attempts(folder, parent), String::new()),
        Err(error) => (Vec::new(), Vec::new(), error.to_string()),
    };
    let written = serde_json::to_string(&report).map(|line| writeln!(std::io::stdout(), "{line}"));
    if matches!(written, Ok(Ok(()))) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn attempts(folder: &Path, parent: Option<rustix::process::Pid>) -> Vec<Attempt> {
    let mut all = files(folder);
    all.extend(calls(parent));
    // Numbers are only swept where a filter answers; without one they would act.
    if probe_call(libc::SYS_getpriority, [0; 3]).refused {
        all.extend(sweep());
    }
    all.push(memory());
    all.push(large_file(folder));
    all.push(thread());
    all
}

/// An attempt that is refused if `result` is an error.
fn judge<T>(layer: Layer, what: impl Into<String>, result: std::io::Result<T>) -> Attempt {
    let answer = match &result {
        Ok(_) => "allowed".to_owned(),
        Err(error) => error.to_string(),
    };
    Attempt { layer, what: what.into(), refused: result.is_err(), answer }
}

fn files(folder: &Path) -> Vec<Attempt> {
    let readable = [
        "/etc/passwd",
        "/etc/hostname",
        "/proc/1/environ",
        "/proc/self/environ",
        "/proc/self/mem",
        "/dev/mem",
        "/dev/null",
        "/sys/kernel/uevent_seqnum",
        "/proc/sys/kernel/hostname",
    ];
    let mut all: Vec<_> = readable
        .iter()
        .map(|path| judge(Layer::Landlock, format!("read {path}"), std::fs::File::open(path)))
        .collect();
    let folders = ["/", "/etc", "/home", "/tmp", "/proc", "/var/run/secrets"];
    all.extend(
        folders.iter().map(|path| judge(Layer::Landlock, format!("list {path}"), std::fs::read_dir(path))),
    );
    all.extend(["/tmp", "/var/tmp", "/dev/shm", "."].iter().map(|folder| create(Path::new(folder))));
    all.push(create(&folder.join("..")));
    all.push(judge(
        Layer::Landlock,
        "make a link out of staging",
        std::os::unix::fs::symlink("/etc", folder.join("link")),
    ));
    all.push(judge(
        Layer::Landlock,
        "make a second name for a file",
        std::fs::hard_link("/etc/passwd", folder.join("passwd")),
    ));
    all.push(judge(Layer::Landlock, "move a file out of staging", move_out(folder)));
    all
}

fn create(folder: &Path) -> Attempt {
    let path: PathBuf = folder.join(format!(".millrace-probe-{}", std::process::id()));
    let result = std::fs::File::create_new(&path);
    if result.is_ok() {
        // Nothing can be done about a file that cannot be removed again; the report says it was made.
        let _ = std::fs::remove_file(&path);
    }
    judge(Layer::Landlock, format!("write to {}", folder.display()), result)
}

fn move_out(folder: &Path) -> std::io::Result<()> {
    let (inside, outside) = (folder.join("inside"), folder.join("../millrace-probe-outside"));
    std::fs::write(&inside, "x")?;
    std::fs::rename(&inside, &outside)?;
    std::fs::remove_file(&outside)
}

/// Calls that would matter, with arguments that would make them work.
fn calls(parent: Option<rustix::process::Pid>) -> Vec<Attempt> {
    let parent = parent.map_or(1, |pid| i64::from(pid.as_raw_nonzero().get()));
    let namespaces = i64::from(libc::CLONE_NEWUSER | libc::CLONE_NEWNS);
    let child = i64::from(libc::SIGCHLD);
    let (inet, unix, stream) =
        (i64::from(libc::AF_INET), i64::from(libc::AF_UNIX), i64::from(libc::SOCK_STREAM));
    let path = c"/bin/true".as_ptr() as i64;
    let attach = libc::PTRACE_ATTACH as i64;
    [
        (Layer::Netns, "open a TCP socket", libc::SYS_socket, [inet, stream, 0]),
        (Layer::Netns, "open a UDP socket", libc::SYS_socket, [inet, i64::from(libc::SOCK_DGRAM), 0]),
        (Layer::Netns, "open a Unix socket", libc::SYS_socket, [unix, stream, 0]),
        (
            Layer::Netns,
            "open a netlink socket",
            libc::SYS_socket,
            [i64::from(libc::AF_NETLINK), i64::from(libc::SOCK_RAW), 0],
        ),
        (Layer::Userns, "make namespaces", libc::SYS_unshare, [namespaces, 0, 0]),
        (Layer::Userns, "change the user", libc::SYS_setuid, [0, 0, 0]),
        (Layer::Userns, "change the root folder", libc::SYS_chroot, [c"/".as_ptr() as i64, 0, 0]),
        (Layer::Seccomp, "run a program", libc::SYS_execve, [path, 0, 0]),
        (Layer::Seccomp, "make a process", libc::SYS_clone, [child, 0, 0]),
        (Layer::Seccomp, "trace the parent", libc::SYS_ptrace, [attach, parent, 0]),
        (Layer::Seccomp, "signal the parent", libc::SYS_kill, [parent, 0, 0]),
        (Layer::Seccomp, "signal a thread of the parent", libc::SYS_tgkill, [parent, parent, 0]),
        (Layer::Seccomp, "signal everyone", libc::SYS_kill, [-1, 0, 0]),
        (Layer::Seccomp, "hold the parent by a descriptor", libc::SYS_pidfd_open, [parent, 0, 0]),
        (
            Layer::Seccomp,
            "raise the limits",
            libc::SYS_prlimit64,
            [parent, i64::from(libc::RLIMIT_NOFILE), path],
        ),
        (Layer::Seccomp, "allow dumps of memory", libc::SYS_prctl, [libc::PR_SET_DUMPABLE as i64, 1, 0]),
        (Layer::Seccomp, "use io_uring", libc::SYS_io_uring_setup, [8, path, 0]),
    ]
    .into_iter()
    .map(|(layer, what, number, arguments)| Attempt {
        layer,
        what: what.to_owned(),
        ..probe_call(number, arguments)
    })
    .collect()
}

/// The kernel's own trampolines for probes (`uretprobe`, `uprobe` on x86-64): seccomp lets them pass by
/// design, and anybody else who calls them gets SIGILL.
const TRAMPOLINES: [i64; 2] = [335, 336];

/// Every number that the filter does not know, with arguments that mean nothing.
fn sweep() -> Vec<Attempt> {
    let tried = |number: &i64| !syscalls::is_known(*number) && !TRAMPOLINES.contains(number);
    (0..LAST_CALL).filter(tried).map(|number| probe_call(number, [0; 3])).collect()
}

fn probe_call(number: i64, [first, second, third]: [i64; 3]) -> Attempt {
    #[expect(unsafe_code, reason = "a forbidden system call has no safe wrapper")]
    // SAFETY: pointers among the arguments are null or to static strings; what the call does if it
    // is not refused is what the probe is to find out, in a process made for that.
    let result = unsafe { libc::syscall(number, first, second, third, 0_i64, 0_i64, 0_i64) };
    let error = std::io::Error::last_os_error();
    let result = if result < 0 { Err(error) } else { Ok(()) };
    judge(Layer::Seccomp, format!("system call {number}"), result)
}

fn memory() -> Attempt {
    let wanted = usize::try_from(DATA_BYTES * 2).unwrap_or(usize::MAX);
    let result = Vec::<u8>::new().try_reserve_exact(wanted).map_err(std::io::Error::other);
    judge(Layer::Limits, "take twice the memory", result)
}

fn large_file(folder: &Path) -> Attempt {
    let path = folder.join("large");
    let result = std::fs::File::create(&path).and_then(|file| file.set_len(2 << 20));
    judge(Layer::Limits, "write a file beyond the limit", result)
}

/// The one thing that must work, or no run would: it is reported as refused when it is possible.
fn thread() -> Attempt {
    let works = std::thread::Builder::new().spawn(|| ()).is_ok_and(|thread| thread.join().is_ok());
    let answer =
        if works { "threads work, as they must" } else { "a thread cannot be made: no run would work" };
    Attempt {
        layer: Layer::Seccomp,
        what: "make a thread".to_owned(),
        refused: works,
        answer: answer.to_owned(),
    }
}
