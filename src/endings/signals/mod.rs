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
//! *which* of our handlers is installed: there is one for each [`Shape`]. Only an unusual mask is
//! kept beside it.
//!
//! Everything here is async-signal-safe: computation on the stack and system calls.

pub mod fatal;
mod kernel_action;
mod one_shot;

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libc::{SIG_DFL, sigaction as Action, siginfo_t};

use crate::ownership::state;
use crate::sys::sigset::bit;
use crate::sys::{self, guard::guarded, sigset};
use kernel_action::KernelAction;
use one_shot as once;

unsafe extern "C" {
    // The name by which libc exports its own sigaction(); the other one is ours (hooks/).
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

/// Whether this process was the first one of its PID namespace when it started. For such a one the
/// kernel ignores what has its default action (pid_namespaces(7)), and so it stays, but for the two
/// by which an operator ends it, and faults, by which the kernel ends it all the same.
static FIRST: AtomicBool = AtomicBool::new(false);

/// The unusual masks that the owner has set with SIG_DFL: [`Mask::Kept`].
static MASKS: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

/// The faults for which the host of a [`FIRST`] process has set SA_RESTART. Ours have it in any
/// case: a SIGSEGV that somebody sends and the kernel ignores shall interrupt as little as it can.
static RESTARTING: AtomicU64 = AtomicU64::new(0);

fn is_virtual(signal: c_int) -> bool {
    (1..=64).contains(&signal) && VIRTUAL.load(Ordering::Relaxed) & bit(signal) != 0
}

/// Makes every signal virtual that ends the process by default and has that disposition now.
/// Ignored ones stay ignored (nohup).
pub fn hook(on_deletion: c_int) {
    let first = sys::getpid() == 1;
    FIRST.store(first, Ordering::Relaxed);
    let ends_the_first = |signal: &c_int| {
        [libc::SIGTERM, on_deletion].contains(signal) || fatal::FAULTS.contains(signal)
    };
    let chosen = (1..=64)
        .filter(|signal| !HARMLESS.contains(signal))
        .filter(|signal| !first || ends_the_first(signal));
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
            reveal(signal, &mut action, Kept::of(signal));
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
        let before = Kept::of(signal);
        let mut ours = None;
        if let Some(wanted) = action.as_ref() {
            ours = if wanted.sa_sigaction == SIG_DFL {
                Some(real(signal, wanted, true))
            } else {
                once::hold(signal, wanted)
            };
        }
        let result = __sigaction(signal, ours.as_ref().map_or(action, ptr::from_ref), old);
        if result == 0 && !old.is_null() {
            reveal(signal, &mut *old, before);
        }
        result
    }
}

/// The action that the kernel has for a signal.
pub fn current(signal: c_int) -> Option<Action> {
    let mut action = MaybeUninit::<Action>::zeroed();
    if signal == CANCEL {
        // SAFETY: all zeroes is a valid action.
        let mut told = unsafe { action.assume_init() };
        let action = KernelAction::of(signal)?;
        told.sa_sigaction = action.handler;
        told.sa_flags = action.flags as c_int;
        return Some(told);
    }
    // SAFETY: only asks; room for the answer, which is read only on success.
    unsafe {
        let asked = __sigaction(signal, ptr::null(), action.as_mut_ptr());
        (asked == 0).then(|| action.assume_init())
    }
}

/// Lets the kernel do what it does by default.
///
/// Async-signal-safe. On its own: see [`crate::sys::fs::file_at`].
#[inline(never)]
pub fn set_default(signal: c_int) {
    let mut default = MaybeUninit::<Action>::zeroed();
    // SAFETY: all zeroes is SIG_DFL without flags and with an empty mask.
    install(signal, unsafe { default.assume_init_mut() });
}

/// Whether the kernel ignored this signal if its default were installed: see [`FIRST`].
pub fn is_first_process() -> bool {
    FIRST.load(Ordering::Relaxed)
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
    /// Neither of the usual ones, and there is nowhere to keep it: the kernel holds it.
    Own,
    Empty,
    OnlyItself,
    /// Neither of the usual ones: in [`MASKS`].
    Kept,
}

/// What is kept beside the kernel's entry, as it was before that one is exchanged.
#[derive(Clone, Copy)]
struct Kept {
    mask: u64,
    restarts: bool,
    /// See [`once::held`].
    handler: usize,
}

impl Kept {
    fn of(signal: c_int) -> Self {
        Self {
            mask: MASKS[signal as usize - 1].load(Ordering::Relaxed),
            restarts: RESTARTING.load(Ordering::Relaxed) & bit(signal) != 0,
            handler: once::held(signal),
        }
    }
}

impl Shape {
    const COUNT: usize = 32;

