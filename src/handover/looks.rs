//! Tells from several looks in a row whether a child is on its way to a session, or has come to rest.
//!
//! Looks are counted, and not seconds: a machine that gives a child no processor does not decide who inherits. A launcher
//! ends within a millisecond of its fork, before its daemon has called setsid(2). Shown by
//! `handover/daemonizing::launcher_exiting_at_once_hands_over` and the tests in `tests/handover/resting.rs`.

use std::time::Duration;

use crate::ownership::candidate::Claimant;
use crate::ownership::child::Progress;
use crate::ownership::children::CHILDREN;
use crate::ownership::shared::{LAUNCH, SharedState};
use crate::sys::futex::POLL_INTERVAL;
use crate::sys::{self, clock, procfs, scheduling};

/// Pause between two looks at children that have not decided.
pub const LOOK: Duration = POLL_INTERVAL.saturating_mul(5);

/// How many looks in a row find a child not running until it counts as at rest. On its way to a session, or to its end, a
/// child is busy.
pub const REST: u32 = 20;
/// How many looks in a row find a child in uninterruptible sleep until it counts as at rest. A busy disk may take that
/// long.
const BLOCKED: u32 = 60;
/// CPU time in nanoseconds above which a child counts as at work: on its way to a session it uses less.
const AT_WORK: u64 = 50_000_000;
/// How many looks find it running until then. A machine that is slow, or has none of its own processors for long, counts as CPU
/// time what it takes: there a child uses as much before its session, and the owner hardly looks.
const WORKING: u32 = 20;
/// How many looks a fork(2) that is under way gets while the first thread of its process sleeps or is stopped: another thread
/// forks.
const FORKING: u32 = 50;

/// What was seen of children that have not decided.
pub struct Looks {
    /// In a row, how often the child in a place did not run, and which child that was.
    at_rest: [(libc::pid_t, u32); CHILDREN],
    /// In all, how often it ran.
    at_work: [(libc::pid_t, u32); CHILDREN],
    /// In a row, how often a child that has forked a candidate did not run, and which child that was.
    between: (libc::pid_t, u32),
    /// In a row, how often a successor had no keeper, and was not about to have one.
    pub alone: u32,
    /// In a row, how often none of several leaders was on its way.
    together: u32,
    /// Whether the last look has given up a child that does not sleep of its own accord: it is stopped, waits for a disk, or is
    /// being forked. It may yet begin a session.
    pub is_any_held_up: bool,
    /// Whether the last look has found a fork(2) under way in a process that runs.
    pub is_any_forking: bool,
}

impl Looks {
    /// Begins with nothing seen.
    pub fn new() -> Self {
        Self {
            at_rest: [(0, 0); CHILDREN],
            at_work: [(0, 0); CHILDREN],
            between: (0, 0),
            alone: 0,
            together: 0,
            is_any_held_up: false,
            is_any_forking: false,
        }
    }

    /// Returns whether all of these have come to rest, or to their work: a helper may yet call exec(2).
    pub fn are_settled<'a>(&mut self, mut claimants: impl Iterator<Item = &'a Claimant>) -> bool {
        let is_on_its_way = |leader: &Claimant| {
            procfs::is_as_forked(leader.pid)
                && !has_worked(leader.pid)
                && procfs::has_busy_thread(leader.pid)
        };
        let is_any = claimants.any(is_on_its_way);
        self.together = if is_any { 0 } else { self.together + 1 };
        self.together >= REST
    }

    /// Looks at all children once. Returns whether one may still be on its way to a session.
    pub fn are_pending(&mut self, shared: &SharedState) -> bool {
        let mut are_pending = false;
        self.is_any_held_up = false;
        self.is_any_forking = false;
        for (place, progress, born) in shared.children.undecided() {
            let counters = (self.at_rest.get_mut(place), self.at_work.get_mut(place));
            let (Some(at_rest), Some(at_work)) = counters else {
                continue;
            };
            let at_rest = count(at_rest, progress.pid());
            *at_rest += 1;
            let is_pending = match progress {
                // For a large process the kernel takes a while, in which that one runs.
                Progress::Expected(forking) => {
                    if forking != sys::getpid() && procfs::is_busy(forking) {
                        *at_rest = 0;
                        self.is_any_forking = true;
                    }
                    *at_rest < FORKING
                }
                // On a busy machine that takes a while. One that was ended before never tells.
                Progress::Unseen => clock::age(born) <= LAUNCH,
                Progress::Undecided(pid) if !procfs::is_as_forked(pid) => {
                    shared.children.forget(place, progress);
                    true
                }
                Progress::Undecided(pid) if procfs::is_runnable(pid) => {
                    *at_rest = 0;
                    let at_work = count(at_work, pid);
                    *at_work += 1;
                    *at_work < WORKING || !has_worked(pid)
                }
                // It reads or writes a disk, or waits in vfork(2).
                Progress::Undecided(pid) if procfs::is_blocked(pid) => *at_rest < BLOCKED,
                Progress::Undecided(_) => *at_rest < REST,
                Progress::Deciding(pid) if !procfs::is_running(pid) => {
                    shared.children.forget(place, progress);
                    false
                }
                // It starts a thread, and waits for that.
                Progress::Deciding(pid) if !procfs::is_stopped(pid) => {
                    *at_rest = 0;
                    true
                }
                Progress::Deciding(_) => *at_rest < REST,
            };
            are_pending |= is_pending;
            self.is_any_held_up |= !is_pending
                && match progress {
                    Progress::Expected(_) => true,
                    Progress::Unseen => false,
                    // Also one that has just moved on.
                    Progress::Undecided(pid) => {
                        procfs::is_as_forked(pid)
                            && procfs::is_running(pid)
                            && !procfs::is_asleep(pid)
                            && !has_worked(pid)
                    }
                    Progress::Deciding(pid) => procfs::is_running(pid),
                };
        }
        are_pending
    }

    /// Looks at a child that has forked a candidate. Returns whether it may be about to leave: one that has come to rest
    /// stays, as a worker that has a session below it.
    pub fn may_leave(&mut self, between: libc::pid_t) -> bool {
        let at_rest = count(&mut self.between, between);
        // One that ends does not sleep.
        let rests = procfs::is_asleep(between) || procfs::is_stopped(between);
        *at_rest = if rests { *at_rest + 1 } else { 0 };
        *at_rest < REST
    }
}

/// Returns whether a process has used as much CPU time as one that is at work.
fn has_worked(pid: libc::pid_t) -> bool {
    scheduling::cpu_time(pid).is_some_and(|time| time >= AT_WORK)
}

/// Returns the counter for a process, which begins anew if it was another's.
fn count(seen: &mut (libc::pid_t, u32), pid: libc::pid_t) -> &mut u32 {
    if seen.0 != pid {
        *seen = (pid, 0);
    }
    &mut seen.1
}
