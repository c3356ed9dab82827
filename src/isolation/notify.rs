//! Changes what the crate `notify`, and the crates that it uses, ask of the kernel.

#[cfg(not(test))]
use std::ffi::c_char;
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

static BEFORE_WAIT: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Has `call` called by the thread of `notify` each time before it waits. It must not panic.
pub fn call_before_each_wait(call: fn()) {
    BEFORE_WAIT.store(call as *mut (), Ordering::SeqCst);
}

/// Does what epoll_wait(2) does.
#[cfg_attr(test, expect(dead_code))]
unsafe extern "C" fn epoll_wait(
    fd: c_int,
    events: *mut libc::epoll_event,
    count: c_int,
    milliseconds: c_int,
) -> c_int {
    let call = BEFORE_WAIT.load(Ordering::SeqCst);
    if !call.is_null() {
        // SAFETY: stored above from a function of this type.
        let call: fn() = unsafe { std::mem::transmute(call) };
        call();
    }
    let no_mask = ptr::null::<libc::sigset_t>();
    // SAFETY: the caller's descriptor, and its room for so many events.
    unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait,
            fd,
            events,
            count,
            milliseconds,
            no_mask,
            8,
        ) as c_int
    }
}

/// The events that can mean that a PID file has lost its name or its place. notify asks for each opening and writing too.
/// With those any user who may read the file could keep the host busy.
#[cfg(not(test))]
const EVENTS: u32 = libc::IN_ATTRIB | libc::IN_DELETE_SELF | libc::IN_MOVE_SELF;

/// Flags of a watch that are no events.
#[cfg(not(test))]
const HOW: u32 = libc::IN_MASK_ADD | libc::IN_DONT_FOLLOW | libc::IN_EXCL_UNLINK | libc::IN_ONLYDIR;

/// Does what inotify_add_watch(2) does.
#[cfg(not(test))]
unsafe extern "C" fn inotify_add_watch(fd: c_int, path: *const c_char, mask: u32) -> c_int {
    // SAFETY: the caller's descriptor and C string.
    unsafe { libc::syscall(libc::SYS_inotify_add_watch, fd, path, mask & (EVENTS | HOW)) as c_int }
}

#[cfg(not(test))]
super::wrap::wrap!(epoll_wait, inotify_add_watch);
