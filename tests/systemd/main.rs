//! Services of a real systemd, and what the README tells administrators to do.

#[path = "../common/mod.rs"]
mod common;

mod drop_in;
mod forking;
mod guard;
mod machine;
mod recipes;
mod services;
