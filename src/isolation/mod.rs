//! Keeps the library out of the memory and the descriptors of the host, and the host's definitions out of us.

pub mod fd_table;
// Unit tests are linked as programs, where nothing is wrapped.
#[cfg(not(test))]
mod heap;
#[cfg(not(test))]
mod libc;
pub mod notify;
pub mod stacks;
#[cfg(not(test))]
mod wrap;

/// Makes the heap usable in a child of fork(2): see [`heap::renew`].
pub fn renew_heap() {
    // Unit tests are linked as programs, which have no heap of ours.
    #[cfg(not(test))]
    heap::renew();
}
