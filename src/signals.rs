//! Signals whose default action would end the process, and the disposition the host sees.
//!
//! Where such a signal has its default action, our handler is installed instead: it gives up the
//! file, restores the default, and lets the signal happen again as it would have. The host never
//! sees the handler: whoever sets SIG_DFL gets it installed, whoever asks is told SIG_DFL with the
//! flags and the mask that were set.
//!
//! There is no table of virtual dispositions that could get out of step with the kernel's: "the
//! kernel's handler is one of ours" is the whole state. So it is right in a forked child, in a
//! vfork child, and when a handler interrupts us at any point. What the kernel's own entry cannot
//! hold (we need SA_SIGINFO, SA_ONSTACK and a full mask, the host may have set less) is told by
//! *which* of our handlers is installed: there is one for each [`Shape`].
//!
//! Everything here is async-signal-safe: computation on the stack and system calls.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libc::{SIG_DFL, sigaction as Action, siginfo_t, sigset_t};

use crate::ending::{self, How};
use crate::kernel_action::KernelAction;
use crate::{mailbox, sys};

unsafe extern "C" {
    // The name by which libc exports its own sigaction(); the other one is ours (interpose.rs).
    fn __sigaction(signal: c_int, action: *const Action, old: *mut Action) -> c_int;
}

/// What libc sets on its own on some architectures; part of what the host is told.
const SA_RESTORER: c_int = 0x0400_0000;

/// The signals that are virtual: bit n for signal n + 1. None before the start and in bystanders
/// that were loaded as such.
static VIRTUAL: AtomicU64 = AtomicU64::new(0);

/// Signals whose default action does not end the process (signal(7)), those that cannot be caught,
/// and the one by which libc makes all threads change their user: it handles that one itself in
/// every process that has started a thread.
const HARMLESS: [c_int; 10] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGURG,
    libc::SIGWINCH,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    33,
];

/// The signal by which libc cancels threads. Until the first pthread_cancel(3) its disposition is
/// the default, and then libc sets it. libc refuses to change it for anybody else.
const CANCEL: c_int = 32;

/// Raised by the instruction that is executed, again each time it is executed.
const FAULTS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];

/// Whether this process was the first one of its PID namespace when it started. For such a one the
/// kernel ignores what has its default action (pid_namespaces(7)), and so it stays, but for the two
/// by which an operator ends it.
static FIRST: AtomicBool = AtomicBool::new(false);

const fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

fn is_virtual(signal: c_int) -> bool {
    (1..=64).contains(&signal) && VIRTUAL.load(Ordering::Relaxed) & bit(signal) != 0
}

/// Makes every signal virtual that ends the process by default and has that disposition now.
/// Ignored ones stay ignored (nohup).
pub fn hook(on_deletion: c_int) {
    let first = sys::getpid() == 1;
    FIRST.store(first, Ordering::Relaxed);
    let chosen = (1..=64)
        .filter(|signal| !HARMLESS.contains(signal))
        .filter(|signal| !first || [libc::SIGTERM, on_deletion].contains(signal));
    VIRTUAL.store(
        chosen.clone().map(bit).fold(0, |all, one| all | one),
        Ordering::Relaxed,
    );
    for signal in chosen {
        if let Some(action) = current(signal).filter(|action| action.sa_sigaction == SIG_DFL) {
            install(signal, &real(signal, &action, false));
        }
    }
}

/// Undoes [`hook`].
pub fn unhook() {
    for signal in (1..=64).filter(|signal| is_virtual(*signal)) {
        if let Some(mut action) = current(signal).filter(|action| Shape::of(action).is_some()) {
            reveal(signal, &mut action);
            install(signal, &action);
        }
    }
    VIRTUAL.store(0, Ordering::Relaxed);
}

/// sigaction(2), as the host sees it.
///
/// # Safety
///
/// As for sigaction(2).
pub unsafe fn sigaction(signal: c_int, action: *const Action, old: *mut Action) -> c_int {
    if !is_virtual(signal) {
        // SAFETY: the caller's promise.
        return unsafe { __sigaction(signal, action, old) };
    }
    // SAFETY: the caller's promise; `ours` lives until the end of the function.
    unsafe {
        let ours;
        let mut action = action;
        if !action.is_null() && (*action).sa_sigaction == SIG_DFL {
            ours = real(signal, &*action, true);
            action = &raw const ours;
        }
        let result = __sigaction(signal, action, old);
        if result == 0 && !old.is_null() {
            reveal(signal, &mut *old);
        }
        result
    }
}

