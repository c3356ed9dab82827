//! Opens, reads and writes files.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::{HERE, NO_FOLLOW, refuse, system_calls};

system_calls! {
    chdir(path) => SYS_chdir[path];
    close(fd) => SYS_close[fd];
    fchmod(fd, mode) => SYS_fchmod[fd, mode];
    fcntl(fd, command, argument) => SYS_fcntl[fd, command, argument];
    fstat64(fd, stat) => SYS_fstat[fd, stat];
    fstatat64(from, path, stat, flags) => SYS_newfstatat[from, path, stat, flags];
    fstatfs(fd, stat) => SYS_fstatfs[fd, stat];
    ftruncate(fd, length) => SYS_ftruncate[fd, length];
    ftruncate64(fd, length) => SYS_ftruncate[fd, length];
    inotify_init1(flags) => SYS_inotify_init1[flags];
    inotify_rm_watch(fd, watch) => SYS_inotify_rm_watch[fd, watch];
    linkat(from, path, to_from, to, flags) => SYS_linkat[from, path, to_from, to, flags];
    lseek(fd, offset, whence) => SYS_lseek[fd, offset, whence];
    lseek64(fd, offset, whence) => SYS_lseek[fd, offset, whence];
    lstat64(path, stat) => SYS_newfstatat[HERE, path, stat, NO_FOLLOW];
    open(path, flags, mode) => SYS_openat[HERE, path, flags, mode];
    open64(path, flags, mode) => SYS_openat[HERE, path, flags, mode];
    openat(from, path, flags, mode) => SYS_openat[from, path, flags, mode];
    openat64(from, path, flags, mode) => SYS_openat[from, path, flags, mode];
    pread(fd, to, size, offset) => SYS_pread64[fd, to, size, offset];
    pread64(fd, to, size, offset) => SYS_pread64[fd, to, size, offset];
    pwrite(fd, from, size, offset) => SYS_pwrite64[fd, from, size, offset];
    pwrite64(fd, from, size, offset) => SYS_pwrite64[fd, from, size, offset];
    read(fd, to, size) => SYS_read[fd, to, size];
    readv(fd, parts, count) => SYS_readv[fd, parts, count];
    stat64(path, stat) => SYS_newfstatat[HERE, path, stat, 0];
    statfs(path, stat) => SYS_statfs[path, stat];
    statx(from, path, flags, mask, stat) => SYS_statx[from, path, flags, mask, stat];
    truncate(path, length) => SYS_truncate[path, length];
    write(fd, from, size) => SYS_write[fd, from, size];
    writev(fd, parts, count) => SYS_writev[fd, parts, count];
}

/// Does what getcwd(3) does with a buffer of the caller's.
unsafe extern "C" fn getcwd(to: *mut c_char, size: usize) -> *mut c_char {
    // SAFETY: the caller has room for `size` bytes.
    let length = unsafe { super::call(libc::SYS_getcwd, [to as usize, size]) };
    // A directory that is out of reach has a path all the same, which begins with "(unreachable)".
    // SAFETY: as above; the kernel has written at least a zero byte.
    if length > 0 && unsafe { *to } != b'/' as c_char {
        refuse(libc::ENOENT);
        return ptr::null_mut();
    }
    if length > 0 { to } else { ptr::null_mut() }
}

// std and notify can read directories and resolve paths with these; we never do. libc's allocate.

extern "C" fn opendir(_: *const c_char) -> *mut libc::DIR {
    refuse(libc::ENOSYS);
    ptr::null_mut()
}

extern "C" fn readdir64(_: *mut libc::DIR) -> *mut libc::dirent64 {
    ptr::null_mut()
}

extern "C" fn closedir(_: *mut libc::DIR) -> c_int {
    0
}

extern "C" fn dirfd(_: *mut libc::DIR) -> c_int {
    refuse(libc::ENOSYS) as c_int
}

extern "C" fn realpath(_: *const c_char, _: *mut c_char) -> *mut c_char {
    refuse(libc::ENOSYS);
    ptr::null_mut()
}

crate::isolation::wrap::wrap!(getcwd, opendir, readdir64, closedir, dirfd, realpath);
