//! Handles a fatal signal: the process ends by it, as it would have without us.
//!
//! The signal may arrive in code that is not libc's: with a thread register of its own (Wine, emulators). So nothing
//! here, nor in what it calls, touches thread-local storage: no errno, no cancellation state. It calls no function of
//! libc's, which may look there for the canary of its stack. There are atomic operations and system calls by
//! [`raw::call`], and nothing that can panic.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::siginfo_t;

use super::dispatch;
use crate::endings::{self, Exit};
use crate::ownership::state;
use crate::sys::sigaction::set_default;
use crate::sys::sigset::{self, FAULTS, bit};
use crate::sys::{self, arch, raw};

/// What dumps core by default (signal(7)), and so leaves a siginfo that somebody may look at.
const DUMPS_CORE: u64 = FAULTS
    | bit(libc::SIGQUIT)
    | bit(libc::SIGTRAP)
    | bit(libc::SIGABRT)
    | bit(libc::SIGXCPU)
    | bit(libc::SIGXFSZ)
    | bit(libc::SIGSYS);

/// Whether this process was the first one of its PID namespace when it started. For that process the kernel ignores what
/// has its default action (pid_namespaces(7)), and so it stays, but for what an operator sends, and faults.
static FIRST: AtomicBool = AtomicBool::new(false);

/// Records that this process is the first one of a PID namespace.
///
/// Context: host thread before main.
pub fn protect_first_process() {
    FIRST.store(true, Ordering::Relaxed);
}

/// Returns whether this process is the first one of a PID namespace.
pub fn is_first_process() -> bool {
    FIRST.load(Ordering::Relaxed)
}

/// Handles a fatal signal: gives up the file, and has the signal do what it does by default.
pub extern "C" fn handler(signal: c_int, info: *mut siginfo_t, context: *mut libc::ucontext_t) {
    // SAFETY: the kernel's arguments to a handler with SA_SIGINFO, on this thread's stack.
    let (info, context) = unsafe { (&mut *info, &mut *context) };
    if dispatch::is_on() {
        dispatch::leave_to_keeper(signal);
    }
    let fault = is_fault(signal, info, context);
    if sys::getpid() == 1 && !fault {
        // The kernel ignores it, unless it is one by which an operator ends the first process.
        let by_operator = FAULTS & bit(signal) == 0;
        if is_first_process() && by_operator && state::is_owner() {
            endings::release(Exit::BySignal);
            sys::exit_group(128 + signal);
        }
        return;
    }
    endings::release(Exit::BySignal);
    if !set_default(signal) {
        sys::exit_group(128 + signal);
    }
    if fault {
        // The handler returns, the instruction is executed again, and the kernel ends the process
        // there, with the core and the line in its log that it has for it.
        return;
    }
    // It is blocked here, and let through where the handler returns to: the core shows what was
    // interrupted, not us. The mask there may be one in which it is blocked, if sigsuspend(2) or
    // the like was interrupted.
    let mask = &mut context.uc_sigmask;
    sigset::set_bits(mask, sigset::bits(mask) & !bit(signal));
    if !send_again(signal, info) {
        // The process must not live on, and there is no other way to end it by the signal.
        sys::exit_group(128 + signal);
    }
}

/// Sends the same signal to the same thread, in which it is blocked. Where a core may show it, all that came with the
/// signal goes with it. Otherwise it is sent by the call that a sandbox is most likely to allow. Where one is refused
/// the next one has to do. Returns whether it is on its way.
fn send_again(signal: c_int, info: &siginfo_t) -> bool {
    let (process, thread) = (sys::getpid() as usize, sys::gettid() as usize);
    // SAFETY: si_pid is in memory that belongs to the structure; where no process has sent the signal it is a number
    // like any other.
    let raised = info.si_code == libc::SI_TKILL && unsafe { info.si_pid() } as usize == process;
    let info = std::ptr::from_ref(info) as usize;
    // SAFETY: tgkill(2) takes numbers.
    let to_thread =
        |number: usize| unsafe { raw::call(libc::SYS_tgkill, [process, thread, number]) };
    // SAFETY: the siginfo is valid for the whole call.
    let with_info = |number: usize| unsafe {
        raw::call(libc::SYS_rt_tgsigqueueinfo, [process, thread, number, info])
    };
    // SAFETY: kill(2) takes numbers.
    let to_process = |number: usize| unsafe { raw::call(libc::SYS_kill, [process, number]) };
    let tells_more = DUMPS_CORE & bit(signal) != 0 && !raised;
    (tells_more && has_sent(signal, with_info))
        || has_sent(signal, to_thread)
        || has_sent(signal, with_info)
        || has_sent(signal, to_process)
        || send_by_timer(signal, thread)
}

/// Sends a signal, and returns whether that is true. A sandbox may say that a call has succeeded and not make it
/// (SECCOMP_RET_ERRNO with 0). The kernel itself refuses a signal that there is not.
fn has_sent(signal: c_int, send: impl Fn(usize) -> isize) -> bool {
    const NO_SIGNAL: usize = 65;
    send(NO_SIGNAL) == -(libc::EINVAL as isize) && send(signal as usize) == 0
}

/// Sends a signal by a timer; returns whether it was sent. A sandbox that lets nobody send signals may still allow timers
/// (systemd's groups `@process` and `@timer`).
fn send_by_timer(signal: c_int, thread: usize) -> bool {
    /// A timer that is due at once takes no longer to send its signal.
    const LOOKS: u32 = 1_000_000;
    // struct sigevent of the kernel: value, signal and kind, thread; and room up to its 64 bytes.
    let mut event = [0_u64; 8];
    event[1] = signal as u64 | (libc::SIGEV_THREAD_ID as u64) << 32;
    event[2] = thread as u64;
    let mut timer: c_int = 0;
    // Once, a nanosecond from now.
    let once: [i64; 4] = [0, 0, 0, 1];
    let (event, room) = (event.as_ptr() as usize, &raw mut timer as usize);
    let clock = libc::CLOCK_MONOTONIC as usize;
    // SAFETY: both structures are valid for their calls, and `timer` is writable.
    unsafe {
        if raw::call(libc::SYS_timer_create, [clock, event, room]) != 0 {
            return false;
        }
        let arguments = [timer as usize, 0, once.as_ptr() as usize, 0, 0, 0];
        raw::call(libc::SYS_timer_settime, arguments) == 0 && (0..LOOKS).any(|_| is_pending(signal))
    }
}

/// Returns whether a signal waits for this thread or process. Where nobody may ask, it does.
fn is_pending(signal: c_int) -> bool {
    let mut set = MaybeUninit::<u64>::zeroed();
    let arguments = [set.as_mut_ptr() as usize, size_of::<u64>(), 0, 0, 0, 0];
    // SAFETY: `set` is writable and has the size that is named; all zeroes is a valid value.
    unsafe {
        let refused = raw::call(libc::SYS_rt_sigpending, arguments) != 0;
        refused || set.assume_init() & bit(signal) != 0
    }
}

/// Returns whether the instruction that the handler returns to has caused the signal, and will again.
fn is_fault(signal: c_int, info: &siginfo_t, context: &libc::ucontext_t) -> bool {
    /// An error in memory that nobody has touched yet (sigaction(2), BUS_MCEERR_AO).
    const UNTOUCHED: c_int = 5;
    FAULTS & bit(signal) != 0
        && info.si_code > 0
        && !(signal == libc::SIGBUS && info.si_code == UNTOUCHED)
        && arch::has_trapped(signal, info, context)
}
