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
