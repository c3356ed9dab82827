//! Handles the signals by which services end, and shows the host the dispositions that it has set.
//!
//! Where such a signal has its default action, our [`handler`](fatal::handler) is installed instead. It gives up the
//! file, restores the default, and lets the signal happen again as it would have. The host never sees the handler. When
//! it sets SIG_DFL, the handler is installed; when it asks, it is told SIG_DFL, without flags and with an empty mask.
//! (Flags and masks that a program sets together with SIG_DFL mean nothing to the kernel, and no program was found that
//! reads them back.)
//!
//! "The kernel's handler is ours" is the whole state. So it is right in a vfork child, and when a handler interrupts us at
//! any point. A forked child has nothing to give up: the fork handler restores the defaults there, and a child that may
//! inherit the file gets our handlers again.
//!
//! # Which signals
//!
//! A handler can be noticed: the kernel does not end the process by itself any more. It does not end one that waits in the
//! kernel where only a fatal signal gets through (vfork(2), a file system that does not answer). So there are handlers for
//! [`SERVICE_ENDS`] and for the signal that a deletion sends, and every other signal keeps the kernel's own action. After
//! an end by one of those the file stays, with a free lock, as after SIGKILL.
//!
//! A handler that the host sets to run once (SA_RESETHAND) is the host's alone. After it has run, the kernel itself
//! restores the default, and the file stays when the next signal ends the process. The file also stays after abort(3)
//! where SIGABRT is ignored or its handler returns, since libc then restores the default itself. `PIDFILE_GUARD=1` removes
//! the file in all of these cases. Shown by `endings/every_signal::every_raised_signal_ends_alike`,
//! `endings/every_signal::one_shot_handler_runs_once_then_ends_alike` and
//! `endings/every_ending::abort_that_insists_ends_alike`.
//!
//! For the first process of a PID namespace the kernel ignores SIGABRT. Its abort ends by the instruction to which libc
//! goes on. glibc 2.41 blocks all signals before that, so no handler sees the SIGSEGV, and the file stays. The kernel
//! ends the guard with the namespace.
//!
//! # On which stack
//!
//! On the one that was interrupted, but SIGSEGV on the alternate one, if there is one. An alternate stack may be too small
//! for the kernel's frame (some 3.5 KiB with AVX-512, where MINSIGSTKSZ says 2 KiB), or it may be unmapped by then. A host
//! with a handler of its own on that stack finds that out. A host that only ever had defaults must not end by SIGSEGV
//! where it would have ended by SIGTERM. For SIGSEGV the two ends are the same one. And only SIGSEGV needs it: by that a
//! stack overflow is told, which has no other stack left.
//!
//! Everything here is async-signal-safe: computation on the stack and system calls.

pub mod dispatch;
mod fatal;

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{SIG_DFL, sigaction as Action};

use crate::sys::sigaction as by_kernel;
use crate::sys::sigset::{self, FAULTS, bit};
use crate::sys::{self, c_library};

/// The signals by which services are ended, or end by themselves.
const SERVICE_ENDS: [c_int; 14] = [
    // Asked for by service managers, terminals and people.
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    // "Rotate the log", sent to one that knows no such thing.
    libc::SIGUSR1,
    libc::SIGUSR2,
    // alarm(2) as a time limit, a reader that has gone, a limit of processor time.
    libc::SIGALRM,
    libc::SIGPIPE,
    libc::SIGXCPU,
    // Assertions and watchdogs; faults.
    libc::SIGABRT,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
];

/// Signals whose default action does not end the process (signal(7)), and those that cannot be caught.
const HARMLESS: [c_int; 9] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGURG,
    libc::SIGWINCH,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// The signals that are virtual: bit n - 1 for signal n. None before the start and in bystanders that were loaded
/// as such.
static VIRTUAL: AtomicU64 = AtomicU64::new(0);

/// Returns whether the host is shown another disposition of this signal than the kernel has.
pub fn is_virtual(signal: c_int) -> bool {
    (1..=64).contains(&signal) && VIRTUAL.load(Ordering::Relaxed) & bit(signal) != 0
}

/// Makes the signals virtual that end this process, which owns the file or may inherit it; `on_deletion` is the one
/// that a deletion sends. Ignored ones stay ignored (nohup).
///
/// The first process of a PID namespace is ended by a fault and by nothing else (pid_namespaces(7)), unless by an
/// operator who means it: SIGTERM, and the signal of the deletion.
pub fn hook(on_deletion: c_int) {
    let of_service = SERVICE_ENDS.map(bit).iter().fold(0, |all, one| all | one);
    let asked_for = match on_deletion {
        1..=64 if !HARMLESS.contains(&on_deletion) => bit(on_deletion) & sigset::ALL,
        _ => 0,
    };
    let chosen = if sys::getpid() == 1 {
        fatal::protect_first_process();
        FAULTS | bit(libc::SIGTERM) | asked_for
    } else {
        of_service | asked_for
    };
    VIRTUAL.store(chosen, Ordering::Relaxed);
    for signal in virtual_signals() {
        if current(signal).is_some_and(|action| action.sa_sigaction == SIG_DFL) {
            install(signal, &ours(signal));
        }
    }
}

