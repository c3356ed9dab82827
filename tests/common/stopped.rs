//! Threads that are stopped as by a debugger, at any place or at the entry of a system call.

use super::wait::wait_for;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// A thread that is stopped as by a debugger. The thread that has stopped it has to be the one that does all else with it.
pub struct Stopped(i32);

/// What a thread does that was let go.
pub enum Step {
    /// It runs, or sleeps in the kernel.
    Runs,
    /// It is at the entry of this system call.
    Call(Call),
    /// It has ended.
    Ended,
}

/// A system call that was not made yet.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub number: i64,
    pub arguments: [u64; 6],
}

impl Stopped {
    pub fn stop(thread: i32) -> Self {
        let options = libc::PTRACE_O_TRACESYSGOOD as usize;
        request(libc::PTRACE_SEIZE, thread, options).expect("a thread that can be traced");
        request(libc::PTRACE_INTERRUPT, thread, 0).unwrap();
        let stopped = Self(thread);
        assert!(libc::WIFSTOPPED(stopped.wait()));
        stopped
    }

    /// Lets a process go on that SIGSTOP has stopped, and stops the first thread that it starts, before that runs.
    pub fn first_thread_of(process: i32) -> Self {
        let options = libc::PTRACE_O_TRACECLONE as usize;
        request(libc::PTRACE_SEIZE, process, options).expect("a process that can be traced");
        // SAFETY: takes numbers only.
        assert_eq!(unsafe { libc::kill(process, libc::SIGCONT) }, 0);
        let main = Self(process);
        loop {
            let status = main.wait();
            assert!(libc::WIFSTOPPED(status), "it has ended: {status:#x}");
            match status >> 16 {
                libc::PTRACE_EVENT_CLONE => break,
                // A signal, which it gets.
                0 => request(libc::PTRACE_CONT, process, libc::WSTOPSIG(status) as usize).unwrap(),
                _ => request(libc::PTRACE_CONT, process, 0).unwrap(),
            }
        }
        let mut thread: libc::c_ulong = 0;
        request(libc::PTRACE_GETEVENTMSG, process, &raw mut thread as usize).unwrap();
        request(libc::PTRACE_DETACH, process, 0).unwrap();
        let thread = Self(i32::try_from(thread).unwrap());
        assert!(libc::WIFSTOPPED(thread.wait()));
        // Nothing of what it starts in its turn.
        let options = libc::PTRACE_O_TRACESYSGOOD as usize;
        request(libc::PTRACE_SETOPTIONS, thread.0, options).unwrap();
        thread
    }

    /// Lets it run to the entry of its next system call.
    pub fn go_on(&self) {
        // One that was killed meanwhile cannot, and [`look`](Self::look) says so.
        let _ = request(libc::PTRACE_SYSCALL, self.0, 0);
    }

    /// Returns what it does now. At any other stop than the entry of a system call it is let go.
    pub fn look(&self) -> Step {
        let mut status = 0;
        // SAFETY: the status is writable; the thread is traced by this one.
        let waited = unsafe { libc::waitpid(self.0, &mut status, libc::__WALL | libc::WNOHANG) };
        match waited {
            0 => Step::Runs,
            -1 => Step::Ended,
            _ if !libc::WIFSTOPPED(status) => Step::Ended,
            _ => match self.call() {
                Some(call) => Step::Call(call),
                None => {
                    let signal = libc::WSTOPSIG(status);
                    // Not one that it is sent, but a stop for the debugger.
                    let is_none = status >> 16 != 0 || signal & !0x80 == libc::SIGTRAP;
                    let signal = if is_none { 0 } else { signal as usize };
                    let _ = request(libc::PTRACE_SYSCALL, self.0, signal);
                    Step::Runs
                }
            },
        }
    }

    /// Lets it run to the entry of a system call that is `wanted`.
    pub fn go_to_call(&self, mut wanted: impl FnMut(&Call) -> bool) {
        self.go_on();
        let arrived = || match self.look() {
            Step::Runs => false,
            Step::Call(call) if wanted(&call) => true,
            Step::Call(_) => {
                self.go_on();
                false
            }
            Step::Ended => panic!("the thread has ended before the call"),
        };
        wait_for(arrived, "the thread is at that call");
    }

    /// Returns the system call at whose entry it is.
    fn call(&self) -> Option<Call> {
        // SAFETY: all zeroes is a valid value, which the kernel fills in as far as it is told that there is room.
        let info = unsafe {
            let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
            let room = size_of_val(&info);
            let kind = libc::PTRACE_GET_SYSCALL_INFO;
            libc::ptrace(kind, self.0, room, &raw mut info);
            info
        };
        // SAFETY: that part is filled in at an entry, and is of integers.
        (info.op == libc::PTRACE_SYSCALL_INFO_ENTRY).then(|| unsafe {
            Call {
                number: info.u.entry.nr.cast_signed(),
                arguments: info.u.entry.args,
            }
        })
    }

    /// Returns the timespec at an address in its memory.
    pub fn time_at(&self, address: u64) -> Option<Duration> {
        let mut words = [[0; 8]; 2];
        let memory = File::open(format!("/proc/{}/mem", self.0)).ok()?;
        memory
            .read_exact_at(words.as_flattened_mut(), address)
            .ok()?;
        let [seconds, nanoseconds] = words.map(u64::from_ne_bytes);
        Some(Duration::new(seconds, nanoseconds.try_into().ok()?))
    }

    /// Returns whether a call has to do with something below a directory: by a path, or by a descriptor.
    pub fn is_about(&self, call: &Call, directory: &Path) -> bool {
        let by_path = call.arguments.iter().take(4).any(|address| {
            let mut start = vec![0; directory.as_os_str().len()];
            let memory = File::open(format!("/proc/{}/mem", self.0));
            // Most arguments are no addresses.
            let read = memory.and_then(|memory| memory.read_exact_at(&mut start, *address));
            read.is_ok() && start == directory.as_os_str().as_encoded_bytes()
        });
        let fd = call.arguments[0];
        let link = fs::read_link(format!("/proc/{}/fd/{fd}", self.0));
        by_path || link.is_ok_and(|link| link.starts_with(directory))
    }

    /// Lets it run for good: a thread that is stopped, not one that runs to its next call.
    pub fn let_go(self) {
        request(libc::PTRACE_DETACH, self.0, 0).unwrap();
    }

    /// Waits until it has ended.
    #[track_caller]
    pub fn reap(self) {
        wait_for(
            || matches!(self.look(), Step::Ended),
            "a stopped thread ends with its process",
        );
    }

    fn wait(&self) -> i32 {
        let mut status = 0;
        // SAFETY: the status is writable; the thread is traced by this one.
        let waited = unsafe { libc::waitpid(self.0, &mut status, libc::__WALL) };
        assert_eq!(waited, self.0, "{}", io::Error::last_os_error());
        status
    }
}

/// Makes a request of ptrace(2), which takes no address.
fn request(request: libc::c_uint, thread: i32, data: usize) -> io::Result<()> {
    // SAFETY: `data` is a number, or where the request writes a word to.
    match unsafe { libc::ptrace(request, thread, 0_usize, data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
