//! Recognizes a process that was started without `LIBPIDFILE_MARK` by an owner that is about to end.
//!
//! As long as the owner has its file such a child is known by its ancestor, see [`crate::settings::exec_state`]. Between
//! the removal of the file and the end of the owner its parent runs our keeper still, and has the same setting. When the
//! owner is gone and has left its file, the file may name the leader of the child's process group or session: see
//! [`crate::pidfile::acquire`]. No more is known: that its parent has ended is no evidence, since `(legacy &)` in a script
//! starts like that.

use crate::pidfile::instance;
use crate::sys::{self, procfs, records};

/// Returns whether the parent of this process is an owner that has the same setting.
pub fn has_owner_as_parent(setting: &[u8]) -> bool {
    let parent = sys::getppid();
    // What most parents are known by is the cheapest to see.
    if !procfs::has_threads(parent) || !instance::has_keeper(parent) {
        return false;
    }
    let environment = procfs::path_of(parent, "environ");
    let is_set =
        |name| records::record(&environment, 0, name).is_some_and(|value| value == setting);
    is_set(b"PIDFILE=") || is_set(b"PIDFILE_PATH=")
}
