//! Sends messages to the operator.
//!
//! A message is one line: `libpidfile: PATH: WHAT HAPPENED`. It goes to the host's stderr, or to the system log. A message
//! that cannot be delivered at once is dropped: nothing here blocks.
//!
//! stderr is the descriptor 2 that the host has at that moment, but only if it still leads to what it led to at the start.
//! A host that has closed it may have got the number for a file of its own, into which a message must never go.
//!
//! syslog(3) is not used, because its state belongs to the host: a datagram goes to `/dev/log`.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use libc::STDERR_FILENO;

use crate::isolation::fd_table;
use crate::settings::Log;
use crate::settings::config::Config;
use crate::settings::values::signal_name;
use crate::sys::fs::{fstat, is_dev_null};
use crate::sys::text::escaped;
use crate::sys::{self, records, sigset::SignalsBlocked, unix_socket};

/// Reports something that the operator should know in any case.
pub fn problem(config: &Config, what: &str) {
    problem_of(config.path.to_bytes(), config.log, what);
}

/// Reports a problem before there is a configuration.
pub fn problem_of(path: &[u8], log: Log, what: &str) {
    if log != Log::Off {
        say(path, log, what);
    }
}

/// Reports an event to those who asked to see every event.
pub fn detail(config: &Config, what: &str) {
    detail_of(config.path.to_bytes(), config.log, what);
}

/// Reports what happens before there is a configuration, to those who asked to see it.
pub fn detail_of(path: &[u8], log: Log, what: &str) {
    if wants_details(log) {
        say(path, log, what);
    }
}

/// Returns whether somebody asked to see every event.
pub fn wants_details(log: Log) -> bool {
    matches!(log, Log::Stderr | Log::Syslog)
}

/// The beginning of a message that a signal handler will send: what has to allocate is done beforehand.
pub struct PreformattedMessage {
    log: Log,
    head: String,
}

impl PreformattedMessage {
    pub fn new(config: &Config) -> Option<Self> {
        let path = config.path.to_bytes();
        let head = match config.log {
            Log::Syslog => syslog_head(path),
            _ => head(path),
        };
        let log = config.log;
        wants_details(log).then_some(Self { log, head })
    }

    /// Sends the message.
    ///
    /// Context: signal handler or exit path, in a thread with the host's descriptor table. Async-signal-safe: system calls
    /// only. Not inlined, so that a handler on a small stack needs the room only where somebody asked for the message.
    #[inline(never)]
    pub fn say(&self, what: &'static str) {
        // A write to a pipe that nobody reads raises SIGPIPE.
        let _blocked = SignalsBlocked::new();
        if self.log == Log::Syslog {
            deliver_to_syslog(&self.head, what);
        } else {
            write_to(STDERR_FILENO, &self.head, what);
        }
    }
}

/// Reports why the host is about to get a signal.
pub fn deleted(config: &Config) {
    let (pid, signal) = (sys::getpid(), config.signal);
    problem(
        config,
        &format!(
            "was deleted: terminating PID {pid} with {}",
            signal_name(signal)
        ),
    );
}

/// Reports that the host has outlived the signal, and gets SIGKILL.
pub fn killed(config: &Config) {
    let (pid, signal) = (sys::getpid(), config.signal);
    problem(
        config,
        &format!(
            "was deleted, and PID {pid} has not ended by {}: killing it with SIGKILL",
            signal_name(signal)
        ),
    );
}

/// Delivers a message where `log` wants it. Where stderr cannot be had `Log::Auto` uses the system log, and where that
/// cannot be had `Log::Syslog` uses stderr.
fn say(path: &[u8], log: Log, what: &str) {
    let has_log = may_open();
    let wants_log = log == Log::Syslog && has_log;
    let is_told = !wants_log && deliver_to_stderr(&head(path), what);
    if !is_told && has_log && log != Log::Stderr {
        deliver_to_syslog(&syslog_head(path), what);
    }
}

/// Returns the beginning of a line on stderr.
fn head(path: &[u8]) -> String {
    format!("libpidfile: {}: ", escaped(path))
}

/// Returns the beginning of a datagram to `/dev/log`, in the form of RFC 3164 that syslog(3) writes.
fn syslog_head(path: &[u8]) -> String {
    /// LOG_DAEMON | LOG_WARNING (sys/syslog.h).
    const DAEMON_WARNING: c_int = (3 << 3) | 4;
    let pid = sys::getpid();
    format!("<{DAEMON_WARNING}>libpidfile[{pid}]: {}: ", escaped(path))
}

/// Device and inode of what descriptor 2 led to when the host started; zeroes if it was closed.
static STDERR_AT_START: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Records what descriptor 2 leads to.
///
/// Context: host thread before main.
pub fn remember_stderr() {
    if let Ok(stat) = fstat(&STDERR_FILENO) {
        STDERR_AT_START[0].store(stat.st_dev, Ordering::Relaxed);
        STDERR_AT_START[1].store(stat.st_ino, Ordering::Relaxed);
    }
}

