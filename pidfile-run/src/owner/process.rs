//! Reads what /proc says of a process, and holds a handle that never means another one.

use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// How often a kernel without pidfd_open(2), before Linux 5.3, is asked whether a process is still there.
const LOOK: Duration = Duration::from_millis(20);

/// A process that stays the same one: where the kernel has pidfds, its PID may be given to another meanwhile.
pub struct Process {
    pub pid: i32,
    fd: Option<OwnedFd>,
    started: Option<u64>,
}

impl Process {
    /// Opens the process that has this PID now; `None` if there is none.
    pub fn open(pid: i32) -> Option<Self> {
        let started = started(pid);
        let fd = match pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()) {
            Ok(fd) => Some(fd),
            Err(Errno::SRCH) => return None,
            // An old kernel, or a sandbox. EINVAL: not the first thread of a process.
            Err(_) => None,
        };
        let process = Self { pid, fd, started };
        process.is_running().then_some(process)
    }

    /// Returns whether it runs: a zombie does not.
    pub fn is_running(&self) -> bool {
        match &self.fd {
            Some(_) => !self.wait(Some(Duration::ZERO)),
            None => is_running(self.pid) && started(self.pid) == self.started,
        }
    }

    /// Sends a signal to this process and no other.
    pub fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        match &self.fd {
            Some(fd) => pidfd_send_signal(fd, signal),
            None if !self.is_running() => Err(Errno::SRCH),
            None => kill_process(Pid::from_raw(self.pid).ok_or(Errno::SRCH)?, signal),
        }
    }

    /// Waits until it has ended, and no longer than this; returns whether it has.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            match &self.fd {
                Some(fd) => {
                    let mut fds = [PollFd::new(fd, PollFlags::IN)];
                    let left = left.and_then(|left| Timespec::try_from(left).ok());
                    match poll(&mut fds, left.as_ref()) {
                        Ok(0) => return false,
                        Ok(_) => return true,
                        Err(_) => {}
                    }
                }
                None if !self.is_running() => return true,
                None if left.is_some_and(|left| left.is_zero()) => return false,
                None => std::thread::sleep(left.map_or(LOOK, |left| left.min(LOOK))),
            }
        }
    }

    /// Returns the descriptor, for a poll together with others.
    pub fn fd(&self) -> Option<&OwnedFd> {
        self.fd.as_ref()
    }
}

/// Returns what is in a file of /proc/PID. It has no size: the room decides how many calls it takes.
fn read(pid: i32, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(8192);
    fs::File::open(format!("/proc/{pid}/{name}"))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the fields of /proc/PID/stat from the state on. The name before may hold anything.
fn stat(pid: i32) -> Option<String> {
    let stat = read(pid, "stat").ok()?;
    let stat = String::from_utf8_lossy(&stat).into_owned();
    stat.rsplit_once(") ").map(|(_, fields)| fields.to_owned())
}

/// Returns whether a process runs: one that is a zombie with further threads still does.
pub fn is_running(pid: i32) -> bool {
    let Some(fields) = stat(pid) else {
        return false;
    };
    let mut fields = fields.split(' ');
    let state = fields.next().unwrap_or("X");
    let threads = fields.nth(16).unwrap_or("1");
    state != "X" && !(state == "Z" && matches!(threads, "0" | "1"))
}

/// Returns when a process was started, in clock ticks since boot.
fn started(pid: i32) -> Option<u64> {
    stat(pid)?.split(' ').nth(19)?.parse().ok()
}

/// Returns for how long a process has been running, in seconds.
pub fn age(pid: i32) -> Option<u64> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let now: u64 = uptime.split('.').next()?.parse().ok()?;
    Some(now.saturating_sub(started(pid)? / rustix::param::clock_ticks_per_second()))
}

/// Returns the command line of a process, in one line and not too long; its name if it has none.
pub fn command(pid: i32) -> String {
    let words = read(pid, "cmdline").unwrap_or_default();
    let words = if words.is_empty() {
        read(pid, "comm").unwrap_or_default()
    } else {
        words
    };
    let line = String::from_utf8_lossy(&words);
    let line: String = line
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(200)
        .collect();
    line.trim_end().to_owned()
}

/// Returns the PID that a process has where it runs: another one in a container.
pub fn inner_pid(pid: i32) -> Option<i32> {
    let status = String::from_utf8(read(pid, "status").ok()?).ok()?;
    let pids = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    pids.split_ascii_whitespace().next_back()?.parse().ok()
}

/// Returns the environment that a process was started with.
///
/// # Errors
///
/// Whoever may not see it gets EACCES or EPERM.
pub fn environment(pid: i32) -> io::Result<Vec<Vec<u8>>> {
    let block = read(pid, "environ")?;
    Ok(block.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
}

/// Returns whether one of the process's threads has a descriptor through which it holds the flock(2) on the file with
/// this inode; `None` if that may not be seen.
pub fn has_lock_open(pid: i32, inode: u64) -> Option<bool> {
    let mut seen = false;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let Ok(descriptors) = fs::read_dir(task.path().join("fdinfo")) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let Ok(info) = fs::read_to_string(descriptor.path()) else {
                continue;
            };
            seen = true;
            let ending = format!(":{inode} 0 EOF");
            let holds = info.lines().any(|line| {
                line.starts_with("lock:") && line.contains("FLOCK") && line.ends_with(&ending)
            });
            if holds {
                return Some(true);
            }
        }
    }
    seen.then_some(false)
}
