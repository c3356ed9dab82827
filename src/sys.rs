//! The few things that libc offers no safe form of. All of it is async-signal-safe.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Runs one of our entries: whatever happens in it, the host sees neither a panic nor another
/// `errno` than before.
pub fn guarded<T>(otherwise: T, entry: impl FnOnce() -> T) -> T {
    let _errno = KeptErrno::new();
    let _cancellation = NoCancellation::new();
    catch_unwind(AssertUnwindSafe(entry)).unwrap_or(otherwise)
}

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

/// Keeps a cancelled thread of the host from being unwound through our code: Rust would abort the
/// process.
struct NoCancellation(c_int);

impl NoCancellation {
    fn new() -> Self {
        const DISABLE: c_int = 1;
        let mut before = 0;
        // SAFETY: room for the answer. Only a field of the calling thread changes.
        unsafe { pthread_setcancelstate(DISABLE, &mut before) };
        Self(before)
    }
}

impl Drop for NoCancellation {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { pthread_setcancelstate(self.0, ptr::null_mut()) };
    }
}

/// Puts `errno` back when it goes out of scope.
struct KeptErrno(c_int);

impl KeptErrno {
    fn new() -> Self {
        Self(errno())
    }
}

impl Drop for KeptErrno {
    fn drop(&mut self) {
        set_errno(self.0);
    }
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

/// Whether a process of this PID exists (a zombie does).
pub fn is_alive(pid: libc::pid_t) -> bool {
    // SAFETY: signal 0 only asks.
    pid > 0 && (unsafe { libc::kill(pid, 0) } == 0 || errno() == libc::EPERM)
}

/// Whether there is such a process, and it is not only waiting to be reaped. Without /proc a zombie
/// passes for alive.
pub fn is_running(pid: libc::pid_t) -> bool {
    if !is_alive(pid) {
        return false;
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, state)| state);
    state.is_none_or(|state| !state.starts_with(['Z', 'X']))
}

/// Whether `pid` is the parent of this process, or its parent, and so on. Without /proc no more than
/// the parent is known.
pub fn descends_from(pid: libc::pid_t) -> bool {
    // SAFETY: takes nothing and cannot fail.
    let mut ancestor = unsafe { libc::getppid() };
    // Each is older than the one before, but the chain may change while it is read.
    for _ in 0..1000 {
        if ancestor == pid {
            return true;
        }
        let stat = std::fs::read_to_string(format!("/proc/{ancestor}/stat")).unwrap_or_default();
        match parent(&stat) {
            Some(parent) if parent > 0 => ancestor = parent,
            _ => break,
        }
    }
    false
}

/// Field 4 of /proc/PID/stat.
fn parent(stat: &str) -> Option<libc::pid_t> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
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

/// Seconds since boot, counted as the kernel counts the start of processes.
pub fn since_boot() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: as in `now`.
    unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, time.as_mut_ptr());
        time.assume_init().tv_sec as u64
    }
}

/// When a process has started, in seconds since boot, rounded down; `None` if there is none, or no
/// /proc.
pub fn started(pid: libc::pid_t) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // SAFETY: only asks.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Some(start_ticks(&stat)? / u64::try_from(per_second).ok()?.max(1))
}

/// Field 22 of /proc/PID/stat (proc(5)); the name in field 2 may hold anything.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
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
    pending: libc::sigset_t,
}

impl SignalsBlocked {
    pub fn new() -> Self {
        let mut sets = [MaybeUninit::<libc::sigset_t>::zeroed(); 3];
        // SAFETY: the three sets are ours, and all zeroes is an empty set.
        unsafe {
            libc::sigfillset(sets[0].as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, sets[0].as_ptr(), sets[1].as_mut_ptr());
            libc::sigpending(sets[2].as_mut_ptr());
            Self {
                before: sets[1].assume_init(),
                pending: sets[2].assume_init(),
            }
        }
    }

    /// Takes back a signal that our own writing has caused (SIGPIPE, SIGXFSZ).
    fn discard_own(&self, signal: c_int) {
        let mut now = MaybeUninit::<libc::sigset_t>::zeroed();
        let mut only = MaybeUninit::<libc::sigset_t>::zeroed();
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the sets are ours and initialised; the call does not block.
        unsafe {
            libc::sigpending(now.as_mut_ptr());
            if libc::sigismember(now.as_ptr(), signal) == 1
                && libc::sigismember(&self.pending, signal) == 0
            {
                libc::sigaddset(only.as_mut_ptr(), signal);
                libc::sigtimedwait(only.as_ptr(), ptr::null_mut(), &at_once);
            }
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        self.discard_own(libc::SIGPIPE);
        self.discard_own(libc::SIGXFSZ);
        // SAFETY: `before` is what the thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_process_is_found_whatever_its_name() {
        let rest = "S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0";
        assert_eq!(start_ticks(&format!("9 (a) b) {rest}")), Some(4711));
        assert_eq!(parent(&format!("9 (a) b) {rest}")), Some(1));
        assert_eq!(start_ticks("9 (a"), None);
        assert_eq!(start_ticks(""), None);
    }
}
