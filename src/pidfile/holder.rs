//! Finds out who holds the lock of a PID file, and whether a process may be its owner.
//!
//! Everybody who may read a file can take its flock(2). So a lock that is held says nothing by itself. It counts if its
//! holder is the process that the file names, or another instance of this library for the same path. A holder that
//! cannot be seen (another PID namespace) counts too.
//!
//! Context: keeper, or a host thread before main.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use crate::pidfile::content::read_pid;
use crate::pidfile::instance::has_keeper;
use crate::sys::fs::{fstat, read_once};
use crate::sys::records::{any_line, record};
use crate::sys::{self, Errno, clock, procfs};

/// All locks of all files (proc(5)), as far as their holders are in this PID namespace.
const LOCKS: &str = "/proc/locks";

/// What is known of a process that a PID file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The process may be the owner, whether it holds the lock or not.
    Owner,
    /// The process is in the middle of execve(2): it has no environment yet.
    InExec,
    /// The process has no keeper, and we may not look into it.
    Hidden,
    /// The process is no owner.
    Other,
}

/// Who keeps a claim from the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An owner: it, or the process that the file names.
    Owner(Option<libc::pid_t>),
    /// This process, by a descriptor from before exec(2).
    Ourselves,
    /// Processes that have nothing to do with the file.
    Stranger,
    /// Nobody is to be seen, or one who holds it for an instant.
    Unseen,
}

/// What `/proc/PID/comm` says of a guard: see [`crate::guard`].
const GUARD: &[u8] = b"pidfile-guard";

/// Returns who holds the flock(2) on the file.
pub fn holder(fd: &OwnedFd, path: &CStr) -> Holder {
    let named = read_pid(fd);
    let Ok(stat) = fstat(fd) else {
        return Holder::Unseen;
    };
    if let Some(pid) = named.filter(|pid| judge(*pid, &stat, path) == Verdict::Owner) {
        return Holder::Owner(Some(pid));
    }
    let mut holders = flock_holders(&stat);
    // A lock goes on when the process has ended that has taken it, if another one has got the open file.
    holders.retain(|pid| procfs::is_running(*pid));
    if holders.is_empty() {
        return Holder::Unseen;
    }
    let mut unseen = false;
    for pid in holders {
        // The guard, which is about to remove the file or to let go, or an owner that ends, or a copy of its descriptor.
        let is_guard = procfs::is_named(pid, GUARD) && may_write(pid, &stat);
        if is_guard || !procfs::has_not_begun_to_end(pid) {
            unseen = true;
            continue;
        }
        if pid == sys::getpid() && named == Some(pid) {
            return Holder::Ourselves;
        }
        if named == Some(pid) {
            return Holder::Owner(named);
        }
        if may_write(pid, &stat) && instance(pid, path) != Verdict::Other {
            return Holder::Owner(named.filter(|pid| procfs::is_running(*pid)).or(Some(pid)));
        }
    }
    if unseen {
        Holder::Unseen
    } else {
        Holder::Stranger
    }
}

/// Returns whether a process that the file names may be its owner although it has no lock. It has to run since before the
/// file was written, and to be an instance for this path.
pub fn judge(pid: libc::pid_t, stat: &libc::stat64, path: &CStr) -> Verdict {
    if !procfs::has_not_begun_to_end(pid) || pid == sys::getpid() {
        return Verdict::Other;
    }
    let verdict = match instance(pid, path) {
        // It may have called exec(2) between two looks at its environment.
        Verdict::Other => instance(pid, path),
        verdict => verdict,
    };
    match verdict {
        // A reused PID: the process is younger than the file.
        Verdict::Owner | Verdict::Hidden if !has_run_since(pid, stat.st_mtime) => Verdict::Other,
        verdict => verdict,
    }
}

/// Returns whether a process waits for the flock(2) on the file.
pub fn is_waited_for(stat: &libc::stat64) -> bool {
    let inode = format!(":{}", stat.st_ino);
    let waits = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        fields.nth(1) == Some("->") && fields.any(|field| field.ends_with(&inode))
    };
    any_line(LOCKS, waits)
}

