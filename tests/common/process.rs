use super::children::Children;
use super::descendants::Descendant;
use super::wait::{bound, has_ended_within, wait_for};
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ExitStatus};

/// The wait status of a program that ended by itself.
pub fn exited(code: i32) -> ExitStatus {
    ExitStatus::from_raw(code << 8)
}

/// The wait status of a program that a signal ended, without a core dump.
pub fn killed_by(signal: i32) -> ExitStatus {
    ExitStatus::from_raw(signal)
}

/// A program that runs, or has ended and was not waited for. If the scenario fails, it is killed and reaped, and
/// its children are killed.
pub struct Process {
    name: String,
    pid: i32,
    /// Readable once the process has ended: a wait with a bound, without polling.
    pidfd: OwnedFd,
    stdin: Option<ChildStdin>,
    stdout: PathBuf,
    stderr: PathBuf,
    reaped: bool,
}

/// What is left of a program: bit for bit what its parent got from `wait`, and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Process {
    pub(super) fn new(name: String, child: Child, stdout: PathBuf, stderr: PathBuf) -> Process {
        let pid = child.id().cast_signed();
        Process {
            name,
            pid,
            pidfd: pidfd_open(pid).expect("a child can always be opened"),
            stdin: child.stdin,
            stdout,
            stderr,
            reaped: false,
        }
    }

    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// What its PID file has to hold.
    pub fn pid_line(&self) -> String {
        format!("{}\n", self.pid)
    }

    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    pub fn is_running(&self) -> bool {
        !self.has_ended_within(0)
    }

    /// Waits for the line `ready`: see [`Host::spawn_ready`].
    ///
    /// [`Host::spawn_ready`]: super::HostCommand::spawn_ready
    #[track_caller]
    pub fn wait_until_ready(&self) {
        self.wait_until(|host| host.stdout().contains("ready\n"), "ready");
    }

    /// Waits for something that only happens while the program runs, and fails at once if it has ended.
    #[track_caller]
    pub fn wait_until(&self, happened: impl Fn(&Process) -> bool, what: &str) {
        let what = format!("{} ({}) is {what}", self.name, self.pid);
        wait_for(
            || {
                let ended = !self.is_running();
                let happened = happened(self);
                assert!(
                    happened || !ended,
                    "it ended before this: {what}\n{}",
                    self.stderr()
                );
                happened
            },
            &what,
        );
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: plain call; the PID is ours until we reap it.
        let sent = unsafe { libc::kill(self.pid, signal) };
        assert_eq!(sent, 0, "kill: {}", io::Error::last_os_error());
    }

    pub fn write_stdin(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is still open");
        stdin.write_all(bytes).expect("the program reads its stdin");
    }

    /// The other end of the program's input, for whoever has it open beside the program.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("stdin is still open")
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Gives it to somebody who treats it as what a launcher leaves behind, and who sees to its end.
    pub fn into_orphan(mut self) -> Descendant {
        self.reaped = true;
        Descendant::new(self.pid)
    }

    /// Waits until the program has ended by itself.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let bound = i32::try_from(bound().as_millis()).unwrap();
        assert!(
            self.has_ended_within(bound),
            "{} ({}) did not end in {bound} ms; it wrote: {}{}",
            self.name,
            self.pid,
            self.stdout(),
            self.stderr()
        );
        Ended {
            status: self.reap(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }

    fn has_ended_within(&self, milliseconds: i32) -> bool {
        has_ended_within(&self.pidfd, milliseconds)
    }

    fn reap(&mut self) -> ExitStatus {
        let mut status = 0;
        // SAFETY: waits for our own child, which nobody else reaps.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        assert_eq!(pid, self.pid, "waitpid: {}", io::Error::last_os_error());
        self.reaped = true;
        ExitStatus::from_raw(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            // They go after it: it could start others.
            let _children = Children::of(self.pid);
            self.signal(libc::SIGKILL);
            self.reap();
        }
    }
}

pub(super) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: plain call without pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given this descriptor to us alone; descriptors fit an i32.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}
