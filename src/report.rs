//! What a person gets told, and where.
//!
//! One line: `libpidfile: <path>: <what happened>`. It goes to the host's stderr as it is at that
//! moment, or to the system log. Nothing here ever blocks: a message that cannot be delivered at
//! once is dropped. syslog(3) is not used: its state is the host's.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::isolation::fd_table;
use crate::settings::Log;
use crate::settings::config::Config;
use crate::sys::text::escaped;
use crate::sys::{self, procfs, sigset::SignalsBlocked};

/// Something the operator should know in any case.
pub fn problem(config: &Config, what: &str) {
    problem_of(config.path.to_bytes(), config.log, what);
}

/// The same before there is a configuration.
pub fn problem_of(path: &[u8], log: Log, what: &str) {
    if log != Log::Off {
        say(path, log, what);
    }
}

/// Something for those who asked to see it work.
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

/// A detail whose place and time are a signal handler: all that allocates is done beforehand.
pub struct Prepared {
    log: Log,
    head: String,
}

impl Prepared {
    pub fn new(config: &Config) -> Option<Self> {
        let path = config.path.to_bytes();
        let head = match config.log {
            Log::Syslog => syslog_head(path),
            _ => head(path),
        };
        let log = config.log;
        wants_details(log).then_some(Self { log, head })
    }

    /// For a thread that has the host's descriptors.
    ///
    /// Async-signal-safe: system calls only. Not inlined: a handler on a small stack must have room
    /// for this only where somebody has asked for it.
    #[inline(never)]
    pub fn say(&self, what: &'static str) {
        // Where nobody reads, writing raises SIGPIPE.
        let _blocked = SignalsBlocked::new();
        if self.log == Log::Syslog {
            deliver_to_syslog(&self.head, what);
        } else {
            write_to(2, &self.head, what);
        }
    }
}

/// A daemon that stops for no visible reason costs somebody a night.
pub fn deleted(config: &Config) {
    let (pid, signal) = (sys::getpid(), config.signal);
    problem(
        config,
        &format!("was deleted: terminating PID {pid} with {}", name(signal)),
    );
}

/// The same for what follows where the signal has not ended it.
pub fn killed(config: &Config) {
    let (pid, signal) = (sys::getpid(), config.signal);
    problem(
        config,
        &format!(
            "was deleted, and PID {pid} has not ended by {}: killing it with SIGKILL",
            name(signal)
        ),
    );
}

fn name(signal: c_int) -> String {
    match signal {
        libc::SIGTERM => "SIGTERM".to_owned(),
        libc::SIGINT => "SIGINT".to_owned(),
        libc::SIGQUIT => "SIGQUIT".to_owned(),
        libc::SIGHUP => "SIGHUP".to_owned(),
        libc::SIGKILL => "SIGKILL".to_owned(),
        other => format!("signal {other}"),
    }
}

fn say(path: &[u8], log: Log, what: &str) {
    let has_log = may_open();
    let wants_log = log == Log::Syslog && has_log;
    let is_told = !wants_log && deliver_to_stderr(&head(path), what);
    if !is_told && has_log && log != Log::Stderr {
        deliver_to_syslog(&syslog_head(path), what);
    }
}

/// What a line begins with.
fn head(path: &[u8]) -> String {
    format!("libpidfile: {}: ", escaped(path))
}

fn syslog_head(path: &[u8]) -> String {
    const DAEMON_WARNING: c_int = (3 << 3) | 4;
    let pid = sys::getpid();
    format!("<{DAEMON_WARNING}>libpidfile[{pid}]: {}: ", escaped(path))
}

/// What fd 2 was when the host started: device and inode.
static STDERR: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Called at the start. Later the host may have closed fd 2 and got that number for a file of its
/// own, into which a message must never go.
pub fn remember_stderr() {
    // SAFETY: whatever is there is not closed by us.
    let stderr = unsafe { BorrowedFd::borrow_raw(2) };
    if let Some(stat) = status(stderr.as_raw_fd()) {
        STDERR[0].store(stat.st_dev, Ordering::Relaxed);
        STDERR[1].store(stat.st_ino, Ordering::Relaxed);
    }
}

