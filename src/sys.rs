//! The few things that libc offers no safe form of. All of it is async-signal-safe.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::signal_set;

/// Runs one of our entries: whatever happens in it, the host sees neither a panic nor another
/// `errno` than before.
///
/// A thread that the host cancels is not unwound through our code, where Rust would abort the
/// process. One that may be cancelled at any instruction (PTHREAD_CANCEL_ASYNCHRONOUS) ends before
/// or after, in frames that have nothing to tidy up: so this one is the caller's own.
#[inline(always)]
pub fn guarded<T>(otherwise: T, entry: impl FnOnce() -> T) -> T {
    let before = forbid_cancellation();
    let result = contained(otherwise, entry);
    permit_cancellation(before);
    result
}

#[inline(never)]
fn forbid_cancellation() -> [c_int; 2] {
    const DEFERRED: c_int = 0;
    const DISABLE: c_int = 1;
    let (mut kind, mut state) = (0, 0);
    // SAFETY: room for the answers. Only fields of the calling thread change. The first one is for a
    // cancellation under way, which the second does not stop (nptl/pthread_cancel.c).
    unsafe {
        pthread_setcanceltype(DEFERRED, &mut kind);
        pthread_setcancelstate(DISABLE, &mut state);
    }
    [kind, state]
}

#[inline(never)]
fn permit_cancellation([kind, state]: [c_int; 2]) {
    // SAFETY: likewise. In the last one the thread may end.
    unsafe {
        pthread_setcancelstate(state, ptr::null_mut());
        pthread_setcanceltype(kind, ptr::null_mut());
    }
}

#[inline(never)]
fn contained<T>(otherwise: T, entry: impl FnOnce() -> T) -> T {
    let before = errno();
    let result = catch_unwind(AssertUnwindSafe(entry)).unwrap_or(otherwise);
    set_errno(before);
    result
}

unsafe extern "C-unwind" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
}

pub fn errno() -> c_int {
    // SAFETY: always a valid pointer to the calling thread's errno.
    unsafe { *libc::__errno_location() }
}

pub fn set_errno(value: c_int) {
    // SAFETY: as in `errno`.
    unsafe { *libc::__errno_location() = value }
}

/// The result of a libc call that answers -1 on failure, as an errno.
pub fn check(result: c_int) -> Result<c_int, c_int> {
    if result == -1 {
        Err(errno())
    } else {
        Ok(result)
    }
}

/// How the C library words an errno.
pub fn describe(errno: c_int) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

pub fn getpid() -> libc::pid_t {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

pub fn gettid() -> libc::pid_t {
    // SAFETY: takes nothing and cannot fail. By number: glibc has the function only since 2.30.
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
}

/// Whether this process has such a thread.
pub fn is_thread(tid: libc::pid_t) -> bool {
    // SAFETY: signal 0 only asks. By number: glibc has the function only since 2.30.
    unsafe { libc::syscall(libc::SYS_tgkill, getpid(), tid, 0) == 0 }
}

/// Time since boot.
pub fn now() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the clock exists since Linux 2.6; zeroed is a valid timespec should the call fail.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr());
        time.assume_init()
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Clock ticks (proc(5)) since boot, counted as the kernel counts the start of processes.
pub fn ticks() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: as in `now`.
    unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, time.as_mut_ptr());
        let time = time.assume_init();
        let tick = 1_000_000_000 / ticks_per_second();
        time.tv_sec as u64 * ticks_per_second() + time.tv_nsec as u64 / tick
    }
}

pub fn ticks_per_second() -> u64 {
    // SAFETY: only asks.
    let number = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(number).unwrap_or_default().max(1)
}

/// Sleeps at least until `word` is no longer `expected`, a wake-up, a signal, or the bound.
pub fn futex_wait(word: &AtomicU32, expected: u32, bound: Option<Duration>) {
    let bound = bound.map(|bound| libc::timespec {
        tv_sec: bound.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(bound.subsec_nanos() as i32),
    });
    let bound = bound.as_ref().map_or(ptr::null(), ptr::from_ref);
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: `word` and `bound` outlive the call. Every caller checks its condition again.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, expected, bound) };
}

