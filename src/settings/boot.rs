//! Identifies this boot of the machine: a PID and a time since boot mean something else after the next one.

use crate::sys::clock;
use crate::sys::fs::read_once;

/// A boot of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Seconds since 1970 when the kernel started, by the clock as it was set when this was read.
    pub second: u64,
    /// The first half of the kernel's random boot ID; 0 if it is not known.
    pub id: u64,
}

impl Boot {
    /// How far `second` may be from what it was, for rounding.
    const TOLERANCE: u64 = 2;

    /// Returns the present boot.
    pub fn current() -> Self {
        Self {
            second: clock::boot_second(),
            id: Self::current_id().unwrap_or(0),
        }
    }

    /// Reads the kernel's random boot ID (proc(5)).
    fn current_id() -> Option<u64> {
        let mut id = [0; 16 + 2];
        let length = read_once(c"/proc/sys/kernel/random/boot_id", &mut id).ok()?;
        // It is written with hyphens: 8-4-4-4-12 digits.
        let mut digits = id[..length].iter().filter(|&&byte| byte != b'-');
        digits.try_fold(0, |id, &digit| {
            Some(id << 4 | u64::from(char::from(digit).to_digit(16)?))
        })
    }

    /// Returns whether both are the same boot.
    pub fn is_same(self, other: Self) -> bool {
        self.id == other.id
    }

    /// Returns whether it is the present one. Makes a system call only if the clock was set meanwhile; true if nothing tells.
    pub fn is_current(self) -> bool {
        self.second.abs_diff(clock::boot_second()) <= Self::TOLERANCE
            || Self::current_id().is_none_or(|id| id == self.id || self.id == 0)
    }
}
