//! Replaces the functions by which the host sets or asks the disposition of a signal.
//!
//! Within glibc `signal` and its relatives do not go through the exported `sigaction`, so each needs its own. What they do
//! is told in their manual pages. For a signal that is not virtual each goes on to the next definition of its own name. In
//! a process without a file no signal is virtual. For virtual signals they work on [`signals::sigaction`], which goes on
//! to the next sigaction(2). They are async-signal-safe, as POSIX demands of `sigaction` and `signal` (signal-safety(7)).

use std::ffi::{c_int, c_ulong};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{SIG_ERR, sighandler_t};

use super::{candidate, next, refuse};
use crate::endings::signals::{self, dispatch, is_virtual};
use crate::ownership::state;
use crate::sys::c_library::{self, of_glibc};
use crate::sys::entry::guarded;
use crate::sys::sigset::{self, INTERNAL, bit};

/// Replaces sigaction(2).
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
    unsafe { change(signal, action, old) }
}

/// Sets or asks the disposition that the host sees.
///
/// # Safety
///
/// As for sigaction(2).
unsafe fn change(
    signal: c_int,
    action: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { signals::sigaction(signal, action, old, next::sigaction) }
}

/// Replaces prctl(2). A host that is about to catch its own system calls catches those of our handlers too: see
/// [`dispatch`]. A host that is about to filter them may allow none of ours: see [`candidate::set_confined`].
///
/// libc declares it with a variable number of arguments, which are passed as these are.
///
/// # Safety
///
/// As for prctl(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn prctl(
    option: c_int,
    second: c_ulong,
    third: c_ulong,
    fourth: c_ulong,
    fifth: c_ulong,
) -> c_int {
    const SET_SYSCALL_USER_DISPATCH: c_int = 59;
    // Before the call: after it this process may know no other.
    let confines = option == libc::PR_SET_SECCOMP && guarded(false, candidate::may_be_worker);
    if option == SET_SYSCALL_USER_DISPATCH && state::owner() != 0 {
        guarded((), || {
            if !dispatch::expect() {
                signals::unhook();
            }
        });
    }
    // SAFETY: the caller's promise.
    let result = unsafe { next::prctl(option, second, third, fourth, fifth) };
    // One that only asks whether there are filters gets an error.
    if confines && result == 0 {
        candidate::set_confined();
    }
    result
}

/// The signals for which siginterrupt(3) wants no restart of interrupted system calls.
static INTERRUPTING: AtomicU64 = AtomicU64::new(0);

/// Replaces signal(2): the handler stays, system calls are restarted.
#[unsafe(no_mangle)]
pub extern "C" fn signal(signal: c_int, handler: sighandler_t) -> sighandler_t {
    if !is_virtual(signal) {
        // SAFETY: the caller's promise.
        return unsafe { next::signal(signal, handler) };
    }
    let Some(only) = only(signal) else {
        return refuse(SIG_ERR);
    };
    if c_library::SIGNAL_IS_BARE {
        return exchange(signal, handler, libc::SA_RESTART, 0);
    }
    if handler == SIG_ERR {
        return refuse(SIG_ERR);
    }
    let interrupting = INTERRUPTING.load(Ordering::Relaxed) & bit(signal) != 0;
    let flags = if interrupting { 0 } else { libc::SA_RESTART };
    exchange(signal, handler, flags, only)
}

/// Replaces bsd_signal(3), the BSD name of signal(2).
#[unsafe(no_mangle)]
pub extern "C" fn bsd_signal(number: c_int, handler: sighandler_t) -> sighandler_t {
    if !is_virtual(number) {
        // SAFETY: the caller's promise.
        return unsafe { next::bsd_signal(number, handler) };
    }
    signal(number, handler)
}

of_glibc! {
    /// Replaces ssignal(3), which in glibc is signal(2).
    #[unsafe(no_mangle)]
    pub extern "C" fn ssignal(number: c_int, handler: sighandler_t) -> sighandler_t {
        if !is_virtual(number) {
            // SAFETY: the caller's promise.
            return unsafe { next::ssignal(number, handler) };
        }
        signal(number, handler)
    }
}

/// Replaces `__sysv_signal`, which programs built for strict X/Open call for `signal`: the handler serves once, and nothing
/// is blocked or restarted.
#[unsafe(no_mangle)]
pub extern "C" fn __sysv_signal(number: c_int, handler: sighandler_t) -> sighandler_t {
    if !is_virtual(number) {
        // SAFETY: the caller's promise.
        return unsafe { next::__sysv_signal(number, handler) };
    }
    if c_library::SIGNAL_IS_BARE {
        return signal(number, handler);
    }
    /// Linux's "no restart", which says nothing new; the host is told it was set.
    const SA_INTERRUPT: c_int = 0x2000_0000;
    if only(number).is_none() || handler == SIG_ERR {
        return refuse(SIG_ERR);
    }
    let flags = libc::SA_RESETHAND | libc::SA_NODEFER | SA_INTERRUPT;
    exchange(number, handler, flags, 0)
}

of_glibc! {
    /// Replaces sysv_signal(3).
    #[unsafe(no_mangle)]
    pub extern "C" fn sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t {
        if !is_virtual(signal) {
            // SAFETY: the caller's promise.
            return unsafe { next::sysv_signal(signal, handler) };
        }
        __sysv_signal(signal, handler)
    }
}

/// Replaces sigset(3): sets the disposition and unblocks, or blocks for SIG_HOLD.
#[unsafe(no_mangle)]
pub extern "C" fn sigset(signal: c_int, disposition: sighandler_t) -> sighandler_t {
    if !is_virtual(signal) {
        // SAFETY: the caller's promise.
        return unsafe { next::sigset(signal, disposition) };
    }
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

/// Replaces siginterrupt(3): sets whether the signal interrupts system calls, now and for later `signal` calls.
#[unsafe(no_mangle)]
pub extern "C" fn siginterrupt(signal: c_int, interrupts: c_int) -> c_int {
    if !is_virtual(signal) {
        // SAFETY: the caller's promise.
        return unsafe { next::siginterrupt(signal, interrupts) };
    }
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: room for the answer, which is used only on success.
    unsafe {
        if change(signal, ptr::null(), action.as_mut_ptr()) != 0 {
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
        change(signal, action, ptr::null_mut())
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
        if change(signal, &new, old.as_mut_ptr()) != 0 {
            return SIG_ERR;
        }
        old.assume_init().sa_sigaction
    }
}

fn disposition_of(signal: c_int) -> sighandler_t {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks; room for the answer, which is used only on success.
    unsafe {
        if change(signal, ptr::null(), action.as_mut_ptr()) != 0 {
            return SIG_ERR;
        }
        action.assume_init().sa_sigaction
    }
}

/// Returns a set of one signal; nothing if libc keeps that signal for itself.
fn only(signal: c_int) -> Option<u64> {
    let is_signal = (1..=64).contains(&signal) && INTERNAL & bit(signal) == 0;
    is_signal.then(|| bit(signal))
}
