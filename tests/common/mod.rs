//! What the scenarios are told with.
//!
//! A scenario sets up a [`TestDir`] (a private directory with a place for a PID file) and starts unmodified programs in
//! it. It looks at them from outside, as an operator would: the file, the wait status, the output, `/proc`. Nothing
//! here loads the library into the test itself, and nothing here knows how it works inside.
//!
//! ```ignore
//! let dir = TestDir::new();
//! let mut host = dir.host("waits_for_eof").spawn_owner();
//! host.close_stdin();
//! assert_eq!(host.wait().status, exited(0));
//! assert_eq!(dir.leftovers(), NOTHING);
//! ```
//!
//! Scenarios run in parallel on machines with few processors and a noisy clock. So none asserts a time and none sleeps to
//! let something happen: [`wait_for`] waits for what can be observed, with a bound that only a failure reaches.

// Every folder in tests/ is a program of its own, and none of them uses all of this.
#![allow(dead_code, unused_imports)]

mod admin;
mod children;
mod descendants;
mod elf;
mod file_observer;
mod go;
mod hand_over;
mod host;
mod install;
mod instructions;
mod lab;
mod launcher;
mod lock;
mod nginx;
mod paired_run;
mod probe;
mod process;
mod procfs;
mod race;
mod reader;
mod readme;
mod stopped;
mod test_dir;
mod trace;
mod tree;
mod wait;

pub use admin::{Admin, answer, has_ended, owner};
pub use children::Children;
pub use descendants::{Descendant, Descendants};
pub use elf::{elf, machine_here};
pub use file_observer::FileObserver;
pub use go::go_program;
pub use hand_over::*;
pub use host::{HostCommand, Mode};
pub use install::install;
pub use instructions::{Preload, beside_valgrind, instructions};
pub use lab::{Lab, Unit};
pub use launcher::{base_system, is_one_failure, launcher, pidfile_run, refuses, starter};
pub use lock::{is_locked, locked_by};
pub use nginx::NGINX;
pub use paired_run::{PRELOADED, PairedRun};
pub use probe::Probe;
pub use process::{Ended, Process, exited, killed_by};
pub use procfs::*;
pub use race::{leave_stale, owners_in_log, race};
pub use reader::Reader;
pub use readme::recipes;
pub use stopped::{Call, Step, Stopped};
pub use test_dir::{NOTHING, SHELLS, TestDir, library};
pub use trace::{calls_in, trace};
pub use tree::tree;
pub use wait::{rounds, wait_for};
