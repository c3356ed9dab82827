//! The process ends, or becomes a daemon.

use std::ffi::c_int;

use crate::endings::{self, Exit};
use crate::hooks::{self, next};
use crate::ownership::state;
use crate::sys::fs::{fstat, is_dev_null};
use crate::sys::{self, Errno, entry::guarded};

/// _exit(2).
#[unsafe(no_mangle)]
pub extern "C" fn _exit(status: c_int) -> ! {
    end(status)
}

/// _Exit(3), the same by its C99 name.
#[unsafe(no_mangle)]
pub extern "C" fn _Exit(status: c_int) -> ! {
    end(status)
}

fn end(status: c_int) -> ! {
    if endings::has_something_to_release() {
        guarded((), || {
            endings::release(Exit::Voluntary);
            // No thread that was cancelled meanwhile comes away from here.
            next::exit(status)
        });
    }
    next::exit(status)
}

/// setsid(2).
#[unsafe(no_mangle)]
pub extern "C-unwind" fn setsid() -> libc::pid_t {
    begin_session()
}

fn begin_session() -> libc::pid_t {
    // SAFETY: setsid(2) takes nothing.
    let session = unsafe { next::setsid() };
    // Nobody else has a file to follow.
    if session != -1 && state::owner() != 0 {
        guarded((), hooks::fork::session_begun);
    }
    session
}

/// daemon(3). libc's own calls its inner fork, setsid and _exit, which nobody else sees: where there is a file
/// that has to follow, it is done here.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn daemon(keep_directory: c_int, keep_streams: c_int) -> c_int {
    if state::owner() == 0 {
        // SAFETY: daemon(3) takes numbers.
        return unsafe { next::daemon(keep_directory, keep_streams) };
    }
    // SAFETY: what daemon(3) does, in its order. The child continues with one thread, as there.
    unsafe {
        match libc::fork() {
            -1 => return -1,
            0 => {}
            _ => end(0),
        }
        if begin_session() == -1 {
            return -1;
        }
        if keep_directory == 0 {
            // As there, a failure is not told.
            libc::chdir(c"/".as_ptr());
        }
        if keep_streams != 0 {
            return 0;
        }
        redirect_streams()
    }
}

/// Makes /dev/null the standard streams, if it is what it should be.
fn redirect_streams() -> c_int {
    // SAFETY: the path is a C string; the other calls take numbers only.
    unsafe {
        let null = libc::open64(c"/dev/null".as_ptr(), libc::O_RDWR);
        let Ok(stat) = fstat(&null) else { return -1 };
        if !is_dev_null(&stat) {
            libc::close(null);
            sys::set_errno(Errno(libc::ENODEV));
            return -1;
        }
        for stream in 0..3 {
            libc::dup2(null, stream);
        }
        if null > 2 {
            libc::close(null);
        }
    }
    0
}
