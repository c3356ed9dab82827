//! What this process is to the file: the state that its threads share, and the file itself.

pub mod shared;
