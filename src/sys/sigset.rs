//! Sets of signals: the 64 bits that the kernel knows, signal n at bit n - 1. They are the first of
//! what libc has for a set (asm-generic/signal.h).
//!
//! Not by sigaddset(3) and its relatives: each is one more symbol that the loader would have to look
//! up in every process.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

use libc::sigset_t;

/// The two by which libc cancels threads, and makes them change their user. In no set that libc
/// makes (nptl(7)).
pub const INTERNAL: [c_int; 2] = [32, 33];

/// All that sigfillset(3) would name.
pub const ALL: u64 = !(bit(INTERNAL[0]) | bit(INTERNAL[1]));

/// Raised by the instruction that is executed, again each time it is executed.
pub const FAULTS: u64 =
    bit(libc::SIGSEGV) | bit(libc::SIGBUS) | bit(libc::SIGFPE) | bit(libc::SIGILL);

pub const fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// The set of these signals.
pub fn of(bits: u64) -> sigset_t {
    // SAFETY: all zeroes is the empty set.
    let mut set = unsafe { MaybeUninit::zeroed().assume_init() };
    set_bits(&mut set, bits);
    set
}

/// Leaves alone what the kernel does not know, and has no room for in the sets that it makes itself.
pub fn set_bits(set: &mut sigset_t, bits: u64) {
    // SAFETY: larger than 64 bits, and aligned for longs.
    unsafe { ptr::from_mut(set).cast::<u64>().write(bits) };
}

pub fn bits(set: &sigset_t) -> u64 {
    // SAFETY: as above.
    unsafe { ptr::from_ref(set).cast::<u64>().read() }
}

pub fn contains(set: &sigset_t, signal: c_int) -> bool {
    bits(set) & bit(signal) != 0
}

/// Lets a signal through in the calling thread.
pub fn unblock(signal: c_int) {
    // SAFETY: the set is valid for the whole call; no old set is asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &of(bit(signal)), ptr::null_mut()) };
}

/// Blocks every signal for the calling thread until it goes out of scope.
///
/// Through libc, which leaves its two internal signals open: with SIGSETXID blocked, a setuid() of
/// the host would wait for our thread for ever (nptl/setxid).
pub struct SignalsBlocked {
    before: libc::sigset_t,
    pending: u64,
}

impl SignalsBlocked {
    pub fn new() -> Self {
        let mut before = of(0);
        // SAFETY: both sets are ours.
        unsafe {
            let all = of(ALL);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        }
        Self {
            before,
            pending: pending(),
        }
    }

    /// Takes back the signals that our own writing has caused.
    fn discard_own(&self) {
        let ours = [libc::SIGPIPE, libc::SIGXFSZ].map(bit);
        let new = pending() & !self.pending;
        for signal in ours.into_iter().filter(|signal| new & signal != 0) {
            let at_once = libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            // SAFETY: the set is ours; the call does not block.
            unsafe { libc::sigtimedwait(&of(signal), ptr::null_mut(), &at_once) };
        }
    }
}

fn pending() -> u64 {
    let mut set = of(0);
    // SAFETY: the set is ours.
    unsafe { libc::sigpending(&mut set) };
    bits(&set)
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        self.discard_own();
        // SAFETY: `before` is what the thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}
