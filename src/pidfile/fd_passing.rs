//! Gives a successor the file: over a socket at which its keeper listens (unix(7)), the owner sends the descriptor that
//! holds the lock and can be written through (SCM_RIGHTS).
//!
//! So the successor needs no right of its own: neither to find the file (chroot(2)), nor to open it for
//! writing, nor to get the lock before others. Both ends know from the kernel who the other one is
//! (SO_PEERCRED): a process, and the user that it was when it began to listen.
//!
//! ```text
//! successor   listens at an address that names the file and itself, and tells the number in it
//! owner       connects, asks the kernel who it is, writes the PID, sends the descriptor
//! successor   has the file, and answers
//! owner       ends; if the successor ends before it has answered, takes the file back
//! ```
//!
//! haproxy needs it, whose daemon enters a chroot and gives up root before its launcher ends. Shown by
//! `handover/rights::launcher_dropping_root_first_hands_over` and `handover/rights::daemon_that_drops_root_inherits`.

mod address;
mod message;

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use crate::sys::fs::FileId;
use crate::sys::{self, Errno, check, clock};
use address::{AFTER_EXEC, address_of};
use message::{DELETED, FILE, FILE_OF_NOWHERE, TAKEN, Text};

/// How long the one end waits for a message that the other is just sending.
const SENDING: Duration = Duration::from_secs(2);

/// Where a successor listens.
pub struct Listener(OwnedFd);

/// One end of a connection.
pub struct Connection(OwnedFd);

/// What an owner has to say.
pub enum Message {
    /// The file is yours. With it comes the directory that it was put in.
    File(OwnedFd, Option<FileId>),
    /// The file was deleted just before the successor would have got it.
    Deleted,
}

/// What has become of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Taken,
    /// The successor ends.
    Ended,
    /// The successor neither answers nor ends.
    None,
}

impl Listener {
    /// Begins to listen for the owner of `file`; returns the number of the address too, which is never 0. Nobody can guess it,
    /// and take the address before.
    pub fn new(file: u64) -> Option<(Self, u32)> {
        const ATTEMPTS: u32 = 4;
        let number = |_| random_number().max(AFTER_EXEC);
        Self::at_first_of((0..ATTEMPTS).map(number), file)
    }

    /// Begins to listen where the owner of `file` will look for a process that has called exec(2).
    pub fn after_exec(file: u64) -> Option<Self> {
        Self::at_first_of(0..AFTER_EXEC, file).map(|(listener, _)| listener)
    }

    /// Begins to listen at the first of these addresses that is free.
    fn at_first_of(mut numbers: impl Iterator<Item = u32>, file: u64) -> Option<(Self, u32)> {
        let socket = socket()?;
        let number = numbers.find(|number| {
            let (address, length) = address_of(file, sys::getpid(), *number);
            // SAFETY: an address of that length; the descriptor is ours.
            let bound =
                unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
            check(bound).is_ok()
        })?;
        // SAFETY: takes numbers only.
        check(unsafe { libc::listen(socket.as_raw_fd(), 8) }).ok()?;
        Some((Self(socket), number))
    }

    /// Sleeps until somebody connects, or the process ends that `pidfd` stands for; or for `bound`.
    /// Returns whether somebody has connected.
    pub fn wait(&self, pidfd: Option<&OwnedFd>, bound: Option<Duration>) -> bool {
        let of = |fd: c_int| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        // poll(2) ignores negative numbers.
        let mut fds = [
            of(self.0.as_raw_fd()),
            of(pidfd.map_or(-1, OwnedFd::as_raw_fd)),
        ];
        poll(&mut fds, bound);
        fds[0].revents != 0
    }

    /// Returns what the owner has sent, if there is something; others are not listened to.
    pub fn receive(
        &self,
        is_owner: impl Fn(&libc::ucred) -> bool,
    ) -> Option<(Message, Connection)> {
        let none = ptr::null_mut();
        loop {
            let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
            // SAFETY: takes no address; the new descriptor is nobody else's.
            let connection = unsafe {
                let fd = libc::accept4(self.0.as_raw_fd(), none, none.cast(), flags);
                Connection(OwnedFd::from_raw_fd(check(fd).ok()?))
            };
            if connection.peer().is_some_and(|peer| is_owner(&peer))
                && let Some((text, fd)) = connection.read(SENDING)
            {
                let parent = FileId(text.device, text.inode);
                let message = match (text.kind, fd) {
                    (FILE, Some(fd)) => Message::File(fd, Some(parent)),
                    (FILE_OF_NOWHERE, Some(fd)) => Message::File(fd, None),
                    (DELETED, _) => Message::Deleted,
                    _ => continue,
                };
                return Some((message, connection));
            }
        }
    }
}

