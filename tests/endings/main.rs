//! Every way a process ends: its parent sees what it would have seen, and the file is gone by then.

#[path = "../common/mod.rs"]
mod common;

mod alike;
// Compares registers of one architecture.
#[cfg(target_arch = "x86_64")]
mod core_dumps;
mod every_ending;
mod every_signal;
mod exit_status;
mod first_process;
mod guard;
mod guard_unnoticed;
mod guarded;
mod held_up;
mod memory_group;

/// The signals for which there is a handler of ours.
const SERVICE_ENDS: [i32; 14] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGPIPE,
    libc::SIGXCPU,
    libc::SIGABRT,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
];
