//! Makes the calls for sockets, epoll(7) and eventfd(2).

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
