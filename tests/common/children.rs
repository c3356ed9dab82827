use super::process::pidfd_open;
use super::procfs::children_of;
use std::os::fd::{AsRawFd, OwnedFd};

/// The children of a process, and theirs. Those that are still there when this goes are killed: a server that gets SIGKILL
/// leaves its workers behind.
pub struct Children(Vec<OwnedFd>);

impl Children {
    pub fn of(pid: i32) -> Children {
        let mut parents = vec![pid];
        let mut pidfds = Vec::new();
        while let Some(parent) = parents.pop() {
            for child in children_of(parent) {
                parents.push(child);
                // One that has just ended needs nothing.
                pidfds.extend(pidfd_open(child));
            }
        }
        Children(pidfds)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for pidfd in &self.0 {
            // SAFETY: the descriptor is open and names one process, also after its PID has gone to another; the rest may be
            // null. It fails if the process has ended.
            unsafe {
                libc::syscall(
                    libc::SYS_pidfd_send_signal,
                    pidfd.as_raw_fd(),
                    libc::SIGKILL,
                    std::ptr::null::<libc::siginfo_t>(),
                    0,
                )
            };
        }
    }
}
