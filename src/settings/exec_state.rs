//! Keeps state through exec(2), in the environment variable `LIBPIDFILE_MARK`.
//!
//! Every descendant of an owner inherits `LD_PRELOAD` and `PIDFILE`. The variable tells a new image what this process was
//! before exec. A process acts on the variable only if the PID in it is its own. Otherwise it stays inert, also when the
//! owner is long gone.
//!
//! The variable is never in the environment of the running program: `environ`, its array and its strings
//! stay as the kernel and the host made them. `hooks/exec.rs` puts the variable into a copy of the vector that is
//! handed to exec. So the kernel lays it out in the new image like any other variable, and whoever moves or measures its
//! environment there finds nothing unusual.
//!
//! | route to the new image | carries the variable | what the new image relies on |
//! | --- | --- | --- |
//! | `execve` and its family, from the owner or a standby process | its role | the variable |
//! | the same from a forked or vforked child, `posix_spawn` | `inert` | the variable |
//! | any of them, from a program that found the variable | as found | the variable |
//! | `system`, `popen`, `wordexp`; Go; a raw execve(2); in a child | no | the file is held by a process that it descends from, or its parent runs our keeper: inert, silently, and from there on its own children carry the variable |
//! | a raw execve(2) by the owner | no | the file names this very process: it is the owner's next image |
//! | a raw execve(2) by a standby process | no | as any child: it does not inherit |
//! | a vector without `PIDFILE` or without `LD_PRELOAD` | no | there is no library, or nothing for it to do |
//! | a vector of more than 510 variables, from a child; one that the kernel takes only without the variable (E2BIG) | no | as without a hook |
//!
//! A saved environment may come back after a reboot, when its PID is another process's: the variable counts only in the
//! boot in which it was written.
//!
//! ```text
//! LIBPIDFILE_MARK=owner:1234:DIRECTORY:ROOT:SINCE:BOOT:/run/a.pid
//! ```

mod format;
mod text;

use std::ffi::CStr;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use super::boot::Boot;
use crate::pidfile::location::Location;
use crate::sys::fs::FileId;
use crate::sys::{self, clock};
pub use format::{ExecState, Role};
use text::Text;
pub use text::VARIABLE;

// All texts apart from what is small: see `sys::memory`.

/// For an owner.
#[unsafe(link_section = ".bss.large")]
static OWNER: Text = Text::none();
/// For a process that stands by.
#[unsafe(link_section = ".bss.large")]
static STANDBY: Text = Text::none();
/// For an owner that has lost the file to somebody else.
#[unsafe(link_section = ".bss.large")]
static LOST: Text = Text::none();
/// For any other process, and for children.
#[unsafe(link_section = ".bss.large")]
static INERT: Text = Text::none();
/// The path came by the command line: the environment of a new image need not name it.
static BY_ARGUMENT: AtomicBool = AtomicBool::new(false);
/// The library came without `LD_PRELOAD`, by ld.so.preload(5) for instance, and so it will again.
static WITHOUT_PRELOAD: AtomicBool = AtomicBool::new(false);

/// How the setting and the library came into this process.
#[derive(Clone, Copy)]
pub struct Origin {
    pub by_argument: bool,
    pub by_preload: bool,
}

impl Origin {
    /// Records it for [`Inert::applies_to`].
    fn remember(self) {
        BY_ARGUMENT.store(self.by_argument, Ordering::Relaxed);
        WITHOUT_PRELOAD.store(!self.by_preload, Ordering::Relaxed);
    }
}

/// Notes what every child of this process gets, from the time when it is known where the file is. `pid` is whom the
/// variable names: this process, or if it descends from the owner, the owner.
///
/// Context: host thread before main.
pub fn begin(location: Location, path: &[u8], pid: libc::pid_t, origin: Origin) {
    origin.remember();
    INERT.write_state(
        pid,
        &ExecState {
            role: Role::Inert,
            pid,
            location,
            since: clock::ticks(),
            boot: Boot::current(),
            path,
        },
    );
}

