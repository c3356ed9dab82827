//! Which process has the file when the one that was started forks, calls exec, or ends before its daemon does.

#[path = "../common/mod.rs"]
mod common;

mod candidates;
mod daemon_steps;
mod daemonizing;
mod descendants_left;
mod erlang;
mod exec;
mod exec_between_images;
mod exec_functions;
mod exec_restarts;
mod kinds;
mod quick_exits;
mod resting;
mod rights;
mod stalls;
mod stopped_owners;
mod strangers;
mod threads_and_forks;
mod unmarked;
