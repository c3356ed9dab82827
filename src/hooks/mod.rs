//! Holds what the host calls: the exported functions, in place of libc's, and the fork handlers.
//!
//! Each one decodes its arguments, calls down, and goes on to the next definition of its name, which is libc's or that of
//! another preload. None of these functions goes through another one inside libc, so each needs its own.
//!
//! | file | functions | why |
//! | --- | --- | --- |
//! | `process.rs` | `_exit`, `_Exit` | an end without the handlers of exit(3) |
//! | | `setsid`, `daemon` | a child that begins a session may be the daemon |
//! | `exec.rs`, `exec_variadic.rs` | `execve` and its family, `posix_spawn`, `posix_spawnp` | tell the next image, and each child, its role |
//! | `files.rs` | `unlink`, `unlinkat`, `remove`, `rename`, `renameat`, `flock` | the host keeps a PID file of its own at the same path |
//! | `credentials.rs` | `setuid`, `setgid` and their family, `initgroups` | threads of ours must not keep rights that the host has given up |
//! | `signals.rs` | `sigaction`, `signal` and their family | the host sees its dispositions, not our handlers |
//! | | `prctl` | the host is about to catch its own system calls |
//! | `fork.rs` | `__register_atfork`, `pthread_atfork` | a forked child is undecided, and may become a candidate |
//!
//! `__libpidfile` is the one other symbol: by that a second copy of the library in one process finds the first.
//!
//! What goes through [`guarded`](crate::sys::entry::guarded) is `C-unwind`, since a cancelled thread may end there.

pub mod candidate;
pub mod fork;

mod credentials;
mod exec;
mod exec_role;
mod exec_variadic;
mod exec_vector;
mod files;
mod fork_handlers;
mod fork_record;
mod next;
mod process;
mod signals;

use crate::sys::{self, Errno};

/// Looks up what each process needs. Runs before all else, in every process.
pub fn prepare() {
    next::prepare();
}

/// Answers a call that libc would refuse too, with EINVAL in errno.
fn refuse<T>(answer: T) -> T {
    sys::set_errno(Errno(libc::EINVAL));
    answer
}
