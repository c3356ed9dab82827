//! Starts, ends and describes processes and threads.

use std::ffi::{c_int, c_long, c_ulong};

use super::{refuse, system_calls};
use crate::sys::{c_library, objects};

system_calls! {
    getegid() => SYS_getegid[];
    geteuid() => SYS_geteuid[];
    getgid() => SYS_getgid[];
    getpid() => SYS_getpid[];
    getpgid(pid) => SYS_getpgid[pid];
    getppid() => SYS_getppid[];
    getrandom(to, size, flags) => SYS_getrandom[to, size, flags];
    getsid(pid) => SYS_getsid[pid];
    gettid() => SYS_gettid[];
    getuid() => SYS_getuid[];
    kill(pid, signal) => SYS_kill[pid, signal];
    prctl(option, second, third, fourth, fifth) => SYS_prctl[option, second, third, fourth, fifth];
    sched_yield() => SYS_sched_yield[];
    unshare(flags) => SYS_unshare[flags];
    waitpid(pid, status, options) => SYS_wait4[pid, status, options, 0];
}

extern "C" fn getauxval(kind: c_ulong) -> c_ulong {
    c_library::getauxval(kind)
}

extern "C" fn sysconf(name: c_int) -> c_long {
    let kind = match name {
        libc::_SC_PAGESIZE => libc::AT_PAGESZ,
        libc::_SC_CLK_TCK => libc::AT_CLKTCK,
        _ => return refuse(libc::EINVAL) as c_long,
    };
    getauxval(kind) as c_long
}

/// Calls libc's exit(3), which runs the host's handlers and flushes its streams.
extern "C-unwind" fn exit(status: c_int) -> ! {
    let exit = objects::of_libc(c"exit");
    if !exit.is_null() {
        // SAFETY: libc's function of that name and type, which does not return.
        unsafe {
            let exit: extern "C-unwind" fn(c_int) -> ! = std::mem::transmute(exit);
            exit(status)
        }
    }
    crate::sys::exit_group(status)
}

/// Ends the process as abort(3) does, which std and the unwinder call where they cannot go on.
extern "C-unwind" fn abort() -> ! {
    let abort = objects::of_libc(c"abort");
    if !abort.is_null() {
        // SAFETY: libc's function of that name and type, which does not return.
        unsafe {
            let abort: extern "C-unwind" fn() -> ! = std::mem::transmute(abort);
            abort()
        }
    }
    crate::sys::exit_group(128 + libc::SIGABRT)
}

/// Calls libc's fork(3), which runs fork handlers and mends libc's own state in the child.
extern "C-unwind" fn fork() -> libc::pid_t {
    let fork = objects::of_libc(c"fork");
    if fork.is_null() {
        return refuse(libc::ENOSYS) as libc::pid_t;
    }
    // SAFETY: libc's function of that name and type.
    unsafe {
        let fork: extern "C-unwind" fn() -> libc::pid_t = std::mem::transmute(fork);
        fork()
    }
}

crate::isolation::wrap::wrap!(getauxval, sysconf, exit, abort, fork);
