//! Reads the kernel's table of file locks, proc_locks(5).

use std::cell::OnceCell;
use std::fs;

use rustix::fs::{Stat, major, minor};

use super::process;

/// A whole-file lock that somebody holds, as far as it can be seen from this PID namespace.
struct Lock {
    pid: i32,
    device: (u32, u32),
    inode: u64,
}

/// The table as it was when it was first asked for. While others come and go a reader of the table may miss a line.
///
/// The kernel stops every flock(2) for a reader (fs/locks.c, locks_start), and waits some 8 ms for that. So it is not read
/// where there is no file.
pub struct Locks(OnceCell<Vec<Lock>>);

impl Locks {
    /// Returns a table that has not been read yet.
    pub fn unread() -> Self {
        Self(OnceCell::new())
    }

    fn table(&self) -> &[Lock] {
        self.0.get_or_init(|| {
            let table = fs::read_to_string("/proc/locks").unwrap_or_default();
            table.lines().filter_map(parse).collect()
        })
    }

    /// Returns who holds the exclusive flock(2) on a file. Some file systems have another device in the table than
    /// stat(2) shows: there the process that the file names counts, and no other.
    pub fn holder(&self, file: &Stat, named: Option<i32>) -> Option<i32> {
        let device = (major(file.st_dev), minor(file.st_dev));
        let mut same_inode = self.table().iter().filter(|lock| lock.inode == file.st_ino);
        let exact = same_inode.clone().find(|lock| lock.device == device);
        exact
            .or_else(|| {
                same_inode.find(|lock| {
                    Some(lock.pid) == named
                        || named.is_some() && process::inner_pid(lock.pid) == named
                })
            })
            .map(|lock| lock.pid)
    }
}

/// Parses a line such as `1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF`.
fn parse(line: &str) -> Option<Lock> {
    let mut words = line.split_ascii_whitespace().skip(1);
    if (words.next(), words.nth(1)) != (Some("FLOCK"), Some("WRITE")) {
        return None;
    }
    let pid = words.next()?.parse().ok()?;
    let mut place = words.next()?.split(':');
    let mut number = || u32::from_str_radix(place.next()?, 16).ok();
    let device = (number()?, number()?);
    let inode = place.next()?.parse().ok()?;
    Some(Lock { pid, device, inode })
}