/// Whether a message may go there: only to what it was at the start. Anything else may be the host's
/// data. /dev/null is no place for a message that somebody has to see.
fn is_log(fd: c_int) -> bool {
    let Some(stat) = status(fd) else { return false };
    let is_null =
        stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == libc::makedev(1, 3);
    !is_null
        && stat.st_dev == STDERR[0].load(Ordering::Relaxed)
        && stat.st_ino == STDERR[1].load(Ordering::Relaxed)
}

fn deliver_to_stderr(head: &str, what: &str) -> bool {
    let fetched;
    let fd = if keeps_hosts_table() {
        2
    } else if let Some(fd) = fetch_stderr() {
        fetched = fd;
        fetched.as_raw_fd()
    } else {
        return false;
    };
    write_to(fd, head, what)
}

/// In one call, so that lines of several processes do not mix. SIGPIPE is blocked.
fn write_to(fd: c_int, head: &str, what: &str) -> bool {
    let parts = [head, what, "\n"].map(part);
    // SAFETY: reads from the parts, which are there.
    is_log(fd) && is_ready(fd) && unsafe { libc::writev(fd, parts.as_ptr(), 3) >= 0 }
}

fn part(text: &str) -> libc::iovec {
    libc::iovec {
        iov_base: text.as_ptr().cast_mut().cast(),
        iov_len: text.len(),
    }
}

/// The main thread runs us only before `main`; the others have a table of their own, or may not
/// open anything and so have only the host's.
fn keeps_hosts_table() -> bool {
    is_main_thread() || !fd_table::is_entered()
}

/// In the host's table the host could hit what is opened, or take it for its own.
fn may_open() -> bool {
    is_main_thread() || fd_table::is_entered()
}

fn is_main_thread() -> bool {
    sys::gettid() == sys::getpid()
}

/// The host's fd 2 as it is now (pidfd_getfd(2), Linux 5.6). A sandbox may answer an unusual
/// system call by killing the process, so under seccomp it is not tried.
fn fetch_stderr() -> Option<OwnedFd> {
    if is_sandboxed() {
        return None;
    }
    // SAFETY: by number: glibc has the functions only since 2.36. Both descriptors are new.
    unsafe {
        let host = libc::syscall(libc::SYS_pidfd_open, sys::getpid(), 0) as c_int;
        let host = (host >= 0).then(|| OwnedFd::from_raw_fd(host))?;
        let stderr = libc::syscall(libc::SYS_pidfd_getfd, host.as_raw_fd(), 2, 0) as c_int;
        (stderr >= 0).then(|| OwnedFd::from_raw_fd(stderr))
    }
}

/// Also where that cannot be seen.
fn is_sandboxed() -> bool {
    let mode = procfs::record("/proc/thread-self/status", b'\n', b"Seccomp:");
    mode.is_none_or(|mode| mode.trim_ascii() != b"0")
}

fn deliver_to_syslog(head: &str, what: &str) {
    let mut parts = [head, what].map(part);
    let flags = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the descriptor is new, the address and the message are initialised, all parts are there.
    unsafe {
        let socket = libc::socket(libc::AF_UNIX, flags, 0);
        if socket < 0 {
            return;
        }
        let socket = OwnedFd::from_raw_fd(socket);
        let mut address = MaybeUninit::<libc::sockaddr_un>::zeroed().assume_init();
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (to, from) in address.sun_path.iter_mut().zip(b"/dev/log") {
            *to = *from as libc::c_char;
        }
        let mut message = MaybeUninit::<libc::msghdr>::zeroed().assume_init();
        message.msg_name = std::ptr::from_mut(&mut address).cast();
        message.msg_namelen = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        message.msg_iov = parts.as_mut_ptr();
        message.msg_iovlen = parts.len() as _;
        libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL);
    }
}

fn is_ready(fd: c_int) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one entry; the call does not wait.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 && poll.revents & libc::POLLOUT != 0 }
}

fn status(fd: c_int) -> Option<libc::stat64> {
    let mut stat = MaybeUninit::<libc::stat64>::zeroed();
    // SAFETY: room for the answer, which is read only on success.
    unsafe { (libc::fstat64(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init()) }
}
