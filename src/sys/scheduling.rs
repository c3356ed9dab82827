//! Tells how a process has fared with the scheduler, by /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst).

use std::fs;

use super::{clock, procfs, text};

/// Returns for how long the first thread of a process has had a processor, in nanoseconds.
pub fn cpu_time(pid: libc::pid_t) -> Option<u64> {
    // In ticks, where the kernel keeps no such statistics (CONFIG_SCHED_INFO).
    let in_ticks = || {
        let stat = procfs::stat_of(pid)?;
        let ticks = stat.count(14)? + stat.count(15)?;
        Some(ticks * (1_000_000_000 / clock::ticks_per_second()))
    };
    scheduled(&procfs::path_of(pid, "schedstat"), 0).or_else(in_ticks)
}

/// Returns for how long the first thread of a process has waited for a processor, in nanoseconds; `None` where the kernel keeps
/// no such statistics.
pub fn time_runnable(pid: libc::pid_t) -> Option<u64> {
    scheduled(&procfs::path_of(pid, "schedstat"), 1)
}

/// Returns a number of a file with statistics of the scheduler (Documentation/scheduler/sched-stats.rst).
fn scheduled(path: &str, number: usize) -> Option<u64> {
    let line = fs::read(path).ok()?;
    let mut numbers = line.split(u8::is_ascii_whitespace);
    text::number(numbers.nth(number)?)
}
