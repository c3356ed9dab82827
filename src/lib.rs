//! Gives any unmodified, dynamically linked Linux program a PID file.
//!
//! ```text
//! LD_PRELOAD=libpidfile.so PIDFILE=/run/a.pid ./legacy
//! ```
//!
//! # The promise
//!
//! 1. The file holds the PID of the program before `main` runs: decimal, one newline, mode 0644.
//! 2. The program is terminated if the file is deleted.
//! 3. The file is removed when the program ends.
//! 4. A program that daemonizes passes the file to its daemon before the first process is gone.
//! 5. A stale file is replaced; a file that a live owner holds is not touched.
//! 6. The program does not notice.
//!
//! # How it works
//!
//! ```text
//! constructor ──► settings ──► claim the file ──► keeper thread ───┐ has the file, its lock and the watch,
//!                                                   ▲    ▲         │ in a descriptor table of its own,
//!   exit, _exit, quick_exit ──► endings ── request ─┘    │         │ with every signal blocked
//!   signals with the default action ──► endings ─────────┘         ▼
//!                                                   file deleted? ──► kill(getpid(), SIGTERM)
//! ```
//!
//! One thread, the *keeper*, has the file. All other code, whatever it runs in, posts a request to the keeper: a bit in
//! an atomic word, and a futex(2) to wake it. Where it has to wait for the answer, it waits with a timeout. So signal
//! handlers and exit paths take no lock and allocate nothing.
//!
//! `docs/architecture.md` has the life of one file as a sequence, the threads, and the test that holds each invariant.
//!
//! # Invariants
//!
//! | | |
//! | --- | --- |
//! | I1 | No descriptor of this library is ever in the host's descriptor table. |
//! | I2 | The host sees its signal dispositions as it has set them. |
//! | I3 | Only the owner acts on the file. Any other process with the library loaded does nothing. |
//! | I4 | Only our own file is removed: same device and inode as published, and it still holds our PID. |
//! | I5 | Only a proven deletion ends the host. An error of any other kind proves nothing. |
//! | I6 | No failure of the library harms the host: it runs on without a PID file, and one line says why. |
//! | I7 | At a handover the successor's PID is in the file before the old owner is gone. |
//! | I8 | In secure-execution mode (`AT_SECURE`, ld.so(8)) the library does nothing. |
//! | I9 | errno and the signal mask are what they were after each entry from the host. |
//! | I10 | No thread of the library keeps the process alive or takes one of its signals. |
//!
//! # The rooms
//!
//! Each folder is a room. A file may use its own room and those below it; `tests/layers/main.rs` holds that.
//!
//! | room | holds |
//! | --- | --- |
//! | [`startup`] | constructor → take part or not → acquire the file → `main` |
//! | [`hooks`] | what the host calls: the exported C symbols, the fork handlers |
//! | [`keeper`] | the thread that has the file, and the watch for its deletion |
//! | [`endings`] | every way in which a process ends; the file goes first |
//! | [`handover`] | which process gets the file when the owner exits |
//! | [`ownership`] | what this process is to the file: state shared by its threads and its children |
//! | [`guard`] | the process that removes the file after an end that no handler sees |
//! | [`report`] | messages to the operator |
//! | [`settings`] | environment and command line → [`settings::config::Config`] |
//! | [`pidfile`] | the file and its protocol; knows a process only by its PID |
//! | [`isolation`] | what keeps us out of the host's memory and descriptors, and the host's functions out of us |
//! | [`sys`] | raw system calls, `/proc`, clocks; knows nothing of PID files |
//!
//! # Glossary
//!
//! | word | meaning |
//! | --- | --- |
//! | host | the unmodified program into which the library is loaded |
//! | owner | the process whose PID is in the file |
//! | keeper | the thread of the owner that alone opens, writes, watches and removes the file |
//! | candidate | a child of the owner that may get the file |
//! | standby | a candidate that waits for the lock of the file |
//! | successor | the candidate to which an exiting owner gives the file |
//! | handover | giving the file to a successor |
//! | guard | the process that `PIDFILE_GUARD=1` starts beside the owner |
//! | stale | said of a file whose owner has ended without removing it: nobody holds its lock |
//! | claim, resume | become the owner before `main`; become it again after exec(2) |
//! | unmonitored | said of a file without a keeper: whoever ends the process removes it |

// The documentation is that of a library without a public item: all of its links are private.
#![allow(rustdoc::private_intra_doc_links)]
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

mod endings;
mod guard;
mod handover;
mod hooks;
mod isolation;
mod keeper;
mod ownership;
mod pidfile;
mod report;
mod settings;
mod startup;
mod sys;

/// Runs when the loader has loaded us, before `main`.
#[ctor::ctor(unsafe)]
fn load() {
    startup::run();
}
