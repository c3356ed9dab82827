//! Holds the rights that are known of the host and of our threads.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicI32};
use std::time::Duration;

use super::rights::Rights;

/// How long the host waits for our threads to follow. One of them may hang in a file system.
pub const FOLLOWING: Duration = Duration::from_secs(2);

/// Whose rights are known: written by who has gone from `Idle`, and read by our threads while it waits.
pub struct Known(pub UnsafeCell<Rights>);

// SAFETY: see `Known`.
unsafe impl Sync for Known {}

// Both apart from what is small: see `sys::memory`.

/// What the host's only thread has, since it has changed anything.
#[unsafe(link_section = ".bss.large")]
pub static HOSTS: Known = Known(UnsafeCell::new(Rights::NONE));
/// What our threads have, once that is other than what they were started with.
#[unsafe(link_section = ".bss.large")]
pub static OURS: Known = Known(UnsafeCell::new(Rights::NONE));
/// Whether both are filled in.
pub static IS_KNOWN: AtomicBool = AtomicBool::new(false);
/// Whether our threads have less than the host.
pub static HAVE_LESS: AtomicBool = AtomicBool::new(false);
/// Whether there is a thread of `notify`.
pub static WATCHED: AtomicBool = AtomicBool::new(false);

/// The process whose first thread has made a call without its keeper.
pub static CALLED_WITHOUT_KEEPER: AtomicI32 = AtomicI32::new(0);
