//! Sends the host a signal, because the file was deleted.

use std::ffi::c_int;

use crate::ownership::candidates::confirmed;
use crate::ownership::owned_file::Access;
use crate::ownership::shared::shared_state;
use crate::ownership::state::{self, Requests};
use crate::pidfile::{PidFile, instance};
use crate::report;
use crate::settings::config::Config;
use crate::settings::exec_state;
use crate::sys::{self, procfs};

/// Reports the deletion and sends the signal. That happens once: if the host calls exec(2) now, it starts afresh.
pub fn terminate(config: &Config) {
    exec_state::forget();
    report::deleted(config);
    kill_host(config.signal);
    expect_end(config);
}

/// Sends the signal, then closes the file and reports the deletion.
///
/// Closing an unlinked file makes the kernel free the inode, which took 35 to 85 µs when it was measured; the message may
/// take longer. Both are done before the host is gone, since each end of the host waits for the keeper. Nothing waits after
/// SIGKILL, so there the message goes first. A host that calls exec(2) just then ends the keeper too: without the message.
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

/// Returns whether the file was deleted although another process's file is at its path: a new instance was started between
/// the deletion and this look.
///
/// That is proven if the new file is younger than the deletion. It is also proven if its process is an owner with this
/// library, which never replaces the file of a living owner. A file that was renamed over ours proves nothing, nor does
/// one of a descendant, which may have put it there for the host.
pub fn was_deleted_before_it_was_replaced(file: &PidFile) -> bool {
    file.successor().is_some_and(|(pid, is_younger)| {
        let is_other = pid != sys::getpid() && procfs::is_running(pid);
        is_other
            && (is_younger || instance::keeper_in(pid) == Some(true))
            && !procfs::has_ancestor(pid, sys::getpid())
            && shared_state().is_none_or(|shared| confirmed(&shared.candidates, pid).is_none())
    })
}

/// Has the keeper send SIGKILL later, if the settings say so.
fn expect_end(config: &Config) {
    if config.kill_after.is_some() {
        state::post(Requests::DELETED);
    }
}

/// Sends a signal to this process. raise(3) would send it to the calling thread, which is ours and blocks it.
pub fn kill_host(signal: c_int) {
    // SAFETY: kill(2) takes numbers only.
    unsafe { libc::kill(sys::getpid(), signal) };
}
