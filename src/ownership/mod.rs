//! Holds what this process is to the file: the state that its threads share, and the file itself.

pub mod candidate;
mod candidates;
pub mod child;
pub mod children;
pub mod host_file;
pub mod owned_file;
mod phase;
pub mod removal;
pub mod removal_by_child;
mod request;
pub mod shared;
pub mod state;
pub mod terminate;
pub mod unmonitored;