impl Connection {
    /// Connects to the keeper of a process that stands by for `file`, at the number that it has told (0: after exec(2)).
    /// Returns who it is, and was when it began to listen.
    pub fn to(file: u64, pid: libc::pid_t, number: u32) -> Option<(Self, libc::ucred)> {
        let told = (number >= AFTER_EXEC).then_some(number);
        told.into_iter()
            .chain(0..AFTER_EXEC)
            .map(|number| address_of(file, pid, number))
            .find_map(|(address, length)| {
                let connection = Self(socket()?);
                // SAFETY: an address of that length; the descriptor is ours.
                let connected = unsafe {
                    let fd = connection.0.as_raw_fd();
                    libc::connect(fd, (&raw const address).cast(), length)
                };
                check(connected).ok()?;
                let peer = connection.peer().filter(|peer| peer.pid == pid)?;
                Some((connection, peer))
            })
    }

    fn peer(&self) -> Option<libc::ucred> {
        let mut peer = MaybeUninit::<libc::ucred>::zeroed();
        let mut size = size_of::<libc::ucred>() as libc::socklen_t;
        // SAFETY: room for the answer, which is read only on success; zeroed is a valid ucred.
        unsafe {
            check(libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                peer.as_mut_ptr().cast(),
                &mut size,
            ))
            .ok()?;
            Some(peer.assume_init())
        }
    }

    /// Sends the file, and the directory that it is in.
    ///
    /// Context: keeper of the owner.
    pub fn offer(&self, file: &OwnedFd, parent: Option<FileId>) -> Result<(), Errno> {
        let FileId(device, inode) = parent.unwrap_or(FileId(0, 0));
        let kind = if parent.is_some() {
            FILE
        } else {
            FILE_OF_NOWHERE
        };
        let text = Text {
            kind,
            device,
            inode,
        };
        message::send(&self.0, text, Some(file))
    }

    /// Says that the file was deleted.
    ///
    /// Context: keeper of the owner.
    pub fn tell_deleted(&self) {
        let _ = message::send(&self.0, Text::bare(DELETED), None);
    }

    /// Waits until the successor has the file; gives up after `bound`.
    ///
    /// Context: keeper of the owner.
    pub fn answer(&self, bound: Duration) -> Answer {
        match self.read_or_end(bound) {
            Some(Some((text, _))) if text.kind == TAKEN => Answer::Taken,
            Some(_) => Answer::Ended,
            None => Answer::None,
        }
    }

    /// Says that this process has the file.
    ///
    /// Context: keeper of the successor.
    pub fn acknowledge(&self) {
        let _ = message::send(&self.0, Text::bare(TAKEN), None);
    }

    fn read(&self, bound: Duration) -> Option<(Text, Option<OwnedFd>)> {
        self.read_or_end(bound).flatten()
    }

    /// Returns a message, or that the other end is closed; `None` if neither comes.
    #[expect(
        clippy::option_option,
        reason = "no answer and no message are two things"
    )]
    fn read_or_end(&self, bound: Duration) -> Option<Option<(Text, Option<OwnedFd>)>> {
        let end = clock::now() + bound;
        loop {
            let mut fds = [libc::pollfd {
                fd: self.0.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            }];
            poll(&mut fds, Some(end.saturating_sub(clock::now())));
            if fds[0].revents != 0 {
                return Some(message::receive(&self.0));
            }
            if clock::now() >= end {
                return None;
            }
        }
    }
}

/// Returns a number that nobody can guess. Before Linux 3.17, and as long as the kernel has no entropy (getrandom(2)), it is
/// the clock's.
fn random_number() -> u32 {
    let mut bytes = [0; size_of::<u32>()];
    // SAFETY: the bytes are writable, and the length is theirs.
    let got = unsafe {
        libc::syscall(
            libc::SYS_getrandom,
            bytes.as_mut_ptr(),
            bytes.len(),
            libc::GRND_NONBLOCK,
        )
    };
    if usize::try_from(got) == Ok(bytes.len()) {
        u32::from_ne_bytes(bytes)
    } else {
        clock::nanoseconds() as u32
    }
}

/// Calls poll(2); returns early if it is interrupted.
fn poll(fds: &mut [libc::pollfd], bound: Option<Duration>) {
    let bound = bound.map_or(-1, |bound| {
        c_int::try_from(bound.as_millis() + 1).unwrap_or(c_int::MAX)
    });
    // SAFETY: as many as there are, and writable.
    unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, bound) };
}

fn socket() -> Option<OwnedFd> {
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes numbers; the new descriptor is nobody else's.
    unsafe {
        Some(OwnedFd::from_raw_fd(
            check(libc::socket(libc::AF_UNIX, kind, 0)).ok()?,
        ))
    }
}
