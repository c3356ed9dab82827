//! What the kernel tells about a process. A process that has gone has nothing of anything.

use super::process::Process;
use super::wait::wait_asking_every;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn numbers_in(dir: String) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut numbers: Vec<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// The descriptors in the host's own table, and what each leads to.
pub fn fds_of(pid: i32) -> BTreeMap<i32, PathBuf> {
    numbers_in(format!("/proc/{pid}/fd"))
        .into_iter()
        .filter_map(|fd| Some((fd, fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?)))
        .collect()
}

/// All threads, the first one included.
pub fn tasks_of(pid: i32) -> Vec<i32> {
    numbers_in(format!("/proc/{pid}/task"))
}

/// The threads beside the first one. In a host with one thread these are ours.
pub fn extra_tasks_of(pid: i32) -> Vec<i32> {
    let mut tasks = tasks_of(pid);
    tasks.retain(|task| *task != pid);
    tasks
}

/// The library's own thread that has the file, or waits for it; none before it has its name.
pub fn find_keeper(pid: i32) -> Option<i32> {
    let is_keeper = |task: &i32| {
        let name = fs::read_to_string(format!("/proc/{pid}/task/{task}/comm"));
        name.is_ok_and(|name| name.trim_end() == "libpidfile")
    };
    extra_tasks_of(pid).into_iter().find(is_keeper)
}

/// The same of a process that has one.
#[track_caller]
pub fn keeper_of(pid: i32) -> i32 {
    find_keeper(pid).expect("there is a keeper, the library's own thread")
}

/// The children of all its threads.
pub fn children_of(pid: i32) -> Vec<i32> {
    tasks_of(pid)
        .into_iter()
        .filter_map(|task| fs::read_to_string(format!("/proc/{pid}/task/{task}/children")).ok())
        .flat_map(|children| {
            let children = children.split_ascii_whitespace();
            children
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

/// One line of `/proc/TASK/status`, without its name; empty if there is none. `task` is any thread of any process.
pub fn status_line(task: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{task}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// How often these threads have run and stopped running, all together.
pub fn context_switches(tasks: &[i32]) -> u64 {
    tasks
        .iter()
        .flat_map(|task| {
            ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"]
                .map(|name| status_line(*task, name).parse().unwrap_or(0))
        })
        .sum()
}

/// For how long these threads have run so far, all together, in nanoseconds.
pub fn processor_time(tasks: &[i32]) -> u64 {
    tasks
        .iter()
        .filter_map(|task| {
            let times = fs::read_to_string(format!("/proc/{task}/schedstat")).ok()?;
            times.split_ascii_whitespace().next()?.parse::<u64>().ok()
        })
        .sum()
}

/// Whether the process runs. One that has ended and that nobody has waited for does not.
pub fn is_alive(pid: i32) -> bool {
    !matches!(
        status_line(pid, "State").chars().next(),
        None | Some('Z' | 'X')
    )
}

/// Waits until no thread of the process has run for a good while: it has started, and all that was to happen happened.
#[track_caller]
pub fn wait_until_idle(host: &Process) {
    wait_until_still(|| tasks_of(host.pid()));
}

/// The same for its first thread alone. Ours run whenever somebody reads the file.
#[track_caller]
pub fn wait_until_main_thread_is_idle(pid: i32) {
    wait_until_still(|| vec![pid]);
}

#[track_caller]
fn wait_until_still(tasks: impl Fn() -> Vec<i32>) {
    /// A host that polls once a second is idle in between. On a slow machine a hundred looks would take longer.
    const STILL: Duration = Duration::from_millis(100);
    let (mut last, mut looks, mut since) = (0, 0, Instant::now());
    wait_asking_every(
        Duration::from_millis(1),
        || {
            let now = context_switches(&tasks());
            looks += 1;
            if now != last {
                (last, looks, since) = (now, 0, Instant::now());
            }
            looks >= 5 && since.elapsed() >= STILL
        },
        "the process is idle",
    );
}

/// One bit per blocked signal, signal 1 lowest.
pub fn blocked_signals(task: i32) -> u64 {
    u64::from_str_radix(&status_line(task, "SigBlk"), 16).unwrap_or(0)
}

/// Whether the process has a handler for the signal.
pub fn catches(pid: i32, signal: i32) -> bool {
    let caught = u64::from_str_radix(&status_line(pid, "SigCgt"), 16).unwrap_or(0);
    caught & (1 << (signal - 1)) != 0
}

/// The size of the address space, in KiB.
pub fn address_space(pid: i32) -> u64 {
    let size = status_line(pid, "VmSize");
    size.trim_end_matches("kB").trim().parse().unwrap_or(0)
}

/// The memory that nobody shares with it and that it has written to, in KiB. What it maps of a file as it is, is not: in a
/// machine whose root lies in memory no file was ever written to a disk.
pub fn private_dirty(pid: i32) -> u64 {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap_or_default();
    let (mut all, mut counted) = (0, "");
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        if !name.ends_with(':') {
            let is_file = words.nth(4).is_some_and(|path| path.starts_with('/'));
            let is_file = is_file && !line.ends_with("(deleted)");
            counted = if is_file {
                "Anonymous:"
            } else {
                "Private_Dirty:"
            };
        } else if name == counted {
            let size = words.next().and_then(|size| size.parse().ok());
            all += size.unwrap_or(0);
        }
    }
    all
}

/// Whether some thread holds an inotify watch: a deletion from now on is an event.
pub fn is_watching(pid: i32) -> bool {
    tasks_of(pid).into_iter().any(|task| {
        let dir = format!("/proc/{pid}/task/{task}/fdinfo");
        numbers_in(dir.clone()).into_iter().any(|fd| {
            fs::read_to_string(format!("{dir}/{fd}")).is_ok_and(|info| info.contains("inotify wd:"))
        })
    })
}

/// The flags with which a process has a file open (open(2)), in the tables of all its threads.
pub fn flags_of_descriptors(pid: i32, path: &Path) -> Vec<i32> {
    let mut found = Vec::new();
    for task in tasks_of(pid) {
        let table = format!("/proc/{pid}/task/{task}");
        for fd in numbers_in(format!("{table}/fd")) {
            let leads_there = fs::read_link(format!("{table}/fd/{fd}"))
                .is_ok_and(|link| link.to_string_lossy().starts_with(&*path.to_string_lossy()));
            let info = fs::read_to_string(format!("{table}/fdinfo/{fd}")).unwrap_or_default();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
            if let Some(flags) = flags.filter(|_| leads_there) {
                found.push(i32::from_str_radix(flags.trim(), 8).unwrap());
            }
        }
    }
    found
}