fn current(signal: c_int) -> Option<Action> {
    let mut action = MaybeUninit::<Action>::zeroed();
    if signal == CANCEL {
        // SAFETY: all zeroes is a valid action.
        let mut told = unsafe { action.assume_init() };
        told.sa_sigaction = KernelAction::of(signal)?.handler;
        return Some(told);
    }
    // SAFETY: only asks; room for the answer, which is read only on success.
    unsafe {
        let asked = __sigaction(signal, ptr::null(), action.as_mut_ptr());
        (asked == 0).then(|| action.assume_init())
    }
}

fn install(signal: c_int, action: &Action) {
    if signal == CANCEL {
        return install_by_kernel(signal, action);
    }
    // SAFETY: the action is SIG_DFL or one of our handlers.
    unsafe { __sigaction(signal, action, ptr::null_mut()) };
}

/// Past libc. The restorer, without which no handler returns, is taken from an action that libc has
/// installed for one of ours.
fn install_by_kernel(signal: c_int, action: &Action) {
    let is_ours =
        |model: &KernelAction| HANDLERS.iter().any(|ours| *ours as usize == model.handler);
    let mut models = (1..CANCEL).filter_map(KernelAction::of);
    let handler = action.sa_sigaction;
    if handler == SIG_DFL {
        KernelAction::DEFAULT.install(signal);
    } else if let Some(model) = models.find(is_ours) {
        model.with(handler).install(signal);
    }
}

/// What of a default disposition the kernel's entry does not hold while a handler of ours is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    siginfo: bool,
    onstack: bool,
    restorer: bool,
    mask: Mask,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mask {
    /// Neither of the usual ones: the kernel holds it. Other signals may then interrupt the
    /// handler; the last one gives the status.
    Own,
    Empty,
    OnlyItself,
}

impl Shape {
    const COUNT: usize = 24;

    const fn from_number(number: usize) -> Self {
        Self {
            siginfo: number & 1 != 0,
            onstack: number & 2 != 0,
            restorer: number & 4 != 0,
            mask: match number / 8 {
                0 => Mask::Own,
                1 => Mask::Empty,
                _ => Mask::OnlyItself,
            },
        }
    }

    const fn number(self) -> usize {
        let mask = match self.mask {
            Mask::Own => 0,
            Mask::Empty => 8,
            Mask::OnlyItself => 16,
        };
        self.siginfo as usize | (self.onstack as usize) << 1 | (self.restorer as usize) << 2 | mask
    }

    /// The shape whose handler the action holds; `None` if that is none of ours.
    fn of(action: &Action) -> Option<Self> {
        let is = |handler: &Handler| *handler as usize == action.sa_sigaction;
        HANDLERS.iter().position(is).map(Self::from_number)
    }
}

/// The action to install for `wanted`, which is SIG_DFL: set by the host through libc, which has a
/// restorer of its own for everything that it sets, or found at the start.
fn real(signal: c_int, wanted: &Action, by_host: bool) -> Action {
    let shape = Shape {
        siginfo: wanted.sa_flags & libc::SA_SIGINFO != 0,
        onstack: wanted.sa_flags & libc::SA_ONSTACK != 0,
        restorer: by_host || wanted.sa_flags & SA_RESTORER != 0,
        mask: if members(&wanted.sa_mask) == 0 {
            Mask::Empty
        } else if members(&wanted.sa_mask) == bit(signal) {
            Mask::OnlyItself
        } else {
            Mask::Own
        },
    };
    let mut action = *wanted;
    action.sa_sigaction = HANDLERS[shape.number()] as usize;
    action.sa_flags |= libc::SA_SIGINFO | libc::SA_ONSTACK;
    if shape.mask != Mask::Own {
        // SAFETY: the set is ours.
        unsafe { libc::sigfillset(&mut action.sa_mask) };
    }
    action
}

/// Turns an action that the kernel has told into what the host has set.
fn reveal(signal: c_int, action: &mut Action) {
    let Some(shape) = Shape::of(action) else {
        return;
    };
    action.sa_sigaction = SIG_DFL;
    if !shape.siginfo {
        action.sa_flags &= !libc::SA_SIGINFO;
    }
    if !shape.onstack {
        action.sa_flags &= !libc::SA_ONSTACK;
    }
    if !shape.restorer {
        action.sa_flags &= !SA_RESTORER;
        action.sa_restorer = None;
    }
    // SAFETY: the set is the caller's.
    unsafe {
        if shape.mask != Mask::Own {
            libc::sigemptyset(&mut action.sa_mask);
        }
        if shape.mask == Mask::OnlyItself {
            libc::sigaddset(&mut action.sa_mask, signal);
        }
    }
}