/// Returns the processes that hold the flock(2) of a file, as far as /proc/locks (proc(5)) shows them.
fn flock_holders(stat: &libc::stat64) -> Vec<libc::pid_t> {
    let (major, minor) = (libc::major(stat.st_dev), libc::minor(stat.st_dev));
    let file = format!("{major:02x}:{minor:02x}:{}", stat.st_ino);
    let holder = |line: &str| -> Option<libc::pid_t> {
        let mut fields = line.split_ascii_whitespace().skip(1);
        // One who waits has an arrow there.
        (fields.next() == Some("FLOCK")).then_some(())?;
        let pid = fields.nth(2)?.parse().ok()?;
        (fields.next() == Some(&file) && pid > 0).then_some(pid)
    };
    let mut holders = Vec::new();
    any_line(LOCKS, |line| {
        holders.extend(holder(line));
        false
    });
    holders
}

/// Returns whether a process could have written the file: one that could not is no owner.
fn may_write(pid: libc::pid_t, stat: &libc::stat64) -> bool {
    let ours = sys::geteuid();
    procfs::user(pid).is_none_or(|user| user == 0 || user == ours || user == stat.st_uid)
}

/// Returns whether a process was started to own the file at `path`, or has a keeper.
fn instance(pid: libc::pid_t, path: &CStr) -> Verdict {
    let environment = procfs::path_of(pid, "environ");
    let name = CString::new(environment.as_str()).unwrap_or_default();
    match read_once(&name, &mut [0; 1]) {
        Ok(0) if is_program(pid) => return Verdict::InExec,
        // It is another user's, or has changed its user.
        Err(Errno(libc::EACCES | libc::EPERM)) if has_keeper(pid) => return Verdict::Owner,
        Err(Errno(libc::EACCES | libc::EPERM)) => return Verdict::Hidden,
        _ => {}
    }
    let variable = |name: &[u8]| record(&environment, 0, name);
    let concerns = |setting: Vec<u8>| names_path(&setting, path);
    if let Some(role) = variable(b"LIBPIDFILE_MARK=") {
        let mut fields = role.splitn(3, |byte| *byte == b':');
        let (role, owner) = (fields.next(), fields.next());
        let owner = owner.and_then(|owner| std::str::from_utf8(owner).ok()?.parse().ok());
        if owner == Some(pid) && role != Some(b"inert") {
            return Verdict::Owner;
        }
    }
    let settings = [&b"PIDFILE="[..], b"PIDFILE_PATH="];
    let is_set = settings
        .iter()
        .any(|name| variable(name).is_some_and(concerns));
    if is_set || has_keeper(pid) {
        Verdict::Owner
    } else {
        Verdict::Other
    }
}

/// Returns whether a setting can mean a path. It may be relative to a directory that is not known any more.
fn names_path(setting: &[u8], path: &CStr) -> bool {
    let path = path.to_bytes();
    let setting = setting.strip_prefix(b"./").unwrap_or(setting);
    !setting.is_empty()
        && path
            .strip_suffix(setting)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
}

/// Returns whether a process without an environment is about to get one: a kernel thread has no program.
fn is_program(pid: libc::pid_t) -> bool {
    procfs::program(pid).is_some()
}

/// Returns whether a process of this PID runs since before the file was written: then the PID was not
/// reused, and the file is right. The answer is wrong where the clock was set since.
pub fn has_run_since(pid: libc::pid_t, written: i64) -> bool {
    let age = clock::seconds_since_1970().saturating_sub(written).max(0) as u64;
    // That clock is rounded down to seconds. Before boot nothing ran.
    let second = clock::ticks_per_second();
    let written = clock::ticks().checked_sub(age.saturating_mul(second));
    written.is_some_and(|at| procfs::started(pid).is_some_and(|start| start <= at + second))
}

/// Returns whether a process was started with the setting to keep no lock.
pub fn keeps_no_lock(pid: libc::pid_t) -> bool {
    let setting = record(&procfs::path_of(pid, "environ"), 0, b"PIDFILE_WATCH=");
    setting.is_some_and(|setting| setting == b"off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_the_path() {
        for (setting, names) in [
            (&b"/run/a.pid"[..], true),
            (b"a.pid", true),
            (b"./a.pid", true),
            (b"run/a.pid", true),
            (b"", false),
            (b".pid", false),
            (b"/a.pid", false),
            (b"/srv/run/a.pid", false),
        ] {
            assert_eq!(names_path(setting, c"/run/a.pid"), names, "{setting:?}");
        }
    }
}
