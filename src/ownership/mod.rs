//! What this process is to the file: the state that its threads share, and the file itself.

mod candidate;
mod child;
pub mod host_file;
pub mod owned_file;
mod phase;
pub mod removal;
mod request;
pub mod shared;
pub mod state;
pub mod terminate;
pub mod unattended;
