//! Receives the file: the side of a process that stands by.
//!
//! ```text
//! stand by    open the file, listen, tell the address
//! wait for    the owner's message        the file is ours; or it was deleted: the host is told
//!             the owner's end            look at the path, without a message:
//!                 it names this process      the owner was killed between two steps: ours
//!                 it names another one of    wait for that one's end
//!                 those who stand by
//!                 it names a dead process    the owner was killed: remove it
//!                 it was deleted since        the host is told
//!                 there is nothing           ours, if the owner has left it to who comes late; else nobody's
//! ```

use std::iter::{repeat, repeat_n};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use crate::handover::looks::LOOK;
use crate::handover::{lineage, standing};
use crate::isolation::fd_table;
use crate::ownership::host_file;
use crate::ownership::removal_by_child::await_removal_seen;
use crate::ownership::shared::{SharedState, shared_state};
use crate::ownership::state::{self, Phase};
use crate::ownership::terminate;
use crate::pidfile::PidFile;
use crate::pidfile::acquire::Lock;
use crate::pidfile::content::names_us_at;
use crate::pidfile::fd_passing::{Connection, Listener, Message};
use crate::pidfile::standby::{StandbyFile, StandbyStatus};
use crate::settings::config::Config;
use crate::settings::exec_state::{self, Role};
use crate::sys::{self, check, futex, procfs};

/// Pause between two looks at an owner of whose end the kernel tells nobody (before Linux 5.3).
const WITHOUT_PIDFD: Duration = Duration::from_millis(250);

/// Set in one that stood by before exec(2) already.
static RESUMED: AtomicI32 = AtomicI32::new(0);
/// Where the keeper listens; 0: where every process does that has called exec(2).
static ADDRESS: AtomicU32 = AtomicU32::new(0);
/// How many looks a process that ends waits for a file that is being passed on to it: some 10 s. Only where the owner or the
/// keeper hangs in a file system, or gets no processor, does it take more than a few. Looks are counted, since no time
/// counts in which all are frozen (cgroups(7)).
const TAKE_OVER_LOOKS: u32 = 500;
/// Pause between two of these looks, unless the keeper tells before that it has the file. Each look opens the file.
const TAKE_OVER_LOOK: Duration = Duration::from_millis(20);

/// A file that has become this process's, and who waits to hear of that.
pub struct Inheritance {
    pub file: PidFile,
    owner: Option<Connection>,
}

/// Records that this process was a candidate before exec(2).
pub fn set_resumed() {
    RESUMED.store(sys::getpid(), Ordering::SeqCst);
}

/// Returns where the keeper of this process listens, as a number.
pub fn address() -> u32 {
    ADDRESS.load(Ordering::SeqCst)
}

/// Records that this process ends: if it is a candidate it is not one any more. Where the file names it already, or its
/// keeper has begun to take it, waits until the keeper has it. Gives up after [`TAKE_OVER_LOOKS`].
///
/// Async-signal-safe.
pub fn withdraw() {
    if !state::is_candidate() {
        return;
    }
    let shared = shared_state();
    if let Some(shared) = shared {
        await_removal_seen(shared);
        shared.candidates.forget(sys::getpid());
    }
    // Before the file is looked at, whose file system may not answer. What the owner writes from now on it takes back. A
    // process that has called exec(2) does not share its owner's memory.
    let has_called_exec = RESUMED.load(Ordering::SeqCst) == sys::getpid();
    let may_be_named = || has_called_exec || shared.is_none_or(SharedState::may_name_us);
    let is_named = || may_be_named() && host_file::path().is_some_and(names_us_at);
    for _ in 0..TAKE_OVER_LOOKS {
        let may_come = || standing::is_taking() || is_named();
        if state::phase() != Phase::Standby || !may_come() && standing::withdraw() {
            return;
        }
        // The keeper may wait for another owner by then.
        state::wait_beyond(Phase::Standby, TAKE_OVER_LOOK);
    }
}

/// Tells the old owner that this process has the file.
///
/// Context: keeper of the successor.
pub fn acknowledge(owner: Option<&Connection>) {
    exec_state::take(Role::Owner);
    if let Some(shared) = shared_state() {
        shared.candidates.forget(sys::getpid());
    }
    if let Some(owner) = owner {
        owner.acknowledge();
    }
}

impl Inheritance {
    /// Takes it apart: the file, and whom to tell.
    pub fn into_parts(self) -> (PidFile, Option<Connection>) {
        (self.file, self.owner)
    }
}

