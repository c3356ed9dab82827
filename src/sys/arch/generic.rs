//! Holds what is the same on processors that came to Linux after the older system calls had newer forms: they have only
//! those (include/uapi/asm-generic/unistd.h).

use std::ffi::c_long;

use super::calls::calls;

/// Where a relative path begins: the current directory.
pub const HERE: usize = libc::AT_FDCWD as usize;
/// Bytes of a set of signals.
const SET: usize = size_of::<u64>();

/// The number of poll(2), where there is one.
pub const POLL: Option<c_long> = None;

calls! {
    // Nobody here copies a descriptor onto itself, where dup2 differs.
    dup2(fd, to) => SYS_dup3[fd, to, 0];
    link(path, to) => SYS_linkat[HERE, path, HERE, to, 0];
    pause() => SYS_ppoll[0, 0, 0, 0, SET];
    readlink(path, to, size) => SYS_readlinkat[HERE, path, to, size];
    rmdir(path) => SYS_unlinkat[HERE, path, libc::AT_REMOVEDIR as usize];
    unlink(path) => SYS_unlinkat[HERE, path, 0];
}
