//! Holds one file for each sub-command.

pub mod background;
pub mod check;
pub mod completion;
pub mod list;
pub mod signal;
pub mod start;
pub mod status;
pub mod stop;
pub mod systemd;
pub mod wait;
