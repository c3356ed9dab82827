//! Handlers of the host that serve once (SA_RESETHAND, and so sysv_signal(3)).
//!
//! When such a handler is called the kernel puts the default back, behind our back: the next signal
//! would end the process with the file still there. So the flag is taken out, and the handler
//! behind an [`entry`] of ours, which puts *our* default back and then jumps to it. A jump: the
//! handler finds the stack as the kernel has left it.
//!
//! Only the owner does this. In a vfork child, which shares this memory, and in a forked one the
//! kernel does what it does.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use libc::{SIG_DFL, SIG_IGN, sigaction as Action, siginfo_t};

use crate::endings::signals::{self, fatal};
use crate::ownership::state;
use crate::sys::guard::guarded;

/// The host's handlers, by signal. 0, which is SIG_DFL, once it has served.
static HELD: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];

fn slot(signal: c_int) -> &'static AtomicUsize {
    &HELD[signal as usize - 1]
}

/// The handler that is behind our entry, if that is what the kernel has.
pub fn held(signal: c_int) -> usize {
    slot(signal).load(Ordering::SeqCst)
}

/// The action to install for one that serves once; `None` for any other.
pub fn hold(signal: c_int, wanted: &Action) -> Option<Action> {
    let serves_once = wanted.sa_flags & libc::SA_RESETHAND != 0
        && ![SIG_DFL, SIG_IGN].contains(&wanted.sa_sigaction);
    if !cfg!(target_arch = "x86_64") || !serves_once || !state::is_owner() {
        return None;
    }
    slot(signal).store(wanted.sa_sigaction, Ordering::SeqCst);
    let mut action = *wanted;
    action.sa_sigaction = entry as *const () as usize;
    action.sa_flags &= !libc::SA_RESETHAND;
    Some(action)
}

fn is_held(action: &Action) -> bool {
    action.sa_sigaction == entry as *const () as usize
}

/// Turns an action that the kernel has told into what the host has set.
pub fn reveal(action: &mut Action, held: usize) {
    if is_held(action) {
        action.sa_sigaction = held;
        action.sa_flags |= libc::SA_RESETHAND;
    }
}

/// What the kernel calls. It hands over three arguments whatever the flags (arch/x86/kernel/signal_64.c).
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
extern "C" fn entry(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    std::arch::naked_asm!(
        "push rdi",
        "push rsi",
        "push rdx",
        "call {serve}",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "test rax, rax",
        "jz 2f",
        "jmp rax",
        "2:",
        "ret",
        serve = sym serve
    )
}

#[cfg(not(target_arch = "x86_64"))]
extern "C" fn entry(_: c_int, _: *mut siginfo_t, _: *mut c_void) {}

/// The handler to go on with; 0 for none.
///
/// Async-signal-safe: atomic operations, sigaction(2), and what [`fatal::end_by`] does.
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
extern "C" fn serve(signal: c_int, info: *mut siginfo_t, context: *mut c_void) -> usize {
    guarded(0, || {
        // Of two threads that are called at once one has it, and for the other it is the default.
        let handler = if state::is_owner() {
            slot(signal).swap(SIG_DFL, Ordering::SeqCst)
        } else {
            held(signal)
        };
        // Unless another thread has set something else since.
        if let Some(mut action) = signals::current(signal).filter(is_held) {
            reveal(&mut action, SIG_DFL);
            // SAFETY: an action without a handler.
            unsafe { signals::sigaction(signal, &action, std::ptr::null_mut()) };
        }
        if handler == SIG_DFL {
            // SAFETY: the kernel's arguments.
            unsafe { fatal::end_by(signal, &mut *info, &mut *context.cast()) };
        }
        handler
    })
}
