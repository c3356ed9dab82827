//! What this process is to the file: the state that its threads share, and the file itself.

pub mod host_file;
pub mod owned_file;
pub mod removal;
pub mod shared;
pub mod state;
pub mod terminate;
pub mod unattended;
