//! # libpidfile
//!
//! Gives any unmodified, dynamically linked Linux program a PID file:
//!
//! ```text
//! LD_PRELOAD=libpidfile.so PIDFILE=/run/a.pid ./legacy
//! ```
//!
//! The PID is in the file before `main` runs. Delete the file, and the program gets SIGTERM. The
//! program ends, and the file is gone. A stale file is taken over; a file that a live owner holds
//! is never touched. The program itself notices nothing.
//!
//! ## The picture
//!
//! ```text
//! ctor ──► Config ──► claim ──► keeper thread ─────────────┐ owns: the file's fd and lock, the watcher
//!   (environment, argv)          ▲    ▲    ▲               │ private descriptor table, all signals blocked
//!                                │    │    │               ▼
//!   exit, _exit, quick_exit ─────┘    │    └──── notify   deleted? ──► kill(getpid(), SIGTERM)
//!   signals whose action was default ─┘          (any event: "look again")
//! ```
//!
//! One thread, the *keeper*, owns the file. Everything else, in whatever context it runs, posts one
//! bit to the keeper's mailbox and waits for the answer with a bound. So what runs in signal
//! handlers and on exit paths is a handful of atomic operations and two system calls.
//!
//! ## Where things are
//!
//! | module | holds |
//! | --- | --- |
//! | [`settings`] | environment and command line → `Config` |
//! | [`startup`] | from the constructor to the first instruction of the host |
//! | [`settings::exec_state`] | what an exec must not make us forget |
//! | [`pidfile`] | the file that is ours: look, adopt, pass on, remove, empty |
//! | [`pidfile::acquire`] | how the file becomes ours |
//! | [`pidfile::standby`] | the file of another process, which this one may inherit |
//! | [`pidfile::fd_passing`] | what an heir without rights gets with it |
//! | [`pidfile::content`], [`pidfile::location`] | what is in a PID file, and where it is |
//! | [`ownership`] | what this process is to the file: all that handlers and exit paths touch |
//! | [`keeper`] | the thread that owns the file |
//! | [`handover`], [`ownership::shared`], [`hooks::fork`] | fork, setsid, daemon: who inherits |
//! | [`private_table`] | the keeper's own descriptor table |
//! | [`ending`] | atexit, `_exit`, `quick_exit` |
//! | [`last_thread`], [`main_thread`] | the process whose main thread has left by `pthread_exit`, or ended |
//! | [`signals`], [`kernel_action`] | the virtual default disposition |
//! | [`fatal`] | the handler behind it: the process ends by the signal |
//! | [`once`], [`abort`] | where the kernel or libc puts the real default back |
//! | [`own_hands`] | the host that writes a PID file of its own at the same path |
//! | [`interpose`] | the exported C symbols, and libc's behind them |
//! | [`report`] | what a person gets told, and where |
//! | [`heap`], [`footprint`], [`thread_keys`] | what keeps us out of the host's memory and environment |
//! | [`sys`] | the few things libc offers no safe form of |

#![deny(unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "libpidfile is for Linux: it builds on inotify, futexes and private descriptor tables"
);

mod abort;
mod ending;
mod endings;
mod fatal;
// Unit tests are linked as programs, where nothing is wrapped.
#[cfg(not(test))]
mod footprint;
mod guard;
mod handover;
#[cfg(not(test))]
mod heap;
mod hooks;
mod interpose;
mod isolation;
mod keeper;
mod kernel_action;
mod last_thread;
mod main_thread;
mod once;
mod own_hands;
mod ownership;
mod pidfile;
mod private_table;
mod report;
mod settings;
mod signals;
mod startup;
mod sys;
mod thread_keys;

/// Around a fork(2): see [`heap::lock`].
fn heap_lock() {
    #[cfg(not(test))]
    heap::lock();
}

fn heap_unlock() {
    #[cfg(not(test))]
    heap::unlock();
}

/// Runs when the loader has loaded us, before `main`.
#[ctor::ctor(unsafe)]
fn load() {
    sys::guard::guarded((), startup::run);
}
