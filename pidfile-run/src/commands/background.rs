//! Runs `--background`: starts the program as a daemon, as start-stop-daemon(8) does, and returns when it has its file.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, inotify, openat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, chdir, setsid, waitpid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::start::not_executed;
use crate::exec::Image;
use crate::output::{Failure, quoted, shown, status};
use crate::owner::process::Process;
use crate::owner::{self, State};

/// How long a program that runs may take to get its file, which the library does before its first line. Then it is said
/// that there is none yet.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts it; returns when the file names its owner, or it has ended. `by_launcher`: another program is to own the file.
///
/// # Errors
///
/// If the program could not be started, or has no file.
pub fn start(image: &Image, program: &Path, file: &Path, by_launcher: bool) -> Result<u8, Failure> {
    let failed = |errno: Errno| not_executed(program, errno);
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    // Before it starts: what happens from here on is not missed.
    let changes = changes_in(file.parent().unwrap_or(Path::new("/")));
    // SAFETY: this process has one thread, so that the child may do whatever it likes.
    let child = match unsafe { libc::fork() } {
        0 => become_daemon(image, writer),
        child => Pid::from_raw(child).ok_or_else(|| failed(Errno::AGAIN))?,
    };
    drop(writer);
    let mut process = Process::open(child.as_raw_nonzero().get());
    if let Some(errno) = error_in(reader) {
        let _ = waitpid(Some(child), WaitOptions::empty());
        return Err(failed(errno));
    }
    let deadline = Instant::now() + PATIENCE;
    let mut status = None;
    loop {
        // First whether it has ended, then who owns the file: a launcher that ends has handed it over.
        if status.is_none() {
            status = ended(child);
        }
        let state = owner::look(file).state;
        if matches!(state, State::Owned(_) | State::Unlocked(_)) {
            return Ok(status::DONE);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match status {
            // The one that is to own the file may only be starting.
            Some(0) if by_launcher && !left.is_zero() => process = None,
            Some(status) => {
                let why = format!(
                    "has ended, with status {status}, and left nobody who owns {}",
                    shown(file)
                );
                let failure = Failure::new(status.max(status::NOT_DONE), shown(program), why);
                return Err(failure.help("without --background it shows what it says"));
            }
            None if left.is_zero() => {
                let why = format!("runs, and has no PID file after {} s", PATIENCE.as_secs());
                return Err(Failure::new(status::NOT_DONE, shown(program), why)
                    .help(format_args!("see pidfile-run status {}", quoted(file))));
            }
            None => {}
        }
        await_change(changes.as_ref(), process.as_ref(), left);
    }
}

/// Returns the status of a child that has ended, as a shell has it.
fn ended(child: Pid) -> Option<u8> {
    let (_, ended) = waitpid(Some(child), WaitOptions::NOHANG).ok()??;
    let signal = ended.terminating_signal().map(|signal| 128 + signal);
    let status = ended.exit_status().or(signal);
    Some(
        status
            .and_then(|status| u8::try_from(status).ok())
            .unwrap_or(status::NOT_DONE),
    )
}

/// Becomes the program in the background, or ends: never returns.
fn become_daemon(image: &Image, mut writer: OwnedFd) -> ! {
    let errno = match detach(&mut writer) {
        Ok(()) => image.exec(),
        Err(errno) => errno,
    };
    let _ = File::from(writer).write_all(&errno.raw_os_error().to_ne_bytes());
    // SAFETY: plain call. What the parent has registered for its end, it does itself.
    unsafe { libc::_exit(1) }
}

fn detach(writer: &mut OwnedFd) -> Result<(), Errno> {
    setsid()?;
    chdir("/")?;
    let null = openat(
        CWD,
        "/dev/null",
        OFlags::RDWR | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    // Where 0 to 2 were closed, these may be among them.
    *writer = rustix::io::fcntl_dupfd_cloexec(&*writer, 3)?;
    let null = rustix::io::fcntl_dupfd_cloexec(null, 3)?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    // Whatever else is open would stay so for the life of the daemon.
    for entry in std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
    {
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok());
        if let Some(number) = number.filter(|number| *number > 2 && *number != writer.as_raw_fd()) {
            // SAFETY: plain call, on a number. The one that is being read is closed on exec(2) in any case.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}

/// Returns the errno that the child has written; `None` if exec(2) has closed the pipe.
fn error_in(reader: OwnedFd) -> Option<Errno> {
    let mut number = [0; 4];
    File::from(reader).read_exact(&mut number).ok()?;
    Some(Errno::from_raw_os_error(i32::from_ne_bytes(number)))
}

fn changes_in(directory: &Path) -> Option<OwnedFd> {
    let watch =
        inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok()?;
    let events = inotify::WatchFlags::CREATE
        | inotify::WatchFlags::MOVED_TO
        | inotify::WatchFlags::CLOSE_WRITE
        | inotify::WatchFlags::MODIFY;
    inotify::add_watch(&watch, directory, events).ok()?;
    Some(watch)
}

/// Waits until something has happened in the directory, or to the process.
fn await_change(changes: Option<&OwnedFd>, process: Option<&Process>, left: Duration) {
    /// A hand-over and a lock make no event.
    const LOOK: Duration = Duration::from_millis(50);
    let left = Timespec::try_from(left.min(LOOK)).ok();
    let fds = changes.into_iter().chain(process.and_then(Process::fd));
    let mut fds: Vec<PollFd> = fds.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    let _ = poll(&mut fds, left.as_ref());
    if let Some(changes) = changes {
        let _ = rustix::io::read(changes, &mut [0_u8; 4096]);
    }
}
