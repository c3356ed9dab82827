//! The C symbols that we export, in place of libc's: thin, and each family in one place.
//!
//! Within glibc `signal` and its relatives do not go through the exported `sigaction`, so each
//! needs its own. What they do is told in their manual pages; all of it works on
//! [`signals::sigaction`], which passes everything through until the library is active. They are
//! async-signal-safe, as POSIX demands of `sigaction` and `signal` (signal-safety(7)).
//!
//! What goes through [`guarded`] is `C-unwind`: there a cancelled thread may end.
//!
//! [`crate::abort`] is the one that is elsewhere.

use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{SIG_ERR, sighandler_t};

use crate::ending::{self, How};
use crate::keeper::credentials;
use crate::sys::fs::unlink_by_kernel;
use crate::sys::next_symbol::LibcFunction;
use crate::sys::sigset::{INTERNAL, bit};
use crate::sys::{self, Errno, guard::guarded, sigset};
use crate::{hooks, own_hands, signals};

// ---- the process ends ----

/// _exit(2).
#[unsafe(no_mangle)]
pub extern "C" fn _exit(status: c_int) -> ! {
    if ending::has_something_to_release() {
        guarded((), || {
            ending::release(How::OfItsOwnAccord);
            // No thread that was cancelled meanwhile comes away from here.
            sys::exit_group(status)
        });
    }
    sys::exit_group(status)
}

/// _Exit(3), the same by its C99 name.
#[unsafe(no_mangle)]
pub extern "C" fn _Exit(status: c_int) -> ! {
    _exit(status)
}

// ---- it becomes a daemon ----

/// setsid(2).
#[unsafe(no_mangle)]
pub extern "C-unwind" fn setsid() -> libc::pid_t {
    // SAFETY: takes nothing.
    let session = unsafe { libc::syscall(libc::SYS_setsid) } as libc::pid_t;
    if session != -1 {
        guarded((), hooks::fork::session_begun);
    }
    session
}

/// daemon(3). libc's own calls its inner fork, setsid and _exit, which nobody else sees.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn daemon(keep_directory: c_int, keep_streams: c_int) -> c_int {
    // SAFETY: what daemon(3) does, in its order. The child continues with one thread, as there.
    unsafe {
        match libc::fork() {
            -1 => return -1,
            0 => {}
            _ => _exit(0),
        }
        if setsid() == -1 {
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
    let mut stat = MaybeUninit::<libc::stat64>::zeroed();
    // SAFETY: system calls on a descriptor that was just opened; room for the answer.
    unsafe {
        let null = libc::open64(c"/dev/null".as_ptr(), libc::O_RDWR);
        if null == -1 || libc::fstat64(null, stat.as_mut_ptr()) != 0 {
            return -1;
        }
        let stat = stat.assume_init();
        if stat.st_mode & libc::S_IFMT != libc::S_IFCHR || stat.st_rdev != libc::makedev(1, 3) {
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

// ---- it has a PID file of its own ----

/// unlink(2).
///
/// # Safety
///
/// As for unlink(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { own_hands::take_away(libc::AT_FDCWD, path, || unlink_by_kernel(path)) }
}

/// unlinkat(2).
///
/// # Safety
///
/// As for unlinkat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn unlinkat(from: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        own_hands::take_away(from, path, || {
            libc::syscall(libc::SYS_unlinkat, from, path, flags)
        })
    }
}

/// remove(3): unlink(2) for files, rmdir(2) for directories.
///
/// # Safety
///
/// As for remove(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn remove(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let result = unlink(path);
        if result != 0 && sys::errno() == Errno(libc::EISDIR) {
            return libc::rmdir(path);
        }
        result
    }
}

/// rename(2).
///
/// # Safety
///
/// As for rename(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn rename(path: *const c_char, to: *const c_char) -> c_int {
    let here = libc::AT_FDCWD;
    let call = || {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's promise.
        return unsafe { libc::syscall(libc::SYS_rename, path, to) };
        #[cfg(not(target_arch = "x86_64"))]
        // SAFETY: the caller's promise.
        return unsafe { libc::syscall(libc::SYS_renameat2, here, path, here, to, 0) };
    };
    // SAFETY: the caller's promise.
    unsafe { own_hands::take_away(here, path, call) }
}

/// renameat(2).
///
/// # Safety
///
/// As for renameat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn renameat(
    from: c_int,
    path: *const c_char,
    to_from: c_int,
    to: *const c_char,
) -> c_int {
    let call = || {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's promise.
        return unsafe { libc::syscall(libc::SYS_renameat, from, path, to_from, to) };
        #[cfg(not(target_arch = "x86_64"))]
        // SAFETY: the caller's promise.
        return unsafe { libc::syscall(libc::SYS_renameat2, from, path, to_from, to, 0) };
    };
    // SAFETY: the caller's promise.
    unsafe { own_hands::take_away(from, path, call) }
}