fn members(set: &sigset_t) -> u64 {
    // The signals the kernel knows are the first 64 bits, in the order of bits of a long
    // (asm-generic/signal.h).
    // SAFETY: sigset_t is larger than that, and aligned for longs.
    unsafe { ptr::from_ref(set).cast::<u64>().read() }
}

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

static HANDLERS: [Handler; Shape::COUNT] = [
    handler::<0>,
    handler::<1>,
    handler::<2>,
    handler::<3>,
    handler::<4>,
    handler::<5>,
    handler::<6>,
    handler::<7>,
    handler::<8>,
    handler::<9>,
    handler::<10>,
    handler::<11>,
    handler::<12>,
    handler::<13>,
    handler::<14>,
    handler::<15>,
    handler::<16>,
    handler::<17>,
    handler::<18>,
    handler::<19>,
    handler::<20>,
    handler::<21>,
    handler::<22>,
    handler::<23>,
];

extern "C" fn handler<const SHAPE: usize>(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    // The number is what makes the linker keep them apart.
    std::hint::black_box(SHAPE);
    // SAFETY: the kernel's arguments to a handler with SA_SIGINFO.
    sys::guarded((), || unsafe {
        end_by(signal, &mut *info, &mut *context.cast())
    });
}

/// The process ends by this signal, as it would have without us.
///
/// Async-signal-safe: atomic operations, futex(2) and other plain system calls.
fn end_by(signal: c_int, info: &mut siginfo_t, context: &mut libc::ucontext_t) {
    /// An error in memory that nobody has touched yet (sigaction(2), BUS_MCEERR_AO).
    const UNTOUCHED: c_int = 5;
    let fault = info.si_code > 0
        && FAULTS.contains(&signal)
        && !(signal == libc::SIGBUS && info.si_code == UNTOUCHED);
    if sys::getpid() == 1 && !fault {
        if FIRST.load(Ordering::Relaxed) && mailbox::is_owner() {
            ending::release(How::BySignal);
            ending::leave(128 + signal);
        }
        // A forked child that begins a namespace: the kernel would have ignored it.
        return;
    }
    ending::release(How::BySignal);

    let mut default = MaybeUninit::<Action>::zeroed();
    // SAFETY: all zeroes is SIG_DFL without flags and with an empty mask.
    install(signal, unsafe { default.assume_init_mut() });
    if fault {
        // The handler returns, the instruction is executed again, and the kernel ends the process
        // there, with the core and the line in its log that it has for it.
        return;
    }
    // The same signal again, with all that came with it. It is blocked here, and let through
    // where the handler returns to: the core shows what was interrupted, not us. The mask there
    // may be one in which it is blocked, if sigsuspend(2) or the like was interrupted.
    // SAFETY: the structures are the kernel's; the thread is the calling one.
    unsafe {
        libc::sigdelset(&mut context.uc_sigmask, signal);
        let (process, thread) = (sys::getpid(), sys::gettid());
        let again: *mut siginfo_t = info;
        if libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, again) != 0 {
            libc::syscall(libc::SYS_tgkill, process, thread, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_has_its_number_and_its_handler() {
        for (number, handler) in HANDLERS.iter().enumerate() {
            assert_eq!(Shape::from_number(number).number(), number);
            let same = HANDLERS
                .iter()
                .filter(|other| **other as usize == *handler as usize);
            assert_eq!(same.count(), 1);
        }
    }

    #[test]
    fn what_was_set_is_what_is_told() {
        for flags in [
            0,
            libc::SA_SIGINFO,
            libc::SA_ONSTACK | libc::SA_RESTART,
            libc::SA_NODEFER,
        ] {
            for masked in [
                &[][..],
                &[libc::SIGTERM],
                &[libc::SIGINT],
                &[libc::SIGINT, libc::SIGTERM],
            ] {
                // SAFETY: all zeroes is a valid action.
                let mut wanted: Action = unsafe { std::mem::zeroed() };
                wanted.sa_flags = flags;
                for signal in masked {
                    // SAFETY: the set is ours.
                    unsafe { libc::sigaddset(&mut wanted.sa_mask, *signal) };
                }
                let mut told = real(libc::SIGTERM, &wanted, true);
                assert_ne!(told.sa_sigaction, SIG_DFL);
                reveal(libc::SIGTERM, &mut told);
                assert_eq!(told.sa_sigaction, SIG_DFL);
                assert_eq!(told.sa_flags, flags);
                assert_eq!(members(&told.sa_mask), members(&wanted.sa_mask));
            }
        }
    }
}
