//! Holds what is the same on processors that have been in Linux for long: they have the older forms of system calls, which
//! libc makes there.

use std::ffi::c_long;

use super::calls::calls;

/// The number of poll(2), where there is one.
pub const POLL: Option<c_long> = Some(libc::SYS_poll);

calls! {
    dup2(fd, to) => SYS_dup2[fd, to];
    link(path, to) => SYS_link[path, to];
    pause() => SYS_pause[];
    readlink(path, to, size) => SYS_readlink[path, to, size];
    rename(from, to) => SYS_rename[from, to];
    rmdir(path) => SYS_rmdir[path];
    unlink(path) => SYS_unlink[path];
}
