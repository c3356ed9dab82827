//! Programs and systems that leave the library little or nothing to work with.

#[path = "../common/mod.rs"]
mod common;

mod file_systems;
mod names;
mod old_kernels;
mod resource_limits;
mod sandboxes;
mod scanners;
