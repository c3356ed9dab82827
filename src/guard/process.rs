//! Runs the guard: by system calls of its own, with memory of this library alone.
//!
//! libc is unmapped here and the thread register leads nowhere. So nothing in this file calls libc, allocates, panics
//! or touches thread-local storage; indices are checked by `get`.

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int, c_long};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering};

use super::leave::{leave_host, unmap_host};
use super::orders::Orders;
use crate::pidfile::content;
use crate::sys;
use crate::sys::arch::clone_on;
use crate::sys::fs::{FileId, is_regular};
use crate::sys::raw::call;

/// Bytes of stack. What is called here needs some hundred.
const STACK_SIZE: usize = 8 * 1024;
/// How often the guard looks again while another process holds the lock of the file that it has to remove, and the
/// pause between two looks in milliseconds. A process that takes over a stale file holds it for an instant.
const LOOKS: usize = 200;
const PAUSE: usize = 5;

#[repr(C, align(16))]
struct Place {
    stack: UnsafeCell<[u8; STACK_SIZE]>,
    orders: UnsafeCell<MaybeUninit<Orders>>,
}

// SAFETY: written once, by the thread that claims the file, before the guard is started; read by the guard alone.
unsafe impl Sync for Place {}

// Apart from what is small: see `sys::memory`.
#[unsafe(link_section = ".bss.large")]
static PLACE: Place = Place {
    stack: UnsafeCell::new([0; STACK_SIZE]),
    orders: UnsafeCell::new(MaybeUninit::uninit()),
};

/// Starts the process in between, which starts the guard, and returns its PID or a negative errno. That process has
/// ended by then (`CLONE_VFORK`); its status is an errno, or 0.
pub fn start(orders: Orders) -> isize {
    let flags = (libc::CLONE_VM | libc::CLONE_VFORK) as usize;
    STARTED_BY.store(orders.owner, Ordering::Relaxed);
    // SAFETY: one thread claims the file, so nobody else writes or reads here, and the guard has its own copy of the
    // memory. The stack is 16-byte aligned at its end, and in use only until the process in between has ended.
    unsafe {
        (*PLACE.orders.get()).write(orders);
        let stack = PLACE.stack.get().cast::<u8>().add(STACK_SIZE);
        clone_on(flags, stack, between)
    }
}

/// The guard that a process has started; 0 for none.
static GUARD: AtomicI32 = AtomicI32::new(0);
/// Which process that was.
static STARTED_BY: AtomicI32 = AtomicI32::new(0);

/// Returns the PID of the guard that this process has started, and forgets it; 0 for none. A forked child has the number
/// in its copy of the memory, but not the guard.
pub fn take_pid() -> libc::pid_t {
    let is_parent = STARTED_BY.load(Ordering::Relaxed) == sys::getpid();
    if is_parent {
        GUARD.swap(0, Ordering::Relaxed)
    } else {
        0
    }
}

/// Runs in the process in between. It shares the host's memory, and changes no more of it than its own stack and
/// [`GUARD`].
extern "C" fn between() -> ! {
    // SAFETY: no memory is shared with the new process. CLONE_PARENT makes it a child of the host, with this
    // process's exit signal, which is none (kernel/fork.c, copy_process).
    let guard = unsafe { call(libc::SYS_clone, [libc::CLONE_PARENT as usize]) };
    if guard == 0 {
        // SAFETY: written by `start` before this process was made.
        guard_file(unsafe { (*PLACE.orders.get()).assume_init_ref() })
    }
    // This memory is the host's.
    GUARD.store(guard.max(0) as libc::pid_t, Ordering::Relaxed);
    let errno = if guard < 0 { -guard as usize } else { 0 };
    loop {
        // SAFETY: ends this process alone: it is no thread of the host's.
        unsafe { call(libc::SYS_exit, [errno]) };
    }
}

/// Waits for the end of the owner, and of each successor, and removes the file if it still names the one that has ended.
fn guard_file(orders: &Orders) -> ! {
    // SAFETY: this process has its own memory and descriptors since clone(2), and only this thread. All pointers lead
    // into this library, which stays mapped.
    unsafe {
        leave_host(orders);
        let mut owner = orders.owner;
        let mut pidfd = call(libc::SYS_pidfd_open, [owner as usize]);
        // Only a parent that is still there is the process of that PID.
        let parent = call(libc::SYS_getppid, []) as libc::pid_t;
        if pidfd >= 0 && parent != owner {
            call(libc::SYS_close, [pidfd as usize]);
            pidfd = -1;
        } else if pidfd < 0 && parent == owner {
            // No memory or no file left in the machine: one whose end is not seen is not guarded.
            end();
        }
        unmap_host(orders);
        let mut looks = 0;
        loop {
            if pidfd >= 0 {
                wait_for_end(pidfd as c_int);
                call(libc::SYS_close, [pidfd as usize]);
                pidfd = -1;
            }
            match look(orders, owner) {
                Next::End => end(),
                Next::Successor(pid) => {
                    owner = pid;
                    pidfd = call(libc::SYS_pidfd_open, [pid as usize]);
                    if pidfd < 0 && pidfd != -(libc::ESRCH as isize) {
                        end();
                    }
                }
                Next::Held if looks < LOOKS => {
                    looks += 1;
                    call(libc::SYS_ppoll, pause().as_arguments());
                }
                Next::Held => end(),
            }
        }
    }
}