/// Notes that this process is inert, because of the variable that it was started with, and what its children get: the same.
///
/// Context: host thread before main, in every child of every host.
pub fn keep(value: &[u8], origin: Origin) {
    let Some(state) = ExecState::parse(value) else {
        return;
    };
    origin.remember();
    INERT.write(state.pid, |rest| rest.write_all(value));
}

/// Notes the role of this process, for the case that it calls exec(2).
///
/// Context: host thread before main; forked child; keeper. Never two threads of one process at once.
pub fn take(role: Role) {
    let Some(inert) = inert() else { return };
    let text = match role {
        Role::Owner => &OWNER,
        Role::Standby => &STANDBY,
        Role::Inert => return,
    };
    let pid = sys::getpid();
    text.write_state(
        pid,
        &ExecState {
            role,
            pid,
            since: clock::ticks(),
            ..inert.state
        },
    );
    // Only now: at every time there is one of the two.
    if role == Role::Owner {
        STANDBY.pid.store(0, Ordering::SeqCst);
    }
}

/// Notes that the file is somebody else's now: this process leaves it to him, whatever it becomes.
///
/// Context: host thread before main; keeper.
pub fn lose() {
    /// No process has it: PIDs are below 2^22 (proc(5), pid_max).
    const NOBODY: libc::pid_t = libc::pid_t::MAX;
    let Some(inert) = inert() else { return };
    let state = ExecState {
        pid: NOBODY,
        ..inert.state
    };
    LOST.write_state(sys::getpid(), &state);
    forget();
}

/// Notes that this process has no role any more: what it becomes by exec(2) starts afresh.
///
/// Async-signal-safe.
pub fn forget() {
    OWNER.pid.store(0, Ordering::SeqCst);
    STANDBY.pid.store(0, Ordering::SeqCst);
}

/// Returns the variable for this process in a role, if it has that.
///
/// Async-signal-safe.
pub fn own(role: Role) -> Option<&'static CStr> {
    match role {
        Role::Owner => OWNER.of_this_process(),
        Role::Standby => STANDBY.of_this_process(),
        Role::Inert => None,
    }
}

/// Returns the variable for this process if it has lost the file to somebody else.
///
/// Async-signal-safe.
pub fn lost() -> Option<&'static CStr> {
    LOST.of_this_process()
}

/// The variable for a process without a role, as text and as what it means.
pub struct Inert {
    pub text: &'static CStr,
    pub state: ExecState<'static>,
}

impl Inert {
    /// Returns whether a vector for exec(2) leads to this file again, and to this library.
    pub fn applies_to(&self, setting: Option<&[u8]>, preload: Option<&[u8]>) -> bool {
        let has_setting = BY_ARGUMENT.load(Ordering::Relaxed)
            || setting.is_some_and(|setting| self.state.concerns(setting));
        let has_preload = WITHOUT_PRELOAD.load(Ordering::Relaxed)
            || preload.is_some_and(|preload| !preload.is_empty());
        has_setting && has_preload
    }
}

/// Returns the variable for children, if this process or one before it has to do with a file.
///
/// Async-signal-safe.
pub fn inert() -> Option<Inert> {
    let (text, _) = INERT.get()?;
    let value = text.to_bytes().get(VARIABLE.len() + 1..)?;
    let state = ExecState::parse(value)?;
    Some(Inert { text, state })
}

/// Returns a number for the file, by its path and its directory: the same for all processes of one owner, also after
/// exec(2), and another one for another file.
///
/// Async-signal-safe.
pub fn file() -> u64 {
    let Some(inert) = inert() else { return 0 };
    let FileId(device, inode) = inert.state.location.directory;
    let numbers = device.to_le_bytes().into_iter().chain(inode.to_le_bytes());
    // FNV-1a.
    numbers
        .chain(inert.state.path.iter().copied())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests;
