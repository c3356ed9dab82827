//! What the settings do, and what the library says.

#[path = "../common/mod.rs"]
mod common;

mod bad_values;
mod deletion;
mod log;
mod log_targets;
mod only_this_program;
mod where_they_come_from;
