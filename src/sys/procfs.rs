//! Processes, as far as kill(2) and the files in /proc/PID (proc(5)) tell of them.
//!
//! /proc may not be mounted, or hide the processes of others (hidepid=): each function says what it returns then.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};

use super::fs::{FileId, numbers_in, read_once, stat};
use super::{Errno, errno};

/// The line in /proc/PID/stat: what the kernel tells of a process or a thread.
pub struct Stat {
    bytes: [u8; Stat::LONGEST],
    length: usize,
}

impl Stat {
    /// In bytes: 52 fields of at most 20 digits with a blank each, and a name.
    const LONGEST: usize = 1200;

    /// Reads the line from a file.
    ///
    /// # Errors
    ///
    /// There is no such process, or no /proc.
    pub fn read(path: &str) -> io::Result<Self> {
        let mut bytes = [0; Self::LONGEST];
        let length = read_once(&CString::new(path)?, &mut bytes);
        Ok(Self {
            bytes,
            length: length?,
        })
    }

    /// Reads the line of a process; `None` if there is none, or no /proc.
    fn of(pid: libc::pid_t) -> Option<Self> {
        Self::read(&format!("/proc/{pid}/stat")).ok()
    }

    /// Returns a field by its number in proc(5), from 3 on. The name in field 2 may contain blanks, parentheses, and bytes
    /// that are no text, so the fields are counted from the last parenthesis.
    pub fn field(&self, number: usize) -> Option<&[u8]> {
        let line = &self.bytes[..self.length];
        let name_end = line.iter().rposition(|&byte| byte == b')')?;
        let fields = line[name_end + 1..].split(u8::is_ascii_whitespace);
        let mut fields = fields.filter(|field| !field.is_empty());
        fields.nth(number.checked_sub(3)?)
    }

    /// Returns the number in a field.
    pub fn count(&self, number: usize) -> Option<u64> {
        std::str::from_utf8(self.field(number)?).ok()?.parse().ok()
    }

    /// Returns whether the process or thread is a zombie, or about to vanish.
    pub fn has_ended(&self) -> bool {
        matches!(self.field(3), Some(b"Z" | b"X"))
    }

    /// Returns the number of threads of the process.
    pub fn threads(&self) -> Option<u64> {
        self.count(20)
    }

    /// Returns whether the thread waits for an event that a signal can interrupt.
    fn is_asleep(&self) -> bool {
        self.field(3) == Some(b"S")
    }

    /// Returns whether a thread of the process is left. A main thread that has ended is a zombie while others run on.
    fn is_running(&self) -> bool {
        !self.has_ended() || self.threads().is_some_and(|threads| threads > 1)
    }

    /// Returns the PID of the parent.
    fn parent(&self) -> Option<libc::pid_t> {
        self.count(4)?.try_into().ok()
    }

    /// Returns when the process started, in clock ticks since boot.
    fn started(&self) -> Option<u64> {
        self.count(22)
    }
}

/// Returns whether `is_it` holds for a line of a file; false without the file. It may be larger than our heap, so it is looked
/// through, and what is beyond 1 KiB of a line is left out.
pub fn any_line(path: &str, mut is_it: impl FnMut(&str) -> bool) -> bool {
    const LONGEST: u64 = 1024;
    let Ok(file) = File::open(path) else {
        return false;
    };
    let mut file = BufReader::with_capacity(4096, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = file.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        match read {
            Ok(1..) if std::str::from_utf8(&line).is_ok_and(&mut is_it) => return true,
            Ok(1..) => {}
            _ => return false,
        }
    }
}

/// Returns the rest of the first record of a file that begins with `name`: a line in /proc/PID/status, a variable in
/// /proc/PID/environ. `None` if there is none, or if it is longer than a page. The file is read in pieces, because it may
/// be larger than our heap.
pub fn record(path: &str, delimiter: u8, name: &[u8]) -> Option<Vec<u8>> {
    /// In bytes: one page.
    const LONGEST: u64 = 4096;
    let mut file = BufReader::with_capacity(4096, File::open(path).ok()?);
    let mut record = Vec::new();
    loop {
        record.clear();
        let mut start = file.by_ref().take(LONGEST);
        if start.read_until(delimiter, &mut record).ok()? == 0 {
            return None;
        }
        let is_whole = record.pop_if(|last| *last == delimiter).is_some();
        if record.starts_with(name) {
            return is_whole.then(|| record.split_off(name.len()));
        }
        if !is_whole {
            file.skip_until(delimiter).ok()?;
        }
    }
}

/// Returns whether a process of this PID exists. A zombie does.
pub fn is_alive(pid: libc::pid_t) -> bool {
    // SAFETY: kill(2) takes numbers only, and sends nothing for signal 0.
    pid > 0 && (unsafe { libc::kill(pid, 0) } == 0 || errno() == Errno(libc::EPERM))
}