/// The same for a word that other processes may share; always with a bound.
pub fn futex_wait_shared(word: &AtomicU32, expected: u32, bound: Duration) {
    let bound = libc::timespec {
        tv_sec: bound.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(bound.subsec_nanos() as i32),
    };
    let bound: *const _ = &bound;
    // SAFETY: as in `futex_wait`.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected,
            bound,
        )
    };
}

/// Sleeps at least until one of the words is no longer what is expected, a wake-up, or a signal. The
/// second one may be woken by whoever shares its memory.
///
/// # Errors
///
/// ENOSYS: before Linux 5.16.
pub fn futex_wait_either(
    private: (&AtomicU32, u32),
    shared: (&AtomicU32, u32),
) -> Result<(), c_int> {
    /// futex(2), FUTEX2_SIZE_U32.
    const WORD: u32 = 2;
    /// include/uapi/linux/futex.h, struct futex_waitv.
    #[repr(C)]
    struct Place {
        expected: u64,
        word: u64,
        flags: u32,
        reserved: u32,
    }
    let place = |(word, expected): (&AtomicU32, u32), flags| Place {
        expected: u64::from(expected),
        word: word.as_ptr() as u64,
        flags,
        reserved: 0,
    };
    let places = [
        place(private, WORD | libc::FUTEX_PRIVATE_FLAG as u32),
        place(shared, WORD),
    ];
    let (at, number) = (places.as_ptr(), places.len());
    let no_bound = ptr::null::<libc::timespec>();
    // SAFETY: the places and their words outlive the call. Every caller checks its condition again.
    let woken = unsafe { libc::syscall(libc::SYS_futex_waitv, at, number, 0, no_bound, 0) };
    match check(woken as c_int) {
        Err(libc::EAGAIN | libc::EINTR) | Ok(_) => Ok(()),
        Err(_) => Err(libc::ENOSYS),
    }
}

/// Sleeps for a while.
pub fn pause(time: Duration) {
    static NEVER_CHANGES: AtomicU32 = AtomicU32::new(0);
    futex_wait(&NEVER_CHANGES, 0, Some(time));
}

pub fn futex_wake_all(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: only the address of `word` is used.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, c_int::MAX) };
}

/// The same for a word that is not private to the process, as far as the kernel knows.
pub fn futex_wake_all_shared(word: &AtomicU32) {
    // SAFETY: only the address of `word` is used.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, c_int::MAX) };
}

/// Waits until `done` holds for the value of `word`, or for `bound`; tells whether it held.
pub fn wait_until(word: &AtomicU32, bound: Duration, done: impl Fn(u32) -> bool) -> bool {
    let end = now() + bound;
    loop {
        let value = word.load(Ordering::SeqCst);
        if done(value) {
            return true;
        }
        let left = end.saturating_sub(now());
        if left.is_zero() {
            return false;
        }
        futex_wait(word, value, Some(left));
    }
}

/// Blocks every signal for the calling thread until it goes out of scope.
///
/// Through libc, which leaves its two internal signals open: with SIGSETXID blocked, a setuid() of
/// the host would wait for our thread for ever (nptl/setxid).
pub struct SignalsBlocked {
    before: libc::sigset_t,
    pending: u64,
}

impl SignalsBlocked {
    pub fn new() -> Self {
        let mut before = signal_set::of(0);
        // SAFETY: both sets are ours.
        unsafe {
            let all = signal_set::of(signal_set::ALL);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        }
        Self {
            before,
            pending: pending(),
        }
    }

    /// Takes back the signals that our own writing has caused.
    fn discard_own(&self) {
        let ours = [libc::SIGPIPE, libc::SIGXFSZ].map(signal_set::bit);
        let new = pending() & !self.pending;
        for signal in ours.into_iter().filter(|signal| new & signal != 0) {
            let at_once = libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            // SAFETY: the set is ours; the call does not block.
            unsafe { libc::sigtimedwait(&signal_set::of(signal), ptr::null_mut(), &at_once) };
        }
    }
}

fn pending() -> u64 {
    let mut set = signal_set::of(0);
    // SAFETY: the set is ours.
    unsafe { libc::sigpending(&mut set) };
    signal_set::bits(&set)
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        self.discard_own();
        // SAFETY: `before` is what the thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}
