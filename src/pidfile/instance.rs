//! Tells processes that have a keeper, and so are instances of this library, from others.

use std::ffi::{CStr, CString};
use std::fs;

use crate::sys::directory::numbers_in;

/// The name of our keeper's thread (pthread_setname_np(3)).
pub const KEEPER_NAME: &CStr = c"libpidfile";

/// Returns whether a process has a keeper; true if that cannot be seen.
pub fn has_keeper(pid: libc::pid_t) -> bool {
    keeper_in(pid).unwrap_or(true)
}

/// Returns whether a process has a keeper; `None` if that cannot be seen.
pub fn keeper_in(pid: libc::pid_t) -> Option<bool> {
    let threads = CString::new(format!("/proc/{pid}/task")).unwrap_or_default();
    let threads = numbers_in(&threads).ok()?;
    let name_of = |thread| fs::read(format!("/proc/{pid}/task/{thread}/comm"));
    let mut names = threads.into_iter().flat_map(name_of);
    Some(names.any(|name| name.trim_ascii_end() == KEEPER_NAME.to_bytes()))
}
