//! What the host calls: the exported C symbols, in place of libc's, and the fork handlers.
//!
//! What goes through [`guarded`](crate::sys::guard::guarded) is `C-unwind`: there a cancelled thread
//! may end.

pub mod fork;

mod credentials;
mod files;
mod process;
mod signals;

use crate::sys::{self, Errno};

/// Answers a call that libc would refuse too, with EINVAL in errno.
fn refuse<T>(answer: T) -> T {
    sys::set_errno(Errno(libc::EINVAL));
    answer
}