    const fn from_number(number: usize) -> Self {
        Self {
            siginfo: number & 1 != 0,
            onstack: number & 2 != 0,
            restorer: number & 4 != 0,
            mask: match number / 8 {
                0 => Mask::Own,
                1 => Mask::Empty,
                2 => Mask::OnlyItself,
                _ => Mask::Kept,
            },
        }
    }

    const fn number(self) -> usize {
        let mask = match self.mask {
            Mask::Own => 0,
            Mask::Empty => 8,
            Mask::OnlyItself => 16,
            Mask::Kept => 24,
        };
        self.siginfo as usize | (self.onstack as usize) << 1 | (self.restorer as usize) << 2 | mask
    }

    /// The shape whose handler the action holds; `None` if that is none of ours.
    fn of(action: &Action) -> Option<Self> {
        // Nearly every handler of the host's ends here.
        if action.sa_flags & FLAGS != FLAGS {
            return None;
        }
        let is = |handler: &Handler| *handler as usize == action.sa_sigaction;
        HANDLERS.iter().position(is).map(Self::from_number)
    }
}

/// The action to install for `wanted`, which is SIG_DFL: set by the host through libc, which has a
/// restorer of its own for everything that it sets, or found at the start.
fn real(signal: c_int, wanted: &Action, by_host: bool) -> Action {
    // Nobody can block these, and the kernel does not keep them either.
    let blocked = sigset::bits(&wanted.sa_mask) & !(bit(libc::SIGKILL) | bit(libc::SIGSTOP));
    // A vfork child has this memory, but a disposition of its own.
    let may_keep = state::is_owner();
    let shape = Shape {
        siginfo: wanted.sa_flags & libc::SA_SIGINFO != 0,
        onstack: wanted.sa_flags & libc::SA_ONSTACK != 0,
        restorer: by_host || wanted.sa_flags & SA_RESTORER != 0,
        mask: if blocked == 0 {
            Mask::Empty
        } else if blocked == bit(signal) {
            Mask::OnlyItself
        } else if may_keep {
            MASKS[signal as usize - 1].store(blocked, Ordering::Relaxed);
            Mask::Kept
        } else {
            Mask::Own
        },
    };
    let mut action = *wanted;
    action.sa_sigaction = HANDLERS[shape.number()] as usize;
    action.sa_flags |= FLAGS;
    if shape.mask != Mask::Own {
        action.sa_mask = sigset::of(sigset::ALL);
    }
    if is_first_process() && fatal::FAULTS.contains(&signal) && (may_keep || !by_host) {
        if wanted.sa_flags & libc::SA_RESTART != 0 {
            RESTARTING.fetch_or(bit(signal), Ordering::Relaxed);
        } else {
            RESTARTING.fetch_and(!bit(signal), Ordering::Relaxed);
        }
        action.sa_flags |= libc::SA_RESTART;
    }
    action
}

/// Turns an action that the kernel has told into what the host has set.
fn reveal(signal: c_int, action: &mut Action, kept: Kept) {
    once::reveal(action, kept.handler);
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
    if is_first_process() && fatal::FAULTS.contains(&signal) && !kept.restarts {
        action.sa_flags &= !libc::SA_RESTART;
    }
    let blocked = match shape.mask {
        Mask::Own => return,
        Mask::Empty => 0,
        Mask::OnlyItself => bit(signal),
        Mask::Kept => kept.mask,
    };
    action.sa_mask = sigset::of(blocked);
}

/// What every handler of ours has.
const FLAGS: c_int = libc::SA_SIGINFO | libc::SA_ONSTACK;

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

macro_rules! handlers {
    ($($shape:literal)+) => { [$(handler::<$shape>),+] };
}
#[rustfmt::skip]
static HANDLERS: [Handler; Shape::COUNT] = handlers!(
     0  1  2  3  4  5  6  7
     8  9 10 11 12 13 14 15
    16 17 18 19 20 21 22 23
    24 25 26 27 28 29 30 31
);

extern "C" fn handler<const SHAPE: usize>(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    // The number is what makes the linker keep them apart.
    std::hint::black_box(SHAPE);
    // SAFETY: the kernel's arguments to a handler with SA_SIGINFO.
    guarded((), || unsafe {
        fatal::end_by(signal, &mut *info, &mut *context.cast())
    });
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
                let masked = masked.iter().map(|signal| bit(*signal)).sum();
                wanted.sa_mask = sigset::of(masked);
                let mut told = real(libc::SIGTERM, &wanted, true);
                assert_ne!(told.sa_sigaction, SIG_DFL);
                reveal(libc::SIGTERM, &mut told, Kept::of(libc::SIGTERM));
                assert_eq!(told.sa_sigaction, SIG_DFL);
                assert_eq!(told.sa_flags, flags);
                assert_eq!(sigset::bits(&told.sa_mask), sigset::bits(&wanted.sa_mask));
            }
        }
    }
}