/// Undoes [`hook`]. Each child of an owner does so, past libc: the kernel would have to map libc's code for it first.
pub fn unhook() {
    for signal in virtual_signals() {
        if by_kernel::handler(signal) == Some(fatal::handler as *const () as usize) {
            by_kernel::set_default(signal);
        }
    }
    VIRTUAL.store(0, Ordering::Relaxed);
}

/// Iterates over the virtual signals.
fn virtual_signals() -> impl Iterator<Item = c_int> {
    (1..=64).filter(|signal| is_virtual(*signal))
}

/// The function behind ours: libc's, or that of another preload.
pub type Sigaction = unsafe extern "C-unwind" fn(c_int, *const Action, *mut Action) -> c_int;

/// Sets and tells dispositions as the host sees them; `next` makes the call.
///
/// # Safety
///
/// As for sigaction(2).
pub unsafe fn sigaction(
    signal: c_int,
    action: *const Action,
    old: *mut Action,
    next: Sigaction,
) -> c_int {
    if !is_virtual(signal) {
        // SAFETY: the arguments are right for sigaction(2), by this function's contract.
        return unsafe { next(signal, action, old) };
    }
    // SAFETY: both pointers are null or lead to valid actions, by this function's contract; `instead` lives until the end
    // of the function. `old` may be the same place as `action`, which is not read after the call.
    unsafe {
        let sets_default = action
            .as_ref()
            .is_some_and(|wanted| wanted.sa_sigaction == SIG_DFL);
        let instead = ours(signal);
        let action = if sets_default {
            &raw const instead
        } else {
            action
        };
        let result = next(signal, action, old);
        if let Some(old) = old.as_mut()
            && result == 0
            && is_ours(old)
        {
            reveal(old);
        }
        result
    }
}

/// Returns whether the host has a handler of its own for a signal.
pub fn is_caught(signal: c_int) -> bool {
    current(signal).is_some_and(|action| {
        !is_ours(&action) && !matches!(action.sa_sigaction, SIG_DFL | libc::SIG_IGN)
    })
}

/// Returns the action that the kernel has for a signal.
fn current(signal: c_int) -> Option<Action> {
    let mut action = MaybeUninit::<Action>::zeroed();
    // SAFETY: a null action only asks; `action` is writable, and all zeroes is a valid value should the call fail.
    unsafe {
        let asked = c_library::sigaction(signal, ptr::null(), action.as_mut_ptr());
        (asked == 0).then(|| action.assume_init())
    }
}

/// Sets an action, past the host's view.
fn install(signal: c_int, action: &Action) {
    // SAFETY: `action` is valid for the whole call, and SIG_DFL or our handler with the flags that it needs.
    unsafe { c_library::sigaction(signal, action, ptr::null_mut()) };
}

/// Returns the default action, as nobody has touched it.
fn default() -> Action {
    // SAFETY: all zeroes is SIG_DFL, without flags and with an empty mask.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Returns the action with our handler. Nothing interrupts it but SIGSYS: by that a sandbox may have the host answer a system call itself
/// (seccomp(2), SECCOMP_RET_TRAP), and blocked it would end the process.
fn ours(signal: c_int) -> Action {
    let mut action = default();
    action.sa_sigaction = fatal::handler as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    if signal == libc::SIGSEGV {
        action.sa_flags |= libc::SA_ONSTACK;
    }
    if fatal::is_first_process() {
        // What the kernel would have ignored interrupts as little as it can.
        action.sa_flags |= libc::SA_RESTART;
    }
    sigset::set_bits(&mut action.sa_mask, !bit(libc::SIGSYS));
    action
}

/// Returns whether an action has our handler.
fn is_ours(action: &Action) -> bool {
    action.sa_sigaction == fatal::handler as *const () as usize
}

/// Turns our action into what the host is told. What libc leaves untouched in the mask stays so.
fn reveal(action: &mut Action) {
    action.sa_sigaction = SIG_DFL;
    action.sa_flags = 0;
    action.sa_restorer = None;
    sigset::set_bits(&mut action.sa_mask, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_action_is_told_as_an_untouched_default() {
        for signal in SERVICE_ENDS {
            let mut told = ours(signal);
            assert!(is_ours(&told));
            reveal(&mut told);
            assert_eq!(told.sa_sigaction, SIG_DFL);
            assert_eq!((told.sa_flags, sigset::bits(&told.sa_mask)), (0, 0));
            assert!(!is_ours(&told));
        }
    }
}
