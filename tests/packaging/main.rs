//! Setting a machine up, and with the feature `dist` the packages of `make dist`.

#[path = "../common/mod.rs"]
mod common;

#[cfg(feature = "dist")]
mod dist;
#[cfg(feature = "dist")]
mod dist_alpine;
#[cfg(feature = "dist")]
mod dist_arm64;
#[cfg(feature = "dist")]
mod dist_portable;
#[cfg(feature = "dist")]
mod dist_tools;
mod scripts;
mod setting_up;
mod uninstall;
