//! Which process has the file when the one that was started forks, calls exec, or ends before its daemon does.

#[path = "../common/mod.rs"]
mod common;

mod candidates;
mod daemonizing;
mod descendants_left;
mod erlang;
mod exec;
mod exec_functions;
mod exec_restarts;
mod kinds;
mod resting;
mod rights;
mod stalls;
mod strangers;
mod threads_and_forks;
mod unmarked;
