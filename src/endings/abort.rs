//! abort(3), where its first SIGABRT does not end the process: ignored, or the host's handler returns.
//!
//! libc then restores the default by itself, and raises the signal again: the process would end
//! with the file still there. Otherwise all is libc's own, and it is jumped to, so that the core
//! shows it called from where it was.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

use libc::{SIG_DFL, SIG_IGN};

use crate::endings::signals;
use crate::endings::{self, How};
use crate::ownership::state;
use crate::sys::next_symbol::LibcFunction;
use crate::sys::{self, guard::guarded, sigset};

static REAL: LibcFunction = LibcFunction::new(c"abort");

/// abort(3). Keeps every register, as they are in the core; the address to go on with is passed below
/// the stack, where the kernel lets no signal write (the red zone of the x86-64 ABI).
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub extern "C" fn abort() -> ! {
    std::arch::naked_asm!(
        "sub rsp, 8",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "sub rsp, 520",
        "fxsave64 [rsp]",
        "call {prepare}",
        "mov [rsp + 520 + 72], rax",
        "fxrstor64 [rsp]",
        "add rsp, 520",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "add rsp, 8",
        "jmp [rsp - 8]",
        prepare = sym prepare
    )
}

/// Before the host can be in a signal handler: from now on [`prepare`] asks the loader nothing.
pub fn register() {
    REAL.address();
}

/// Does what abort(3) does up to the point where it insists. The function to go on with.
///
/// Async-signal-safe, as abort(3) has to be: system calls, the host's own handler, and [`endings::release`].
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
extern "C-unwind" fn prepare() -> usize {
    let insists = guarded(false, || state::is_owner() && disposition() != SIG_DFL);
    if insists {
        // With nothing of ours around it: the host's handler may jump out, or end the thread.
        raise();
        guarded((), || {
            endings::release(How::BySignal);
            signals::set_default(libc::SIGABRT);
        });
    }
    match REAL.address() as usize {
        0 => leave as *const () as usize,
        address => address,
    }
}

fn disposition() -> usize {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks; all zeroes is a valid action should the call fail.
    unsafe {
        signals::sigaction(libc::SIGABRT, ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction
    }
}

fn raise() {
    unsafe extern "C-unwind" {
        fn raise(signal: c_int) -> c_int;
    }
    if disposition() == SIG_IGN {
        return;
    }
    let set = sigset::of(sigset::bit(libc::SIGABRT));
    // SAFETY: the set is ours.
    unsafe {
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut());
        raise(libc::SIGABRT);
    }
}

/// Where there is no abort(3) of libc's: nothing that could happen, but no reason to jump to nowhere.
extern "C" fn leave() -> ! {
    const STATUS: c_int = 127;
    sys::exit_group(STATUS)
}
