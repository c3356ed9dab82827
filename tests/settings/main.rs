//! What the settings do, and what the library says.

#[path = "../common/mod.rs"]
mod common;

mod bad_values;
mod deletion;
mod log;
mod log_targets;
mod log_unread;
mod only_this_program;
mod only_this_program_below;
mod variables;
mod where_they_come_from;
