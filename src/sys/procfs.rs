//! Asks kill(2) and the files in /proc/PID (proc(5)) about processes.
//!
//! /proc may not be mounted, or hide the processes of others (hidepid=): each function says what it returns then.

use std::ffi::CString;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

use super::directory::numbers_in;
use super::fs::{FileId, stat};
use super::proc_stat::Stat;
use super::records::record;
use super::{Errno, errno};

/// The process of which is known whether /proc shows its PIDs: it, or minus it if /proc shows other ones.
static ASKED: AtomicI32 = AtomicI32::new(0);

/// Returns the path of a file in /proc of a process. Where /proc shows the PIDs of another namespace (unshare(1) with `--pid`, and
/// without `--mount-proc`) it is an empty path, as if there were no /proc.
pub fn path_of(pid: libc::pid_t, file: &str) -> String {
    let process = super::getpid();
    if pid == process {
        return format!("/proc/self/{file}");
    }
    let known = ASKED.load(Ordering::SeqCst);
    let known = if known.abs() == process {
        known
    } else {
        let asked = if shows_pid(process) {
            process
        } else {
            -process
        };
        ASKED.store(asked, Ordering::SeqCst);
        asked
    };
    if known > 0 {
        format!("/proc/{pid}/{file}")
    } else {
        String::new()
    }
}

/// Forgets what the parent knew of /proc: a child may be in another PID namespace, and have the same PID there.
///
/// Context: forked child.
pub fn renew() {
    ASKED.store(0, Ordering::SeqCst);
}

/// Returns whether /proc knows this process by its PID; true where that cannot be seen.
fn shows_pid(process: libc::pid_t) -> bool {
    let mut target = [0_u8; 16];
    // SAFETY: the path is a C string, and `target` is writable for as many bytes as the call is told.
    let length = unsafe {
        let room = target.as_mut_ptr().cast();
        libc::readlink(c"/proc/self".as_ptr(), room, target.len())
    };
    match usize::try_from(length)
        .ok()
        .and_then(|length| target.get(..length))
    {
        Some(shown) => shown == process.to_string().as_bytes(),
        // A process that /proc does not show at all.
        None => errno() != Errno(libc::ENOENT),
    }
}

/// Reads the line of a process; `None` if there is none, or no /proc.
pub fn stat_of(pid: libc::pid_t) -> Option<Stat> {
    Stat::read(&path_of(pid, "stat")).ok()
}

/// Returns whether a process of this PID exists. A zombie does.
pub fn is_alive(pid: libc::pid_t) -> bool {
    // SAFETY: kill(2) takes numbers only, and sends nothing for signal 0.
    pid > 0 && (unsafe { libc::kill(pid, 0) } == 0 || errno() == Errno(libc::EPERM))
}

/// Returns whether a process of this PID exists and is no zombie. Without /proc a zombie counts as running.
pub fn is_running(pid: libc::pid_t) -> bool {
    is_alive(pid) && stat_of(pid).is_none_or(|stat| stat.is_running())
}

/// Returns whether a process runs its program. One that ends does not: the kernel closes what it has open, and frees its memory,
/// which takes seconds where there is much of it. True where that cannot be seen. Not async-signal-safe: uses the heap.
pub fn has_not_begun_to_end(pid: libc::pid_t) -> bool {
    let runs = |stat: Result<&Stat, &io::Error>| match stat {
        Ok(stat) => !stat.is_ending(),
        // One that vanishes meanwhile has ended.
        Err(error) => !matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)),
    };
    is_running(pid) && has_thread(pid, &runs) != Some(false)
}

/// Returns whether a thread of a process is one that is looked for; `None` if its threads cannot be seen.
fn has_thread(pid: libc::pid_t, is_it: &dyn Fn(Result<&Stat, &io::Error>) -> bool) -> Option<bool> {
    let tasks = CString::new(path_of(pid, "task")).unwrap_or_default();
    let mut tasks = numbers_in(&tasks).ok()?.into_iter();
    Some(tasks.any(|task| is_it(Stat::read(&path_of(pid, &format!("task/{task}/stat"))).as_ref())))
}

/// Returns whether `pid` is running and started no later than `latest` (clock ticks since boot): a later start means that
/// the PID was used again. Without /proc any process of that PID counts.
pub fn is_running_since(pid: libc::pid_t, latest: u64) -> bool {
    let is_it = |stat: Stat| stat.is_running() && stat.started().is_none_or(|at| at <= latest);
    is_alive(pid) && stat_of(pid).is_none_or(is_it)
}

