//! Every way a process ends: its parent sees what it would have seen, and the file is gone by then.

#[path = "../common/mod.rs"]
mod common;

mod core_dumps;
mod every_ending;
mod exit_status;
mod first_process;
mod guard;