/// flock(2).
#[unsafe(no_mangle)]
pub extern "C-unwind" fn flock(fd: c_int, operation: c_int) -> c_int {
    // SAFETY: takes numbers only.
    let by_kernel = || unsafe { libc::syscall(libc::SYS_flock, fd, operation) as c_int };
    guarded(None, || own_hands::lock(fd)).unwrap_or_else(by_kernel)
}

// ---- it changes its user or group ----

macro_rules! change {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),+)
        => $number:ident[$first:expr, $second:expr, $third:expr];)+) => { $(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// As in the manual page.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name($($argument: $type),+) -> c_int {
            static REAL: LibcFunction = LibcFunction::new(
                // SAFETY: the literal ends in a zero byte, and has no other.
                unsafe { CStr::from_bytes_with_nul_unchecked(concat!(stringify!($name), "\0").as_bytes()) }
            );
            let by_libc = || {
                let real = REAL.address();
                if real.is_null() {
                    return refuse(-1);
                }
                // SAFETY: libc's function of that name and type; the caller's promise.
                unsafe {
                    let real: unsafe extern "C" fn($($type),+) -> c_int = std::mem::transmute(real);
                    real($($argument),+)
                }
            };
            let arguments = [$first as usize, $second as usize, $third as usize];
            credentials::change(libc::$number, arguments, by_libc)
        }
    )+ };
}

/// "Leave it as it is."
const SAME: u32 = u32::MAX;

change! {
    /// setuid(2).
    setuid(id: libc::uid_t) => SYS_setuid[id, 0, 0];
    /// setgid(2).
    setgid(id: libc::gid_t) => SYS_setgid[id, 0, 0];
    /// seteuid(2).
    seteuid(id: libc::uid_t) => SYS_setresuid[SAME, id, SAME];
    /// setegid(2).
    setegid(id: libc::gid_t) => SYS_setresgid[SAME, id, SAME];
    /// setreuid(2).
    setreuid(real: libc::uid_t, effective: libc::uid_t) => SYS_setreuid[real, effective, 0];
    /// setregid(2).
    setregid(real: libc::gid_t, effective: libc::gid_t) => SYS_setregid[real, effective, 0];
    /// setresuid(2).
    setresuid(real: libc::uid_t, effective: libc::uid_t, saved: libc::uid_t)
        => SYS_setresuid[real, effective, saved];
    /// setresgid(2).
    setresgid(real: libc::gid_t, effective: libc::gid_t, saved: libc::gid_t)
        => SYS_setresgid[real, effective, saved];
    /// setgroups(2).
    setgroups(size: libc::size_t, list: *const libc::gid_t) => SYS_setgroups[size, list, 0];
}

/// initgroups(3). libc's own calls its inner setgroups, which nobody else sees.
///
/// # Safety
///
/// As for initgroups(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn initgroups(user: *const c_char, group: libc::gid_t) -> c_int {
    static REAL: LibcFunction = LibcFunction::new(c"initgroups");
    if guarded(false, credentials::is_asked) {
        // SAFETY: the caller's promise.
        let groups = guarded(None, || unsafe { groups_of(user, group) });
        if let Some(groups) = groups {
            // SAFETY: as many as there are.
            return unsafe { setgroups(groups.len(), groups.as_ptr()) };
        }
    }
    let real = REAL.address();
    if real.is_null() {
        return refuse(-1);
    }
    // SAFETY: libc's function of that name and type; the caller's promise.
    unsafe {
        let real: unsafe extern "C" fn(*const c_char, libc::gid_t) -> c_int =
            std::mem::transmute(real);
        real(user, group)
    }
}

/// The groups that initgroups(3) would set, as many as the kernel takes.
///
/// # Safety
///
/// `user` is a C string.
unsafe fn groups_of(user: *const c_char, group: libc::gid_t) -> Option<Vec<libc::gid_t>> {
    /// NGROUPS_MAX.
    const MOST: usize = 65_536;
    let mut groups = vec![0; 64];
    loop {
        let mut count = c_int::try_from(groups.len()).ok()?;
        // SAFETY: the caller's promise, and room for so many.
        let found = unsafe { libc::getgrouplist(user, group, groups.as_mut_ptr(), &mut count) };
        let count = usize::try_from(count).ok()?;
        if found >= 0 || groups.len() == MOST {
            groups.truncate(count);
            return Some(groups);
        }
        groups.resize(count.max(2 * groups.len()).min(MOST), 0);
    }
}

// ---- dispositions ----

/// sigaction(2).
///
/// # Safety
///
/// As for sigaction(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaction(
    signal: c_int,
    action: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { signals::sigaction(signal, action, old) }
}

/// The signals for which siginterrupt(3) wants no restart of interrupted system calls.
static INTERRUPTING: AtomicU64 = AtomicU64::new(0);

