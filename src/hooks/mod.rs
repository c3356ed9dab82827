//! What the host calls: the exported C symbols, in place of libc's, and the fork handlers.
//!
//! What goes through [`guarded`](crate::sys::entry::guarded) is `C-unwind`: there a cancelled thread
//! may end.

mod exec;
pub mod fork;

mod credentials;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod exec_variadic;
mod files;
pub mod next;
mod process;
mod signals;

use crate::sys::{self, Errno};

/// Answers a call that libc would refuse too, with EINVAL in errno.
fn refuse<T>(answer: T) -> T {
    sys::set_errno(Errno(libc::EINVAL));
    answer
}
