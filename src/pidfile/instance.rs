//! Tells processes that have a keeper, and so are instances of this library, from others.

use std::ffi::{CStr, CString, c_int};
use std::fs;

use crate::sys::directory::numbers_in;
use crate::sys::fs::{FileId, stat};
use crate::sys::procfs;

/// The name of our keeper's thread (pthread_setname_np(3)).
pub const KEEPER_NAME: &CStr = c"libpidfile";

/// Returns whether a process has a keeper; true if that cannot be seen.
pub fn has_keeper(pid: libc::pid_t) -> bool {
    keeper_in(pid).unwrap_or(true)
}

/// Returns whether a process has a keeper; `None` if that cannot be seen.
pub fn keeper_in(pid: libc::pid_t) -> Option<bool> {
    Some(!keepers_of(pid)?.is_empty())
}

/// Returns the keeper of a process, by its thread ID.
fn keepers_of(pid: libc::pid_t) -> Option<Vec<c_int>> {
    let threads = CString::new(procfs::path_of(pid, "task")).unwrap_or_default();
    let mut threads = numbers_in(&threads).ok()?;
    threads.retain(|thread| {
        fs::read(procfs::path_of(pid, &format!("task/{thread}/comm")))
            .is_ok_and(|name| name.trim_ascii_end() == KEEPER_NAME.to_bytes())
    });
    Some(threads)
}

/// Returns whether the keeper of a process has a file open; false if that cannot be seen.
pub fn has_open(pid: libc::pid_t, file: FileId) -> bool {
    let leads_to_it = |table: &str, fd: c_int| {
        let path = CString::new(format!("{table}/{fd}")).unwrap_or_default();
        stat(&path).is_ok_and(|found| FileId::from(&found) == file)
    };
    let keepers = keepers_of(pid).unwrap_or_default().into_iter();
    let mut tables = keepers.map(|keeper| procfs::path_of(pid, &format!("task/{keeper}/fd")));
    tables.any(|table| {
        let path = CString::new(table.as_str()).unwrap_or_default();
        let fds = numbers_in(&path).unwrap_or_default();
        fds.into_iter().any(|fd| leads_to_it(&table, fd))
    })
}
