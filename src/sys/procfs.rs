//! Processes, as far as kill(2) and the files in /proc/PID (proc(5)) tell of them.
//!
//! Without /proc what cannot be seen is not known, and each function says what it answers then.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};

use super::fs::{numbers_in, read_once};
use super::{Errno, errno};

/// A line that the kernel has written of a process or a thread.
pub struct Stat {
    bytes: [u8; Stat::LONGEST],
    length: usize,
}

impl Stat {
    /// 52 fields of at most 20 digits, and a name.
    const LONGEST: usize = 1200;

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

    fn of(pid: libc::pid_t) -> Option<Self> {
        Self::read(&format!("/proc/{pid}/stat")).ok()
    }

    /// A field by its number in proc(5), from 3 on. The name in field 2 may hold anything: blanks,
    /// parentheses, and bytes that are no text, since the kernel cuts it after 15 of them.
    pub fn field(&self, number: usize) -> Option<&[u8]> {
        let line = &self.bytes[..self.length];
        let name_end = line.iter().rposition(|&byte| byte == b')')?;
        let fields = line[name_end + 1..].split(u8::is_ascii_whitespace);
        let mut fields = fields.filter(|field| !field.is_empty());
        fields.nth(number.checked_sub(3)?)
    }

    /// A field that is a count.
    pub fn count(&self, number: usize) -> Option<u64> {
        std::str::from_utf8(self.field(number)?).ok()?.parse().ok()
    }

    /// Whether it is of one that only waits to be reaped.
    pub fn has_ended(&self) -> bool {
        matches!(self.field(3), Some(b"Z" | b"X"))
    }

    pub fn threads(&self) -> Option<u64> {
        self.count(20)
    }

    fn is_asleep(&self) -> bool {
        self.field(3) == Some(b"S")
    }

    /// A first thread that has left while others go on is a zombie too.
    fn is_running(&self) -> bool {
        !self.has_ended() || self.threads().is_some_and(|threads| threads > 1)
    }

    fn parent(&self) -> Option<libc::pid_t> {
        self.count(4)?.try_into().ok()
    }

    fn started(&self) -> Option<u64> {
        self.count(22)
    }
}

/// What follows a name in one of the records of a file: lines in a status, variables in an environment.
/// The first of that name counts. Such a file may be larger than our heap, so it is looked through, and a
/// record of more than a page is none.
pub fn record(path: &str, delimiter: u8, name: &[u8]) -> Option<Vec<u8>> {
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

/// Whether a process of this PID exists (a zombie does).
pub fn is_alive(pid: libc::pid_t) -> bool {
    // SAFETY: signal 0 only asks.
    pid > 0 && (unsafe { libc::kill(pid, 0) } == 0 || errno() == Errno(libc::EPERM))
}

/// Whether there is such a process, and it is not only waiting to be reaped. Without /proc a zombie
/// passes for alive.
pub fn is_running(pid: libc::pid_t) -> bool {
    is_alive(pid) && Stat::of(pid).is_none_or(|stat| stat.is_running())
}

/// The same for one that has started by then, in clock ticks since boot: it is not one that has got
/// the PID since.
pub fn is_running_since(pid: libc::pid_t, latest: u64) -> bool {
    let is_it = |stat: Stat| stat.is_running() && stat.started().is_none_or(|at| at <= latest);
    is_alive(pid) && Stat::of(pid).is_none_or(is_it)
}

/// Whether a process goes on with what it was forked with: it has neither ended nor called exec(2).
pub fn is_as_forked(pid: libc::pid_t) -> bool {
    /// PF_FORKNOEXEC (include/linux/sched.h).
    const FORKED: u64 = 0x40;
    let has_called_exec = |stat: &Stat| {
        // Others that play the kernel (gVisor) know no flags.
        let flags = stat.count(9).filter(|flags| *flags != 0);
        flags.is_some_and(|flags| flags & FORKED == 0)
    };
    is_alive(pid) && Stat::of(pid).is_none_or(|stat| stat.is_running() && !has_called_exec(&stat))
}

/// Whether the first thread of a process runs, or would if it had a processor, or waits for a disk.
pub fn is_busy(pid: libc::pid_t) -> bool {
    Stat::of(pid).is_some_and(|stat| matches!(stat.field(3), Some(b"R" | b"D")))
}

/// Whether the first thread of a process sleeps until something happens.
pub fn is_asleep(pid: libc::pid_t) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.is_asleep())
}

/// The same for a process that has but that thread.
pub fn is_asleep_alone(pid: libc::pid_t) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.is_asleep() && stat.threads() == Some(1))
}

/// Clock ticks in which a process has had a processor, for itself and in the kernel.
pub fn processor_ticks(pid: libc::pid_t) -> Option<u64> {
    let stat = Stat::of(pid)?;
    Some(stat.count(14)? + stat.count(15)?)
}

/// When a process has started, in clock ticks since boot; `None` if there is none, or no /proc.
pub fn started(pid: libc::pid_t) -> Option<u64> {
    Stat::of(pid)?.started()
}

/// The number of threads in this process, ours among them.
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

/// Who has forked a process, or has it since that one ended; `None` if there is none, or no /proc.
pub fn parent(pid: libc::pid_t) -> Option<libc::pid_t> {
    Stat::of(pid)?.parent()
}

/// Whether `pid` is the parent of this process, or its parent, and so on. Without /proc no more than
/// the parent is known.
pub fn descends_from(pid: libc::pid_t) -> bool {
    // SAFETY: takes nothing and cannot fail.
    has_ancestor(unsafe { libc::getppid() }, pid)
}

/// Whether `pid` is `process`, or its parent, and so on, as far as /proc tells.
pub fn has_ancestor(process: libc::pid_t, pid: libc::pid_t) -> bool {
    let mut ancestor = process;
    // Each is older than the one before, but the chain may change while it is read.
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
pub const KEEPER: &str = "libpidfile";

/// Whether a process has a keeper; where that cannot be seen, it has.
pub fn has_keeper(pid: libc::pid_t) -> bool {
    keeper_in(pid).unwrap_or(true)
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
    Some(names.any(|name| name.trim_ascii_end() == KEEPER.as_bytes()))
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
        fn a_process_is_understood_whatever_its_name(
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
        fn anything_else_is_no_process(line: Vec<u8>, number: usize) {
            let stat = stat_of(&line);
            let field = stat.field(number);
            prop_assert!(field.is_none() || number >= 3 && line.contains(&b')'));
            prop_assert!(stat.count(number).is_none() || field.is_some());
        }
    }

    #[test]
    fn one_that_waits_to_be_reaped_does_not_run() {
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