/// Returns whether a process of this PID exists and is no zombie. Without /proc a zombie counts as running.
pub fn is_running(pid: libc::pid_t) -> bool {
    is_alive(pid) && Stat::of(pid).is_none_or(|stat| stat.is_running())
}

/// Returns whether `pid` is running and started no later than `latest` (clock ticks since boot): a later start means that
/// the PID was used again. Without /proc any process of that PID counts.
pub fn is_running_since(pid: libc::pid_t, latest: u64) -> bool {
    let is_it = |stat: Stat| stat.is_running() && stat.started().is_none_or(|at| at <= latest);
    is_alive(pid) && Stat::of(pid).is_none_or(is_it)
}

/// Returns whether a process is running and has not called exec(2) since it was forked. Without /proc any process of that
/// PID counts.
pub fn is_as_forked(pid: libc::pid_t) -> bool {
    /// PF_FORKNOEXEC (include/linux/sched.h): forked, and has not called exec(2).
    const FORKED: u64 = 0x40;
    let has_called_exec = |stat: &Stat| {
        // gVisor shows no flags.
        let flags = stat.count(9).filter(|flags| *flags != 0);
        flags.is_some_and(|flags| flags & FORKED == 0)
    };
    is_alive(pid) && Stat::of(pid).is_none_or(|stat| stat.is_running() && !has_called_exec(&stat))
}

/// Returns whether the main thread of a process sleeps until something happens; false without /proc.
pub fn is_asleep(pid: libc::pid_t) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.is_asleep())
}

/// Returns whether the only thread of a process sleeps until something happens; false without /proc.
pub fn is_asleep_alone(pid: libc::pid_t) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.is_asleep() && stat.threads() == Some(1))
}

/// Returns whether the first thread of a process runs, or would if it had a processor.
pub fn is_runnable(pid: libc::pid_t) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.field(3) == Some(b"R"))
}

/// Returns whether the first thread of a process waits for an event that no signal can interrupt, as a disk.
pub fn is_blocked(pid: libc::pid_t) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.field(3) == Some(b"D"))
}

/// Returns whether a process is stopped, by a signal or by a tracer.
pub fn is_stopped(pid: libc::pid_t) -> bool {
    Stat::of(pid).is_some_and(|stat| matches!(stat.field(3), Some(b"T" | b"t")))
}