/// Waits until the file is this process's, or until it is known that it will never be.
///
/// Context: keeper of a candidate.
pub fn wait(config: &Config) -> Option<Inheritance> {
    standing::begin();
    ADDRESS.store(0, Ordering::SeqCst);
    fd_table::enter().ok()?;
    let standby = StandbyFile::open(&config.path);
    let has_called_exec = RESUMED.load(Ordering::SeqCst) == sys::getpid();
    let listener = if has_called_exec {
        Listener::after_exec(exec_state::file())?
    } else {
        let (listener, address) = Listener::new(exec_state::file())?;
        ADDRESS.store(address, Ordering::SeqCst);
        listener
    };
    state::enter(Phase::Standby);
    let mut owner = if has_called_exec {
        standby.as_ref()?.owner()?
    } else {
        state::owner()
    };
    loop {
        let was_named = owner == sys::getpid();
        let sent = match &standby {
            Some(file) if was_named => wait_for_sender(&listener, file),
            _ => wait_for_end(&listener, owner),
        };
        if let Some((message, connection)) = sent {
            if !standing::take() {
                wait_for_end_of_process();
            }
            return match message {
                Message::Deleted => {
                    terminate::terminate(config);
                    None
                }
                Message::File(fd, parent) => {
                    let file = PidFile::received(&config.path, fd, parent)?;
                    Some(Inheritance {
                        file,
                        owner: Some(connection),
                    })
                }
            };
        }
        if !standing::take() {
            wait_for_end_of_process();
        }
        let ours = |file| Some(Inheritance { file, owner: None });
        match standby
            .as_ref()
            .map_or(StandbyStatus::Unknown, StandbyFile::look)
        {
            // Its owner lives, and sends it, or takes it back.
            StandbyStatus::Ours if has_called_exec && !standby.as_ref()?.is_free() => {
                owner = sys::getpid()
            }
            StandbyStatus::Ours => return ours(standby?.into_owned()?),
            StandbyStatus::Deleted if !host_file::has_removed() => {
                terminate::terminate(config);
                break;
            }
            StandbyStatus::Other(other) if other != owner && (was_named || may_own(other)) => {
                owner = other
            }
            StandbyStatus::Other(_) => break,
            StandbyStatus::Stale => {
                standby?.remove_stale();
                break;
            }
            StandbyStatus::Deleted | StandbyStatus::Removed | StandbyStatus::Unknown => {
                // The host may have put one of its own in its place.
                if names_us_at(&config.path) || may_come_late() {
                    return ours(PidFile::claim(&config.path, Lock::Kept, &|_| ()).ok()?);
                }
                break;
            }
        }
        standing::wait_again();
    }
    if let Some(shared) = shared_state() {
        shared.candidates.forget(sys::getpid());
    }
    None
}

/// Waits for what the owner sends, in a process that has called exec(2) and that the file names already: its owner is
/// just passing it on. Returns nothing if nobody holds the lock, or if the owner has taken the file back.
fn wait_for_sender(listener: &Listener, file: &StandbyFile) -> Option<(Message, Connection)> {
    /// An owner that takes longer is stopped, or gets no processor.
    const SOON: usize = 400;
    let may_send = |peer: &libc::ucred| peer.uid == 0 || peer.uid == sys::geteuid();
    let pauses = repeat_n(LOOK, SOON).chain(repeat(WITHOUT_PIDFD));
    for pause in pauses {
        // Before the message is looked for: one that comes later comes from nobody.
        let is_over = file.owner() != Some(sys::getpid()) || file.is_free();
        if !is_over {
            listener.wait(None, Some(pause));
        }
        match listener.receive(may_send) {
            // Who else may send does not know what file it is.
            Some((Message::File(fd, _), _)) if !file.is_same(&fd) => {}
            Some(sent) => return Some(sent),
            None => {}
        }
        if is_over {
            break;
        }
    }
    None
}

/// Sleeps in a keeper that may take nothing more. Its sockets stay open until the process has ended: the owner takes a closed
/// one of a living process for a call of exec(2).
fn wait_for_end_of_process() -> ! {
    loop {
        futex::pause(WITHOUT_PIDFD);
    }
}

/// Returns whether a process is one from which this one may get the file: the process between, or another candidate.
fn may_own(pid: libc::pid_t) -> bool {
    pid == lineage::parent() || shared_state().is_some_and(|shared| shared.candidates.knows(pid))
}

/// Returns whether the owner has left the path to this process, of all its children.
fn may_come_late() -> bool {
    RESUMED.load(Ordering::SeqCst) != sys::getpid()
        && shared_state().is_some_and(|shared| {
            !shared.candidates.has_several(lineage::parent())
                && shared.may_come_late(lineage::times())
        })
}

/// Returns what the owner has sent, or nothing if it has ended without a word.
fn wait_for_end(listener: &Listener, owner: libc::pid_t) -> Option<(Message, Connection)> {
    let pidfd = pidfd_of(owner);
    let has_ended = || !procfs::is_running(owner);
    loop {
        let bound = pidfd.is_none().then_some(WITHOUT_PIDFD);
        // Before the message is looked for: one that comes later comes from nobody.
        let is_over = has_ended();
        if !is_over {
            listener.wait(pidfd.as_ref(), bound);
        }
        if let Some(sent) =
            listener.receive(|peer| peer.pid == owner || peer.pid == lineage::parent())
        {
            return Some(sent);
        }
        if is_over {
            return None;
        }
    }
}

fn pidfd_of(pid: libc::pid_t) -> Option<OwnedFd> {
    // SAFETY: takes numbers only; the new descriptor is nobody else's.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        Some(OwnedFd::from_raw_fd(check(fd as i32).ok()?))
    }
}
