//! What our handler does: the process ends by the signal, as it would have without us.
//!
//! Everything here is async-signal-safe: atomic operations, futex(2) and other plain system calls.

use std::ffi::c_int;

use libc::siginfo_t;

use crate::endings::signals;
use crate::endings::{self, How};
use crate::ownership::state;
use crate::sys::{self, sigset};

/// Raised by the instruction that is executed, again each time it is executed.
pub const FAULTS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];

/// What dumps core by default (signal(7)), and so leaves a siginfo that somebody may look at.
const DUMPS_CORE: [c_int; 10] = [
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGSYS,
];

/// The process ends by this signal.
pub fn end_by(signal: c_int, info: &mut siginfo_t, context: &mut libc::ucontext_t) {
    let fault = is_fault(signal, info, context);
    if sys::getpid() == 1 && !fault {
        // The kernel ignores it, unless it is one by which an operator ends the first process.
        let by_operator = !FAULTS.contains(&signal);
        if signals::is_first_process() && by_operator && state::is_owner() {
            endings::release(How::BySignal);
            sys::exit_group(128 + signal);
        }
        return;
    }
    endings::release(How::BySignal);
    signals::set_default(signal);
    if fault {
        // The handler returns, the instruction is executed again, and the kernel ends the process
        // there, with the core and the line in its log that it has for it.
        return;
    }
    // It is blocked here, and let through where the handler returns to: the core shows what was
    // interrupted, not us. The mask there may be one in which it is blocked, if sigsuspend(2) or
    // the like was interrupted.
    let mask = &mut context.uc_sigmask;
    sigset::set_bits(mask, sigset::bits(mask) & !sigset::bit(signal));
    send_again(signal, info);
}

/// The same signal to the same thread: with all that came with it where somebody may see that, in a
/// core. Else by the call that a sandbox is more likely to allow. Where one is refused the other
/// has to do.
fn send_again(signal: c_int, info: &mut siginfo_t) {
    let (process, thread) = (sys::getpid(), sys::gettid());
    // SAFETY: what a signal from a process brings.
    let raised = info.si_code == libc::SI_TKILL && unsafe { info.si_pid() } == process;
    let info: *mut siginfo_t = info;
    // SAFETY: to the calling thread.
    let plainly = || unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) == 0 };
    // SAFETY: likewise; the structure is the kernel's.
    let with_info = || unsafe {
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info) == 0
    };
    let tells_more = DUMPS_CORE.contains(&signal) && !raised;
    let _ = (tells_more && with_info()) || plainly() || with_info();
}

/// Whether the instruction that the handler returns to has caused the signal, and will again.
fn is_fault(signal: c_int, info: &siginfo_t, context: &libc::ucontext_t) -> bool {
    /// An error in memory that nobody has touched yet (sigaction(2), BUS_MCEERR_AO).
    const UNTOUCHED: c_int = 5;
    FAULTS.contains(&signal)
        && info.si_code > 0
        && !(signal == libc::SIGBUS && info.si_code == UNTOUCHED)
        && has_trapped(signal, info, context)
}

/// A process may send itself a signal that says it was a fault (rt_tgsigqueueinfo(2)). A real one
/// agrees with what the processor has told the kernel (arch/x86/kernel/traps.c, arch/x86/mm/fault.c).
#[cfg(target_arch = "x86_64")]
fn has_trapped(signal: c_int, info: &siginfo_t, context: &libc::ucontext_t) -> bool {
    const PAGE_FAULT: i64 = 14;
    let register = |which: c_int| context.uc_mcontext.gregs[which as usize];
    // SAFETY: what a fault brings; of another signal it is a number like any other.
    let address = unsafe { info.si_addr() } as i64;
    match (signal, register(libc::REG_TRAPNO)) {
        (libc::SIGILL | libc::SIGFPE, _) => address == register(libc::REG_RIP),
        (_, 0) => false,
        (_, PAGE_FAULT) => address == register(libc::REG_CR2),
        _ => true,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn has_trapped(_: c_int, _: &siginfo_t, _: &libc::ucontext_t) -> bool {
    true
}
