//! Every fault at every point, a sample of them. With the feature `torture` all of them, and many more rounds.

#[path = "../common/mod.rs"]
mod common;

mod faults;
mod handover_faults;
mod held_calls;
mod inotify_fallbacks;
mod protocol;
mod rounds;
mod shared_memory;
