//! Every fault at every point, a sample of them. With the feature `torture` all of them, and many more rounds.

#[path = "../common/mod.rs"]
mod common;

mod aftermath;
mod faults;
mod handover_faults;
mod held_calls;
mod hung_file_system;
mod inotify_fallbacks;
mod late_events;
mod protocol;
mod rounds;
mod rounds_of_changes;
mod shared_memory;
