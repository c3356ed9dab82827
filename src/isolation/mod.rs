//! What keeps the library out of the memory, the descriptors and the thread keys of the host.

/// Locks the heap around a fork(2): see [`crate::heap::lock`].
pub fn lock_heap() {
    // Unit tests are linked as programs, which have no heap of ours.
    #[cfg(not(test))]
    crate::heap::lock();
}

/// Unlocks the heap after a fork(2).
pub fn unlock_heap() {
    #[cfg(not(test))]
    crate::heap::unlock();
}
