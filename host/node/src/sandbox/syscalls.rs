//! The system calls that a runner needs, and nothing else (seccomp).
//!
//! Threads may be made, processes not: `clone3` hides its flags in memory that a filter cannot
//! read, so it answers "not implemented", and the C library falls back to `clone`, whose flags can
//! be checked.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::{Layer, SandboxError};

/// Allowed whatever their arguments.
const ALLOWED: &[i64] = &[
    // Files that are open, or that Landlock lets be opened.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_close,
    libc::SYS_openat,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_lseek,
    libc::SYS_getdents64,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_mkdirat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_fadvise64,
    libc::SYS_copy_file_range,
    libc::SYS_flock,
    libc::SYS_fstatfs,
    // Memory.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_memfd_create,
    libc::SYS_membarrier,
    // Threads.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_clone3,
    // Signals of its own making: the engine turns faults of the guest into traps.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Time and chance (for hash seeds).
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_restart_syscall,
];

/// Calls of older processors' tables, which newer ones (aarch64) do not have.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_poll,
    libc::SYS_time,
    libc::SYS_gettimeofday,
];

/// Calls of older processors' tables, which newer ones (aarch64) do not have.
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[libc::SYS_ppoll, libc::SYS_gettimeofday];

/// Flags of `clone` that every thread of ours has and no process has.
const THREAD_FLAGS: u64 = (libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND) as u64;

/// Whether the filter lets `number` pass for at least some arguments.
pub(super) fn is_known(number: i64) -> bool {
    ALLOWED.contains(&number) || ALLOWED_HERE.contains(&number) || conditional_numbers().contains(&number)
}

fn conditional_numbers() -> [i64; 4] {
    [libc::SYS_clone, libc::SYS_tgkill, libc::SYS_prlimit64, libc::SYS_prctl]
}

/// Restricts the process (its one thread, and those it will make). `Ok(Some(why))`: no seccomp here.
///
/// # Errors
/// The kernel has seccomp and refuses the filter.
pub(super) fn restrict() -> Result<Option<String>, SandboxError> {
    let failed = |why: String| SandboxError::Apply { layer: Layer::Seccomp, why };
    let filters = [no_clone3(), allow_list()].map(|filter| filter.map_err(|error| failed(error.to_string())));
    for filter in filters {
        match seccompiler::apply_filter(&filter?) {
            Ok(()) => {}
            Err(seccompiler::Error::Seccomp(error)) if error.raw_os_error() == Some(libc::ENOSYS) => {
                return Ok(Some("the kernel was built without seccomp".to_owned()));
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    }
    Ok(None)
}

type Built = Result<BpfProgram, seccompiler::BackendError>;

/// Applied first, so that "not implemented" is what the C library sees.
fn no_clone3() -> Built {
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn allow_list() -> Built {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().chain(ALLOWED_HERE).map(|number| (*number, Vec::new())).collect();
    let own_process = u64::from(std::process::id());
    rules.extend([
        (libc::SYS_clone, vec![only(0, SeccompCmpOp::MaskedEq(THREAD_FLAGS), THREAD_FLAGS)?]),
        // `abort` of this process, and of no other.
        (libc::SYS_tgkill, vec![only(0, SeccompCmpOp::Eq, own_process)?]),
        // Reading limits (the C library asks for the stack's size); setting them has a third argument.
        (libc::SYS_prlimit64, vec![only(2, SeccompCmpOp::Eq, 0)?]),
        // Names of threads and of memory.
        (
            libc::SYS_prctl,
            vec![
                only(0, SeccompCmpOp::Eq, libc::PR_SET_NAME as u64)?,
                only(0, SeccompCmpOp::Eq, PR_SET_VMA)?,
            ],
        ),
    ]);
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// `prctl` option that names a range of memory.
const PR_SET_VMA: u64 = 0x53564d41;

fn only(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)?;
    SeccompRule::new(vec![condition])
}
