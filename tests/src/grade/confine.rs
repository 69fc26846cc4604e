//! Shutting code in: what it cannot do from here on, whatever it tries.
//!
//! On Linux, by Landlock, which takes files and TCP away, and seccomp, which leaves only those system
//! calls that a computation needs. Both hold for the thread that asks for them and for all that it
//! starts, and cannot be undone. Where a system or a kernel lacks one, that is told, and the limits of
//! the operator's container are all there is.

use std::path::Path;

/// Shuts the calling thread in for a run of code under test: no files, no network, no processes, and,
/// unless they are allowed, no threads. Says in words what it could not do.
pub fn run(threads: bool) -> Vec<String> {
    system::run(threads)
}

/// Shuts the calling thread in for a build: it and the processes that it starts may read these files
/// and folders only, and write these. Says in words what it could not do.
pub fn build(read: &[&Path], write: &[&Path]) -> Vec<String> {
    system::build(read, write)
}

#[cfg(target_os = "linux")]
mod system {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
        RulesetStatus, path_beneath_rules,
    };
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, apply_filter,
    };
    use std::error::Error;
    use std::path::Path;

    /// What is asked of Landlock; an older one does less and says so.
    const WANTED: ABI = ABI::V5;

    pub fn run(threads: bool) -> Vec<String> {
        let files = landlock(&[], &[]);
        let calls = seccomp(threads).map_err(|why| format!("seccomp: {why}"));
        [files, calls].into_iter().filter_map(Result::err).collect()
    }

    pub fn build(read: &[&Path], write: &[&Path]) -> Vec<String> {
        landlock(read, write).err().into_iter().collect()
    }

    fn landlock(read: &[&Path], write: &[&Path]) -> Result<(), String> {
        match restrict(read, write) {
            Ok(RulesetStatus::FullyEnforced) => Ok(()),
            Ok(RulesetStatus::PartiallyEnforced) => {
                Err("Landlock: this kernel has only a part of it".to_string())
            }
            Ok(RulesetStatus::NotEnforced) => Err("Landlock: this kernel has none".to_string()),
            Err(why) => Err(format!("Landlock: {why}")),
        }
    }

    fn restrict(read: &[&Path], write: &[&Path]) -> Result<RulesetStatus, RulesetError> {
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(WANTED))?
            .handle_access(AccessNet::from_all(WANTED))?
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(WANTED)))?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(WANTED)))?
            .restrict_self()?;
        Ok(status.ruleset)
    }

    /// What a computation in one thread asks of the system: memory, the time, randomness for the hash maps
    /// of the standard library, a pipe that is open already, the folder that the standard library shortens
    /// the places of a panic's calls by, and its own end.
    const CALLS: &[i64] = &[
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_futex,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_sched_yield,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_getcwd,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// What threads ask besides. A process could be made so as well, and would be as shut in.
    const THREADS: &[i64] = &[
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_prctl,
        libc::SYS_sched_getaffinity,
    ];

    fn seccomp(threads: bool) -> Result<(), Box<dyn Error>> {
        let more = if threads { THREADS } else { &[] };
        let calls = CALLS.iter().chain(more).map(|call| (*call, Vec::new()));
        // To abort is to send oneself a signal, and nobody else.
        let own = u64::from(std::process::id());
        let to_itself = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own)?;
        let abort = (libc::SYS_tgkill, vec![SeccompRule::new(vec![to_itself])?]);
        let (others, these) = (SeccompAction::KillProcess, SeccompAction::Allow);
        let here = std::env::consts::ARCH.try_into()?;
        let filter = SeccompFilter::new(calls.chain([abort]).collect(), others, these, here)?;
        let program: BpfProgram = filter.try_into()?;
        Ok(apply_filter(&program)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;

    pub fn run(_: bool) -> Vec<String> {
        vec!["Landlock and seccomp: this system has neither".to_string()]
    }

    pub fn build(_: &[&Path], _: &[&Path]) -> Vec<String> {
        vec!["Landlock: this system has none".to_string()]
    }
}
