//! Tells what a process is to the owner, by what the kernel says: its daemon, a worker, a helper.

use std::time::Duration;

use crate::handover::lineage;
use crate::ownership::candidate::Claimant;
use crate::ownership::shared::LAUNCH;
use crate::ownership::state;
use crate::sys::{self, clock, procfs, scheduling};

/// How long a session leader lives at most after it has forked the child that takes its place (double fork). What both have
/// waited for a processor does not count. A daemon lives longer after its first child, or both have used more CPU time.
pub const AT_ONCE: Duration = Duration::from_secs(1);

/// What kind of process an owner is that exits, by the signals it handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// No handler for a signal by which one ends programs: the owner may be a launcher.
    Plain,
    /// A handler for SIGINT or SIGQUIT, or a wait for one of them.
    OfInteractive,
    /// A handler for SIGTERM, or a wait for it.
    OfService,
}

/// Returns whether a process that gave up root before its session is the daemon that this launcher was started for. The
/// daemon is a child of this process and the same program still. The launcher has no handler for SIGTERM, and ends soon
/// after its start. All of that is the kernel's word, or memory of this process alone. So a worker of a service that
/// has run for a while never gets a descriptor of root's.
pub fn is_daemon_of_a_launcher(pid: libc::pid_t, ending: Ending) -> bool {
    ending != Ending::OfService
        && state::owner_age() <= LAUNCH
        && is_child(pid)
        && procfs::is_as_forked(pid)
}

/// Returns whether a process of fewer rights is a daemon that has given up root, and not a worker. A daemon is outside of
/// this process's session, or the only child of a launcher that has begun the session itself.
pub fn is_daemon_of_fewer_rights(pid: libc::pid_t) -> bool {
    let [theirs, ours] = [pid, sys::getpid()].map(procfs::session);
    theirs.is_some() && theirs != ours
        || lineage::forked_as_leader() == Some(1) && !procfs::is_as_forked(pid)
}

/// Returns for how long a process has been a candidate.
pub fn age_of(claimant: &Claimant) -> Duration {
    clock::age(claimant.since)
}

/// Returns whether this process, a session leader that has begun to end at `since`, has forked `child` to take its place: then it
/// ends [`AT_ONCE`] after that. One without a handler for a signal is no service yet, and has [`LAUNCH`].
pub fn is_left_at_once(child: &Claimant, ending: Ending, since: u64) -> bool {
    const ONCE: u64 = AT_ONCE.as_nanos() as u64;
    let age = since.saturating_sub(child.since);
    let is_launch = age <= LAUNCH.as_nanos() as u64;
    if age <= ONCE || ending == Ending::Plain {
        return is_launch;
    }
    let of_both = |time: fn(libc::pid_t) -> Option<u64>| {
        time(sys::getpid()).unwrap_or(0) + time(child.pid).unwrap_or(0)
    };
    let waited = of_both(scheduling::time_runnable);
    let used = of_both(scheduling::cpu_time);
    is_launch && age.saturating_sub(waited) <= ONCE && used <= ONCE
}

/// Returns whether a process is a child of this one.
pub fn is_child(pid: libc::pid_t) -> bool {
    procfs::parent(pid) == Some(sys::getpid())
}

/// Returns whether a process has called exec(2), and runs another program than this one.
pub fn is_another_program(pid: libc::pid_t) -> bool {
    !procfs::is_as_forked(pid) && procfs::program(pid) != procfs::program(sys::getpid())
}

/// Returns whether this process is nothing but a launcher: it leaves soon after its daemon has begun its session.
pub fn is_launcher(daemon: &Claimant, ending: Ending) -> bool {
    ending != Ending::OfService && age_of(daemon) <= LAUNCH
}
