//! What a program leaves behind when it has put itself into the background: processes that nobody waits for, but us.

use super::process::pidfd_open;
use super::procfs::{children_of, is_alive};
use super::test_dir::TestDir;
use super::wait::{bound, has_ended_within, wait_for};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

/// Makes this test the parent of every process whose parent has gone, and ends those of the test directory when it goes.
pub struct Descendants {
    /// What only their environment names. Nothing, where there is one test directory at a time: all of them are its own then.
    dir: Option<PathBuf>,
}

impl Descendants {
    pub fn of(dir: &TestDir) -> Descendants {
        Descendants::adopting(Some(dir.path("")))
    }

    /// In a test that has no scenarios beside each other. Daemons overwrite their environment with a title.
    pub fn of_all() -> Descendants {
        Descendants::adopting(None)
    }

    fn adopting(dir: Option<PathBuf>) -> Descendants {
        // SAFETY: plain call without pointers.
        let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
        assert_eq!(done, 0, "prctl: {}", io::Error::last_os_error());
        Descendants { dir }
    }

    /// The children of this test that come from the test directory. Other scenarios have theirs.
    pub fn children(&self) -> Vec<i32> {
        let mut children = children_of(std::process::id().cast_signed());
        if let Some(dir) = &self.dir {
            let name = dir.to_str().unwrap().as_bytes();
            children.retain(|pid| {
                let environment = environment_of(*pid);
                environment.windows(name.len()).any(|part| part == name)
            });
        }
        children
    }
}

impl Drop for Descendants {
    fn drop(&mut self) {
        // Each that goes may leave us others.
        loop {
            let children = self.children();
            if children.is_empty() {
                return;
            }
            for child in children {
                // SAFETY: plain calls; it is our child, so its PID is its own until it is reaped here.
                unsafe {
                    libc::kill(child, libc::SIGKILL);
                    libc::waitpid(child, std::ptr::null_mut(), 0);
                }
            }
        }
    }
}

/// While a process calls exec it has none for a moment.
fn environment_of(pid: i32) -> Vec<u8> {
    for _ in 0..100 {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if !environment.is_empty() || !is_alive(pid) {
            return environment;
        }
        thread::sleep(Duration::from_millis(1));
    }
    Vec::new()
}

/// A process of the test directory that is not our child, or not yet.
pub struct Descendant {
    pub pid: i32,
    pidfd: OwnedFd,
}

impl Descendant {
    #[track_caller]
    pub fn new(pid: i32) -> Descendant {
        match pidfd_open(pid) {
            Ok(pidfd) => Descendant { pid, pidfd },
            Err(error) => panic!("there is no process {pid}: {error}"),
        }
    }

    pub fn pid_line(&self) -> String {
        format!("{}\n", self.pid)
    }

    pub fn signal(&self, signal: i32) {
        let no_more = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open, and to say no more is allowed.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal,
                no_more,
                0,
            )
        };
        assert_eq!(sent, 0, "kill: {}", io::Error::last_os_error());
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended_within(0)
    }

    fn has_ended_within(&self, milliseconds: i32) -> bool {
        has_ended_within(&self.pidfd, milliseconds)
    }

    /// Waits until it has ended, as our child, by itself.
    #[track_caller]
    pub fn wait(self) -> ExitStatus {
        let bound = i32::try_from(bound().as_millis()).unwrap();
        assert!(
            self.has_ended_within(bound),
            "process {} did not end in {bound} ms",
            self.pid
        );
        let mut status = 0;
        // Its parent may be about to leave it to us.
        wait_for(
            // SAFETY: waits for one process; the status is valid.
            || unsafe { libc::waitpid(self.pid, &raw mut status, 0) } == self.pid,
            &format!("process {} is our child", self.pid),
        );
        ExitStatus::from_raw(status)
    }
}
