//! The file was deleted: the host is asked to end.

use std::ffi::c_int;

use crate::ownership::owned_file::Access;
use crate::ownership::shared;
use crate::ownership::state::{self, Requests};
use crate::pidfile::PidFile;
use crate::report;
use crate::settings::config::Config;
use crate::settings::exec_state;
use crate::sys::{self, procfs};

/// Asks the host to end, since the file was deleted. It is told once: if it calls exec(2) now, it starts afresh.
pub fn terminate(config: &Config) {
    exec_state::forget();
    report::deleted(config);
    kill_host(config.signal);
    expect_end(config);
}

/// Sends the signal first, then drops the file and says so. For who holds the lock of the file.
///
/// The last close of an unlinked file makes the kernel free the inode, which takes up to 85 µs; the
/// message may take longer. Neither is lost: an end that we see waits for the keeper, and the keeper for
/// the lock. Nothing waits after SIGKILL, so there the message goes first.
pub fn terminate_at_once(config: &Config, place: &mut Access<'_>) {
    exec_state::forget();
    if config.signal == libc::SIGKILL {
        report::deleted(config);
    }
    kill_host(config.signal);
    **place = None;
    if config.signal != libc::SIGKILL {
        report::deleted(config);
    }
    expect_end(config);
}

/// Whether the file was deleted, though there is another process's file at its path: that process was started
/// after the deletion, and before anybody looked.
///
/// That is proven if its file is younger than the deletion, or if it is an owner of the same kind: such a one
/// never takes the place of a living owner's file. A file that was renamed over ours proves nothing, nor does
/// one of a descendant of ours, which may have put it there for us.
pub fn was_deleted_before_it_was_replaced(file: &PidFile) -> bool {
    file.successor().is_some_and(|(pid, is_younger)| {
        let is_other = pid != sys::getpid() && procfs::is_running(pid);
        is_other
            && (is_younger || procfs::keeper_in(pid) == Some(true))
            && !procfs::has_ancestor(pid, sys::getpid())
            && !shared::page().is_some_and(|page| page.knows(pid))
    })
}

fn expect_end(config: &Config) {
    if config.kill_after.is_some() {
        state::post(Requests::DELETED);
    }
}

/// To the process, never by raise(3): that would be our own thread, in which all is blocked.
pub fn kill_host(signal: c_int) {
    // SAFETY: the host's own PID.
    unsafe { libc::kill(sys::getpid(), signal) };
}
