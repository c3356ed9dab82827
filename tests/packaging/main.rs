//! Setting a machine up, and with the feature `dist` the packages of `make dist`.

#[path = "../common/mod.rs"]
mod common;

#[cfg(feature = "dist")]
mod dist;
mod scripts;
mod setting_up;
mod uninstall;
