//! Sockets, epoll(7) and eventfd(2).

use super::system_calls;

system_calls! {
    accept4(fd, address, size, flags) => SYS_accept4[fd, address, size, flags];
    bind(fd, address, size) => SYS_bind[fd, address, size];
    connect(fd, address, size) => SYS_connect[fd, address, size];
    epoll_create1(flags) => SYS_epoll_create1[flags];
    epoll_ctl(fd, operation, of, event) => SYS_epoll_ctl[fd, operation, of, event];
    eventfd(value, flags) => SYS_eventfd2[value, flags];
    getsockname(fd, address, size) => SYS_getsockname[fd, address, size];
    getsockopt(fd, level, option, to, size) => SYS_getsockopt[fd, level, option, to, size];
    listen(fd, backlog) => SYS_listen[fd, backlog];
    recvmsg(fd, message, flags) => SYS_recvmsg[fd, message, flags];
    sendmsg(fd, message, flags) => SYS_sendmsg[fd, message, flags];
    setsockopt(fd, level, option, from, size) => SYS_setsockopt[fd, level, option, from, size];
    socket(domain, kind, protocol) => SYS_socket[domain, kind, protocol];
    socketpair(domain, kind, protocol, fds) => SYS_socketpair[domain, kind, protocol, fds];
}

#[cfg(target_arch = "x86_64")]
system_calls! {
    poll(fds, count, milliseconds) => SYS_poll[fds, count, milliseconds];
}

#[cfg(not(target_arch = "x86_64"))]
mod by_ppoll {
    use std::ffi::{c_int, c_long};

    unsafe extern "C" fn poll(fds: *mut libc::pollfd, count: usize, milliseconds: c_int) -> isize {
        let time = libc::timespec {
            tv_sec: c_long::from(milliseconds / 1000),
            tv_nsec: c_long::from(milliseconds % 1000) * 1_000_000,
        };
        let limit = if milliseconds < 0 {
            0
        } else {
            &raw const time as usize
        };
        // SAFETY: the caller's promise; the time lives as long as the call.
        unsafe { super::super::call(libc::SYS_ppoll, [fds as usize, count, limit, 0, 8]) }
    }
    crate::isolation::wrap::wrap!(poll);
}