/// signal(2): the handler stays, system calls are restarted.
#[unsafe(no_mangle)]
pub extern "C" fn signal(signal: c_int, handler: sighandler_t) -> sighandler_t {
    let Some(only) = only(signal).filter(|_| handler != SIG_ERR) else {
        return refuse(SIG_ERR);
    };
    let interrupting = INTERRUPTING.load(Ordering::Relaxed) & bit(signal) != 0;
    let flags = if interrupting { 0 } else { libc::SA_RESTART };
    exchange(signal, handler, flags, only)
}

/// signal(2) by its BSD name.
#[unsafe(no_mangle)]
pub extern "C" fn bsd_signal(number: c_int, handler: sighandler_t) -> sighandler_t {
    signal(number, handler)
}

/// ssignal(3), which in glibc is signal(2).
#[unsafe(no_mangle)]
pub extern "C" fn ssignal(number: c_int, handler: sighandler_t) -> sighandler_t {
    signal(number, handler)
}

/// sysv_signal(3): the handler serves once, and nothing is blocked or restarted.
#[unsafe(no_mangle)]
pub extern "C" fn __sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t {
    /// Linux's "no restart", which says nothing new; the host is told it was set.
    const SA_INTERRUPT: c_int = 0x2000_0000;
    if only(signal).is_none() || handler == SIG_ERR {
        return refuse(SIG_ERR);
    }
    let flags = libc::SA_RESETHAND | libc::SA_NODEFER | SA_INTERRUPT;
    exchange(signal, handler, flags, 0)
}

/// sysv_signal(3). (Programs built for strict X/Open get the name above for `signal`.)
#[unsafe(no_mangle)]
pub extern "C" fn sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t {
    __sysv_signal(signal, handler)
}

/// sigset(3): sets the disposition and unblocks, or blocks for SIG_HOLD.
#[unsafe(no_mangle)]
pub extern "C" fn sigset(signal: c_int, disposition: sighandler_t) -> sighandler_t {
    const SIG_HOLD: sighandler_t = 2;
    let Some(only) = only(signal) else {
        return refuse(SIG_ERR);
    };
    let (how, old) = if disposition == SIG_HOLD {
        (libc::SIG_BLOCK, disposition_of(signal))
    } else {
        (libc::SIG_UNBLOCK, exchange(signal, disposition, 0, 0))
    };
    let mut before = sigset::of(0);
    // SAFETY: both sets are ours.
    if old == SIG_ERR || unsafe { libc::sigprocmask(how, &sigset::of(only), &mut before) } != 0 {
        SIG_ERR
    } else if sigset::contains(&before, signal) {
        SIG_HOLD
    } else {
        old
    }
}

/// siginterrupt(3): whether the signal interrupts system calls, now and for later `signal` calls.
#[unsafe(no_mangle)]
pub extern "C" fn siginterrupt(signal: c_int, interrupts: c_int) -> c_int {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: room for the answer, which is used only on success.
    unsafe {
        if signals::sigaction(signal, ptr::null(), action.as_mut_ptr()) != 0 {
            return -1;
        }
        let action = action.assume_init_mut();
        if interrupts != 0 {
            INTERRUPTING.fetch_or(bit(signal), Ordering::Relaxed);
            action.sa_flags &= !libc::SA_RESTART;
        } else {
            INTERRUPTING.fetch_and(!bit(signal), Ordering::Relaxed);
            action.sa_flags |= libc::SA_RESTART;
        }
        signals::sigaction(signal, action, ptr::null_mut())
    }
}

/// Sets a disposition; answers the one before, or SIG_ERR with errno set.
fn exchange(signal: c_int, handler: sighandler_t, flags: c_int, mask: u64) -> sighandler_t {
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeroes is a valid action; room for the answer, which is used only on success.
    unsafe {
        let mut new = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        new.sa_sigaction = handler;
        new.sa_flags = flags;
        sigset::set_bits(&mut new.sa_mask, mask);
        if signals::sigaction(signal, &new, old.as_mut_ptr()) != 0 {
            return SIG_ERR;
        }
        old.assume_init().sa_sigaction
    }
}

fn disposition_of(signal: c_int) -> sighandler_t {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks; room for the answer, which is used only on success.
    unsafe {
        if signals::sigaction(signal, ptr::null(), action.as_mut_ptr()) != 0 {
            return SIG_ERR;
        }
        action.assume_init().sa_sigaction
    }
}

fn refuse<T>(answer: T) -> T {
    sys::set_errno(Errno(libc::EINVAL));
    answer
}

/// The signal as a set, if libc lets anybody touch it.
fn only(signal: c_int) -> Option<u64> {
    let is_signal = (1..=64).contains(&signal) && !INTERNAL.contains(&signal);
    is_signal.then(|| bit(signal))
}