/// Returns for how long the first thread of a process has had a processor, in nanoseconds.
pub fn cpu_time(pid: libc::pid_t) -> Option<u64> {
    // In ticks, where the kernel keeps no such statistics (CONFIG_SCHED_INFO).
    let in_ticks = || {
        let stat = Stat::of(pid)?;
        let ticks = stat.count(14)? + stat.count(15)?;
        Some(ticks * (1_000_000_000 / super::clock::ticks_per_second()))
    };
    let line = fs::read(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let first = line.split(u8::is_ascii_whitespace).next();
    let time = first.and_then(|first| std::str::from_utf8(first).ok()?.parse().ok());
    time.or_else(in_ticks)
}

/// Returns the session of a process.
pub fn session(pid: libc::pid_t) -> Option<libc::pid_t> {
    Stat::of(pid)?.count(6)?.try_into().ok()
}

/// Returns the effective user of the first thread of a process.
pub fn user(pid: libc::pid_t) -> Option<libc::uid_t> {
    let line = record(&format!("/proc/{pid}/status"), b'\n', b"Uid:")?;
    let line = String::from_utf8(line).ok()?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Returns whether the first thread of a process blocks a signal.
pub fn blocks(pid: libc::pid_t, signal: libc::c_int) -> bool {
    let mask = record(&format!("/proc/{pid}/status"), b'\n', b"SigBlk:");
    let mask = mask.and_then(|mask| String::from_utf8(mask).ok());
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// Returns what a process runs: device and inode.
pub fn program(pid: libc::pid_t) -> Option<FileId> {
    let path = CString::new(format!("/proc/{pid}/exe")).ok()?;
    stat(&path).ok().as_ref().map(FileId::from)
}

/// Returns when a process started, in clock ticks since boot; `None` if there is none, or no /proc.
pub fn started(pid: libc::pid_t) -> Option<u64> {
    Stat::of(pid)?.started()
}

/// Returns the number of threads in this process, with those of this library.
///
/// # Errors
///
/// No /proc.
pub fn thread_count() -> io::Result<usize> {
    // Not by listing the threads: opendir(3) allocates from the host's malloc.
    let count = Stat::read("/proc/self/stat")?.threads();
    let count = count.and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Returns the number of threads of this process, by one system call; `None` where /proc does not tell.
///
/// Async-signal-safe.
pub fn threads() -> Option<usize> {
    // The directory has a link for each (fs/proc/base.c, proc_task_getattr), beside the two that any directory has.
    let links = stat(c"/proc/self/task").ok()?.st_nlink;
    usize::try_from(links).ok()?.checked_sub(2)
}

/// Returns the parent of a process, or its reaper if the parent has ended; `None` if there is no such process, or no
/// /proc.
pub fn parent(pid: libc::pid_t) -> Option<libc::pid_t> {
    Stat::of(pid)?.parent()
}

/// Returns whether `pid` is an ancestor of this process. Without /proc only the parent is known.
pub fn descends_from(pid: libc::pid_t) -> bool {
    // SAFETY: getppid(2) takes no argument and always succeeds.
    has_ancestor(unsafe { libc::getppid() }, pid)
}

/// Returns whether `pid` is `process` itself or an ancestor of it, as far as /proc shows.
pub fn has_ancestor(process: libc::pid_t, pid: libc::pid_t) -> bool {
    let mut ancestor = process;
    // The chain ends at PID 1, but it may change while it is read: so there is a limit to it.
    for _ in 0..1000 {
        if ancestor == pid {
            return true;
        }
        match parent(ancestor) {
            Some(parent) if parent > 0 => ancestor = parent,
            _ => break,
        }
    }
    false
}

/// The name of our keeper's thread (pthread_setname_np(3)).
pub const KEEPER: &CStr = c"libpidfile";

/// Returns whether a process has a keeper; true if that cannot be seen.
pub fn has_keeper(pid: libc::pid_t) -> bool {
    keeper_in(pid).unwrap_or(true)
}

/// Returns whether the main thread of a process has this name (prctl(2), PR_SET_NAME).
pub fn is_named(pid: libc::pid_t, name: &[u8]) -> bool {
    fs::read(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_ascii_end() == name)
}

/// Returns whether a process has more than one thread; false if that cannot be seen.
pub fn has_threads(pid: libc::pid_t) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.threads() > Some(1))
}

/// Returns whether a process has a keeper; `None` if that cannot be seen.
pub fn keeper_in(pid: libc::pid_t) -> Option<bool> {
    let threads = CString::new(format!("/proc/{pid}/task")).unwrap_or_default();
    let threads = numbers_in(&threads).ok()?;
    let name_of = |thread| fs::read(format!("/proc/{pid}/task/{thread}/comm"));
    let mut names = threads.into_iter().flat_map(name_of);
    Some(names.any(|name| name.trim_ascii_end() == KEEPER.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::now;
    use crate::sys::futex::pause;
    use crate::sys::proptest_config::same_each_time;
    use proptest::prelude::*;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    fn stat_of(line: &[u8]) -> Stat {
        let mut bytes = [0; Stat::LONGEST];
        let length = line.len().min(bytes.len());
        bytes[..length].copy_from_slice(&line[..length]);
        Stat { bytes, length }
    }

    proptest! {
        #![proptest_config(same_each_time())]

        #[test]
        fn stat_with_any_name_is_parsed(
            name: [u8; 15],
            state in "[RSDZTtXI]",
            start: u64,
            rest in "( [0-9]{1,20}){0,30}",
        ) {
            let before = b" 4711 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 ";
            let stat = [b"9 (", &name[..], b") ", state.as_bytes(), before].concat();
            let stat = [&stat[..], start.to_string().as_bytes(), rest.as_bytes(), b"\n"].concat();
            let stat = stat_of(&stat);
            prop_assert_eq!(stat.has_ended(), state == "Z" || state == "X");
            prop_assert_eq!(stat.count(4), Some(4711));
            prop_assert_eq!(stat.threads(), Some(3));
            prop_assert_eq!(stat.started(), Some(start));
        }

        #[test]
        fn stat_of_other_bytes_has_no_fields(line: Vec<u8>, number: usize) {
            let stat = stat_of(&line);
            let field = stat.field(number);
            prop_assert!(field.is_none() || number >= 3 && line.contains(&b')'));
            prop_assert!(stat.count(number).is_none() || field.is_some());
        }
    }

    #[test]
    fn zombie_is_alive_but_does_not_run() {
        let rename = "printf '\\377) R \\377' >/proc/$$/comm; kill -STOP $$; exit";
        let mut child = Command::new("sh")
            .args(["-c", rename])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = child.id() as libc::pid_t;
        let state = |wanted: &[u8]| {
            let end = now() + Duration::from_secs(30);
            loop {
                let stat = Stat::of(pid).unwrap();
                if stat.field(3) == Some(wanted) {
                    return;
                }
                assert!(now() < end, "{}", String::from_utf8_lossy(&stat.bytes));
                pause(Duration::from_millis(1));
            }
        };
        state(b"T");
        assert!(is_running(pid));
        assert!(started(pid).is_some());
        // SAFETY: plain call; it is our child until it is waited for.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        state(b"Z");
        assert!(is_alive(pid) && !is_running(pid));
        child.wait().unwrap();
        assert!(!is_alive(pid) && !is_running(pid));
        assert_eq!(started(pid), None);
    }
}
