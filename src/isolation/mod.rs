//! What keeps the library out of the memory and the descriptors of the host, and the host's definitions out of us.

pub mod fd_table;
// Unit tests are linked as programs, where nothing is wrapped.
#[cfg(not(test))]
mod heap;
#[cfg(not(test))]
mod libc;
pub mod stacks;
#[cfg(not(test))]
mod wrap;

/// Locks the heap around a fork(2): see [`heap::lock`].
pub fn lock_heap() {
    // Unit tests are linked as programs, which have no heap of ours.
    #[cfg(not(test))]
    heap::lock();
}

/// Unlocks the heap after a fork(2).
pub fn unlock_heap() {
    #[cfg(not(test))]
    heap::unlock();
}