/// What follows from a look at the path after the owner has ended.
enum Next {
    /// There is nothing to guard any more.
    End,
    /// The same file names another process.
    Successor(libc::pid_t),
    /// Another process holds the lock.
    Held,
}

/// Looks at the path after `owner` has ended, and removes the file if it still names that process.
///
/// # Safety
///
/// Called in the guard.
unsafe fn look(orders: &Orders, owner: libc::pid_t) -> Next {
    let path = orders.path.as_ptr() as usize;
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let here = libc::AT_FDCWD as usize;
    // SAFETY: the path is a C string in this library; `content` is writable for its whole length; the descriptor is
    // this function's, and closed before it returns.
    unsafe {
        let mut fd = call(
            libc::SYS_openat,
            [here, path, (flags | libc::O_RDWR) as usize],
        );
        if fd < 0 {
            fd = call(
                libc::SYS_openat,
                [here, path, (flags | libc::O_RDONLY) as usize],
            );
        }
        let Ok(fd) = usize::try_from(fd) else {
            return Next::End;
        };
        let next = look_at(orders, owner, fd);
        call(libc::SYS_close, [fd]);
        next
    }
}

/// Looks at the file that the path has led to.
///
/// # Safety
///
/// Called in the guard; `fd` is open.
unsafe fn look_at(orders: &Orders, owner: libc::pid_t, fd: usize) -> Next {
    // SAFETY: the path is a C string in this library, and `fd` is open by this function's contract.
    unsafe {
        let Some(found) = status(fd, c"".as_ptr(), libc::AT_EMPTY_PATH) else {
            return Next::End;
        };
        if !is_regular(&found) || found.st_nlink != 1 {
            return Next::End;
        }
        let named = named(fd);
        let is_guarded = FileId::from(&found) == FileId(orders.device, orders.inode);
        match named {
            Some(pid) if pid == owner => {}
            Some(pid) if is_guarded => return Next::Successor(pid),
            _ => return Next::End,
        }
        // Whoever takes over a stale file holds its lock while it does. Without locks (ENOSYS, EOPNOTSUPP) it is known
        // by its content alone.
        let locked = call(
            libc::SYS_flock,
            [fd, (libc::LOCK_EX | libc::LOCK_NB) as usize],
        );
        if locked == -(libc::EWOULDBLOCK as isize) {
            return Next::Held;
        }
        let path: *const c_char = orders.path.as_ptr().cast();
        let same = status(libc::AT_FDCWD as usize, path, libc::AT_SYMLINK_NOFOLLOW)
            .is_some_and(|now| FileId::from(&now) == FileId::from(&found));
        if !same || self::named(fd) != Some(owner) {
            return Next::End;
        }
        if call(
            libc::SYS_unlinkat,
            [libc::AT_FDCWD as usize, path as usize, 0],
        ) < 0
        {
            // An empty file misleads nobody, a stale PID does.
            call(libc::SYS_ftruncate, [fd, 0]);
        }
        Next::End
    }
}

/// Returns the PID in a file.
///
/// # Safety
///
/// `fd` is open.
unsafe fn named(fd: usize) -> Option<libc::pid_t> {
    let mut content = [0_u8; 32];
    // SAFETY: `content` is writable for its whole length.
    let size = unsafe {
        let start = content.as_mut_ptr() as usize;
        call(libc::SYS_pread64, [fd, start, content.len(), 0])
    };
    content::parse_pid(content.get(..usize::try_from(size).ok()?)?)
}

/// Returns what newfstatat(2) says. Not statx(2), which sandboxes refuse that are older than it.
///
/// # Safety
///
/// Called in the guard; `path` is a C string.
unsafe fn status(at: usize, path: *const c_char, flags: c_int) -> Option<libc::stat64> {
    let mut found = MaybeUninit::<libc::stat64>::zeroed();
    // SAFETY: the path is a C string by this function's contract, and `found` is writable. All zeroes is a value of this
    // structure of integers, which the kernel fills in besides: it is the kernel's own on 64-bit Linux.
    unsafe {
        let room = found.as_mut_ptr() as usize;
        let asked = call(
            libc::SYS_newfstatat,
            [at, path as usize, room, flags as usize],
        );
        (asked == 0).then(|| found.assume_init())
    }
}

/// Waits until the process behind a pidfd has ended.
///
/// # Safety
///
/// Called in the guard.
unsafe fn wait_for_end(pidfd: c_int) {
    let mut poll = libc::pollfd {
        fd: pidfd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, which outlives the call; no timeout.
    while unsafe { call(libc::SYS_ppoll, [&raw mut poll as usize, 1]) } < 0 {}
}

/// The arguments of ppoll(2) for a pause.
struct Pause(libc::timespec);

/// Returns a pause of `PAUSE` milliseconds.
const fn pause() -> Pause {
    Pause(libc::timespec {
        tv_sec: 0,
        tv_nsec: (PAUSE * 1_000_000) as c_long,
    })
}

impl Pause {
    /// Returns the arguments: no descriptor, and the time.
    fn as_arguments(&self) -> [usize; 5] {
        [0, 0, &raw const self.0 as usize, 0, 0]
    }
}

/// Ends the guard.
fn end() -> ! {
    loop {
        // SAFETY: exit_group(2) has no precondition and does not return.
        unsafe { call(libc::SYS_exit_group, []) };
    }
}
