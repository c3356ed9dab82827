//! Handles sets of signals as the 64 bits that the kernel has: signal n is bit n - 1. They are the first 64 bits of a
//! `sigset_t`, which is longer (asm-generic/signal.h).
//!
//! sigaddset(3) and its relatives are not used: each is one more symbol that the loader looks up in every process.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

use libc::sigset_t;

use super::c_library::INTERNAL_SIGNALS;
use super::raw;

/// The signals that libc keeps for itself: they are in no set that it makes.
pub const INTERNAL: u64 = {
    let (mut bits, mut at) = (0, 0);
    while at < INTERNAL_SIGNALS.len() {
        bits |= bit(INTERNAL_SIGNALS[at]);
        at += 1;
    }
    bits
};

/// Every signal that sigfillset(3) puts into a set.
pub const ALL: u64 = !INTERNAL;

/// Raised by the instruction that is executed, again each time it is executed.
pub const FAULTS: u64 =
    bit(libc::SIGSEGV) | bit(libc::SIGBUS) | bit(libc::SIGFPE) | bit(libc::SIGILL);

/// Returns the bit of a signal from 1 to 64.
pub const fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Returns the set of these signals.
pub fn of(bits: u64) -> sigset_t {
    // SAFETY: `sigset_t` is an array of integers, for which all zeroes is a value: the empty set.
    let mut set = unsafe { MaybeUninit::zeroed().assume_init() };
    set_bits(&mut set, bits);
    set
}

/// Replaces the signals in a set. The rest of a `sigset_t`, which the kernel does not know, stays as it is.
pub fn set_bits(set: &mut sigset_t, bits: u64) {
    // SAFETY: `sigset_t` has 1024 bits and the alignment of a long, which is that of u64 on 64-bit Linux; the reference
    // is exclusive.
    unsafe { ptr::from_mut(set).cast::<u64>().write(bits) };
}

/// Returns the signals in a set.
pub fn bits(set: &sigset_t) -> u64 {
    // SAFETY: `sigset_t` has 1024 bits and the alignment of a long, which is that of u64 on 64-bit Linux.
    unsafe { ptr::from_ref(set).cast::<u64>().read() }
}

/// Returns whether a signal is in a set.
pub fn contains(set: &sigset_t, signal: c_int) -> bool {
    bits(set) & bit(signal) != 0
}

/// Lets a signal through in the calling thread.
pub fn unblock(signal: c_int) {
    // SAFETY: the set is valid for the whole call; no old set is asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &of(bit(signal)), ptr::null_mut()) };
}

/// Blocks every signal for the calling thread until it goes out of scope, but for those that libc keeps for itself.
/// With SIGSETXID blocked, a setuid() of the host would wait for our thread for ever (nptl/setxid).
///
/// Async-signal-safe, and without thread-local storage.
pub struct SignalsBlocked {
    /// The mask of the thread before.
    before: u64,
    /// The signals that were pending before.
    pending: u64,
}

impl SignalsBlocked {
    /// Blocks every signal. A thread that is started meanwhile inherits the mask.
    pub fn new() -> Self {
        Self {
            before: set_mask(ALL),
            pending: pending(),
        }
    }

    /// Removes the signals that our own writing has caused, and that were not pending before: SIGPIPE where nobody reads,
    /// SIGXFSZ beyond the limit of a file's size.
    fn discard_own(&self) {
        let ours = [libc::SIGPIPE, libc::SIGXFSZ].map(bit);
        let new = pending() & !self.pending;
        for signal in ours.into_iter().filter(|signal| new & signal != 0) {
            let at_once = [0_u64; 2];
            let (set, time) = (&raw const signal as usize, at_once.as_ptr() as usize);
            // SAFETY: the set and the time are valid for the whole call, which does not block; no siginfo is asked for.
            unsafe { raw::call(libc::SYS_rt_sigtimedwait, [set, 0, time, SIZE]) };
        }
    }
}

/// Bytes in the kernel's sets.
const SIZE: usize = size_of::<u64>();

/// Sets the mask of the calling thread; returns the one before.
fn set_mask(mask: u64) -> u64 {
    let mut before = 0_u64;
    let how = libc::SIG_SETMASK as usize;
    let (mask, room) = (&raw const mask as usize, &raw mut before as usize);
    // SAFETY: both sets are valid for the whole call and have the size that is named.
    unsafe { raw::call(libc::SYS_rt_sigprocmask, [how, mask, room, SIZE]) };
    before
}

/// Returns the signals that wait for the calling thread or the process.
fn pending() -> u64 {
    let mut set = 0_u64;
    // SAFETY: `set` is writable and has the size that is named.
    unsafe { raw::call(libc::SYS_rt_sigpending, [&raw mut set as usize, SIZE]) };
    set
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        self.discard_own();
        set_mask(self.before);
    }
}