/// Returns whether a message may go to a descriptor: it leads to what stderr was at the start, and that is not /dev/null,
/// where nobody would see it.
fn is_log(fd: c_int) -> bool {
    let Ok(stat) = fstat(&fd) else { return false };
    !is_dev_null(&stat)
        && stat.st_dev == STDERR_AT_START[0].load(Ordering::Relaxed)
        && stat.st_ino == STDERR_AT_START[1].load(Ordering::Relaxed)
}

/// Writes a message to the host's stderr. Returns whether it was written.
fn deliver_to_stderr(head: &str, what: &str) -> bool {
    let fetched;
    let fd = if keeps_hosts_table() {
        STDERR_FILENO
    } else if let Some(fd) = fetch_stderr() {
        fetched = fd;
        fetched.as_raw_fd()
    } else {
        return false;
    };
    write_to(fd, head, what)
}

/// Writes one line in one call, so that lines of several processes do not mix. Returns whether it was written.
///
/// SIGPIPE has to be blocked.
fn write_to(fd: c_int, head: &str, what: &str) -> bool {
    let parts = [head, what, "\n"].map(part);
    // SAFETY: `parts` has 3 entries, each of which describes a string that outlives the call; they are only read.
    is_log(fd) && is_ready(fd) && unsafe { libc::writev(fd, parts.as_ptr(), 3) >= 0 }
}

/// Describes a string to writev(2) or sendmsg(2).
fn part(text: &str) -> libc::iovec {
    libc::iovec {
        iov_base: text.as_ptr().cast_mut().cast(),
        iov_len: text.len(),
    }
}

/// Returns whether the calling thread has the host's descriptor table. The main thread has it, and runs this code before
/// `main` only. Our other threads have a table of their own, unless that is forbidden here.
fn keeps_hosts_table() -> bool {
    is_main_thread() || !fd_table::is_entered()
}

/// Returns whether the calling thread may open a descriptor. It may not in the host's table while the host runs: the
/// host could close it, or take it for one of its own.
fn may_open() -> bool {
    is_main_thread() || fd_table::is_entered()
}

fn is_main_thread() -> bool {
    sys::gettid() == sys::getpid()
}

/// Returns the host's descriptor 2 as it is now, by pidfd_getfd(2), Linux 5.6. Under seccomp(2) that is not tried: a
/// sandbox may answer an unusual system call by killing the process.
fn fetch_stderr() -> Option<OwnedFd> {
    if is_sandboxed() {
        return None;
    }
    // SAFETY: both calls take numbers only (glibc has the functions since 2.36). What they return is a new descriptor in
    // the table of this thread, which nothing else owns.
    unsafe {
        let host = libc::syscall(libc::SYS_pidfd_open, sys::getpid(), 0) as c_int;
        let host = (host >= 0).then(|| OwnedFd::from_raw_fd(host))?;
        let stderr =
            libc::syscall(libc::SYS_pidfd_getfd, host.as_raw_fd(), STDERR_FILENO, 0) as c_int;
        (stderr >= 0).then(|| OwnedFd::from_raw_fd(stderr))
    }
}

/// Returns whether the calling thread is under seccomp(2); true if that cannot be seen.
fn is_sandboxed() -> bool {
    let mode = records::record("/proc/thread-self/status", b'\n', b"Seccomp:");
    mode.is_none_or(|mode| mode.trim_ascii() != b"0")
}

/// Sends a message to the system log, if something listens there and has room.
fn deliver_to_syslog(head: &str, what: &str) {
    let mut parts = [head, what].map(part);
    let (mut address, length) = unix_socket::address_of(b"/dev/log\0");
    let flags = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: a new descriptor, which nothing else owns. All zeroes is a value of the structure, which is plain data.
    // The name and the parts that the message points to outlive the call; sendmsg(2) only reads them.
    unsafe {
        let socket = libc::socket(libc::AF_UNIX, flags, 0);
        if socket < 0 {
            return;
        }
        let socket = OwnedFd::from_raw_fd(socket);
        let mut message = MaybeUninit::<libc::msghdr>::zeroed().assume_init();
        message.msg_name = std::ptr::from_mut(&mut address).cast();
        message.msg_namelen = length;
        message.msg_iov = parts.as_mut_ptr();
        message.msg_iovlen = parts.len() as _;
        libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL);
    }
}

/// Returns whether a write would not block.
fn is_ready(fd: c_int) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `poll` is the one entry that the call is told of, and outlives it; a timeout of 0 does not wait.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 && poll.revents & libc::POLLOUT != 0 }
}