/// Returns whether a process is running and has not called exec(2) since it was forked. Without /proc any process of that
/// PID counts.
pub fn is_as_forked(pid: libc::pid_t) -> bool {
    is_alive(pid) && stat_of(pid).is_none_or(|stat| stat.is_running() && !stat.has_called_exec())
}

/// Returns whether the main thread of a process sleeps until something happens; false without /proc.
pub fn is_asleep(pid: libc::pid_t) -> bool {
    stat_of(pid).is_some_and(|stat| stat.is_asleep())
}

/// Returns whether the only thread of a process sleeps until something happens; false without /proc.
pub fn is_asleep_alone(pid: libc::pid_t) -> bool {
    stat_of(pid).is_some_and(|stat| stat.is_asleep() && stat.threads() == Some(1))
}

/// Returns whether the first thread of a process runs, or would if it had a processor.
pub fn is_runnable(pid: libc::pid_t) -> bool {
    stat_of(pid).is_some_and(|stat| stat.field(3) == Some(b"R"))
}

/// Returns whether a thread of a process runs, or would if it had a processor, or is in a wait that no signal can interrupt. In
/// execve(2) the first thread waits so until all others have ended, and they wait for what they close. Not async-signal-safe:
/// uses the heap.
pub fn has_busy_thread(pid: libc::pid_t) -> bool {
    has_thread(pid, &|stat| stat.is_ok_and(|stat| stat.is_busy())) == Some(true)
}

/// Returns the same of the first thread alone.
pub fn is_busy(pid: libc::pid_t) -> bool {
    stat_of(pid).is_some_and(|stat| stat.is_busy())
}

/// Returns whether the first thread of a process waits for an event that no signal can interrupt, as a disk.
pub fn is_blocked(pid: libc::pid_t) -> bool {
    stat_of(pid).is_some_and(|stat| stat.field(3) == Some(b"D"))
}

/// Returns whether a process is stopped, by a signal or by a tracer.
pub fn is_stopped(pid: libc::pid_t) -> bool {
    stat_of(pid).is_some_and(|stat| matches!(stat.field(3), Some(b"T" | b"t")))
}

/// Returns the session of a process.
pub fn session(pid: libc::pid_t) -> Option<libc::pid_t> {
    stat_of(pid)?.count(6)?.try_into().ok()
}

/// Returns what /proc/PID/status says of the first thread of a process, under a name with a colon.
fn status(pid: libc::pid_t, name: &[u8]) -> Option<String> {
    String::from_utf8(record(&path_of(pid, "status"), b'\n', name)?).ok()
}

/// Returns the effective user of the first thread of a process.
pub fn user(pid: libc::pid_t) -> Option<libc::uid_t> {
    let line = status(pid, b"Uid:")?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Returns the signals that the first thread of a process blocks, a bit for each; `None` if that cannot be seen.
pub fn blocked(pid: libc::pid_t) -> Option<u64> {
    status(pid, b"SigBlk:").and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
}

/// Returns what a process runs: device and inode.
pub fn program(pid: libc::pid_t) -> Option<FileId> {
    let path = CString::new(path_of(pid, "exe")).ok()?;
    stat(&path).ok().as_ref().map(FileId::from)
}

/// Returns when a process started, in clock ticks since boot; `None` if there is none, or no /proc.
pub fn started(pid: libc::pid_t) -> Option<u64> {
    stat_of(pid)?.started()
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
    stat_of(pid)?.parent()
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

/// Returns whether the main thread of a process has this name (prctl(2), PR_SET_NAME).
pub fn is_named(pid: libc::pid_t, name: &[u8]) -> bool {
    fs::read(path_of(pid, "comm")).is_ok_and(|comm| comm.trim_ascii_end() == name)
}

/// Returns whether a process has more than one thread; false if that cannot be seen.
pub fn has_threads(pid: libc::pid_t) -> bool {
    stat_of(pid).is_some_and(|stat| stat.threads() > Some(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::now;
    use crate::sys::futex::pause;
    use std::process::{Command, Stdio};
    use std::time::Duration;

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
                let stat = stat_of(pid).unwrap();
                if stat.field(3) == Some(wanted) {
                    return;
                }
                assert!(
                    now() < end,
                    "{}",
                    String::from_utf8_lossy(stat.field(3).unwrap_or_default())
                );
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
