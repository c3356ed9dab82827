//! Replaces the functions by which a process ends, or becomes a daemon.

use std::ffi::c_int;
use std::hint::black_box;

use crate::endings::{self, Exit};
use crate::hooks::{self, next};
use crate::ownership::state;
use crate::sys::c_library::{self, daemon::DaemonStep};
use crate::sys::fs::{fstat, is_dev_null};
use crate::sys::{self, Errno, entry::guarded};

/// Replaces _exit(2).
#[unsafe(no_mangle)]
pub extern "C" fn _exit(status: c_int) -> ! {
    end(status)
}

/// Replaces _Exit(3), the C99 name of `_exit`.
#[unsafe(no_mangle)]
pub extern "C" fn _Exit(status: c_int) -> ! {
    // Two functions that are alike would both call a third one, on another page.
    black_box(());
    end(status)
}

/// Ends the process. What most processes need of that is in one place, and they touch one page of ours.
#[inline(always)]
fn end(status: c_int) -> ! {
    if endings::has_something_to_release() {
        release_and_end(status);
    }
    next::exit(status)
}

#[cold]
#[inline(never)]
fn release_and_end(status: c_int) {
    guarded((), || {
        endings::release(Exit::Voluntary);
        // No thread that was cancelled meanwhile comes away from here.
        next::exit(status)
    });
}

/// Replaces setsid(2).
#[unsafe(no_mangle)]
pub extern "C-unwind" fn setsid() -> libc::pid_t {
    begin_session()
}

fn begin_session() -> libc::pid_t {
    // SAFETY: setsid(2) takes nothing.
    let session = unsafe { next::setsid() };
    // Nobody else has a file to follow.
    if session != -1 && state::owner() != 0 {
        guarded((), hooks::candidate::begin_session);
    }
    session
}

/// Replaces daemon(3). libc's own calls fork, setsid and _exit inside of libc, which no preload sees. Where a file has to
/// follow the daemon, all of it is done here.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn daemon(keep_directory: c_int, keep_streams: c_int) -> c_int {
    if state::owner() == 0 {
        // SAFETY: daemon(3) takes numbers.
        return unsafe { next::daemon(keep_directory, keep_streams) };
    }
    for step in c_library::DAEMON {
        let is_done = match *step {
            DaemonStep::Fork => fork_and_leave(),
            DaemonStep::BeginSession => begin_session() != -1,
            DaemonStep::ChangeDirectory { fails } => {
                // SAFETY: the path is a C string.
                let is_there = || keep_directory != 0 || unsafe { libc::chdir(c"/".as_ptr()) } == 0;
                is_there() || !fails
            }
            DaemonStep::RedirectStreams { checks } => keep_streams != 0 || redirect_streams(checks),
        };
        if !is_done {
            return -1;
        }
    }
    0
}

/// Goes on in a child, which has one thread, and ends this process. Returns false where there can be no child.
fn fork_and_leave() -> bool {
    // SAFETY: fork(2) takes nothing; the host, which has called daemon(3), expects to go on in a child.
    match unsafe { libc::fork() } {
        -1 => false,
        0 => true,
        _ => end(0),
    }
}

/// Makes /dev/null the standard streams; if asked to check, only if it is what it should be.
fn redirect_streams(checks: bool) -> bool {
    // SAFETY: the path is a C string; the other calls take numbers only.
    unsafe {
        let null = libc::open64(c"/dev/null".as_ptr(), libc::O_RDWR);
        // glibc goes on to ask what it is, and answers with that error.
        if null == -1 && !checks {
            return false;
        }
        let Ok(stat) = fstat(&null) else { return false };
        if checks && !is_dev_null(&stat) {
            libc::close(null);
            sys::set_errno(Errno(libc::ENODEV));
            return false;
        }
        for stream in 0..3 {
            libc::dup2(null, stream);
        }
        if null > 2 {
            libc::close(null);
        }
    }
    true
}
