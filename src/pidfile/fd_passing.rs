//! Gives a successor the file: over a socket at which its keeper listens (unix(7)), the owner sends the descriptor that
//! holds the lock and can be written through (SCM_RIGHTS).
//!
//! So the successor needs no right of its own: neither to find the file (chroot(2)), nor to open it for
//! writing, nor to get the lock before others. Both ends know from the kernel who the other one is
//! (SO_PEERCRED): a process, and the user that it was when it began to listen.
//!
//! ```text
//! successor   listens at an address of the kernel's choice, and tells its number
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
use address::{AFTER_EXEC, address_after_exec, no_address, numbered_address};
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
    /// Begins to listen; returns the number of the address too.
    pub fn new() -> Option<(Self, u32)> {
        let socket = socket()?;
        let mut address = no_address();
        let unnamed = size_of::<libc::sa_family_t>() as libc::socklen_t;
        let mut length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        // SAFETY: an address of that length, and room for one as long; the descriptor is ours.
        unsafe {
            let fd = socket.as_raw_fd();
            check(libc::bind(fd, (&raw const address).cast(), unnamed)).ok()?;
            check(libc::listen(fd, 8)).ok()?;
            check(libc::getsockname(
                fd,
                (&raw mut address).cast(),
                &mut length,
            ))
            .ok()?;
        }
        // A zero byte and five hexadecimal digits (unix(7), autobind).
        let mut number = 0;
        for digit in address.sun_path.get(1..6)? {
            number = number << 4 | char::from(*digit as u8).to_digit(16)?;
        }
        // So that no address is 0.
        Some((Self(socket), number + 1))
    }

    /// Begins to listen where the owner will look for a process that has called exec(2).
    pub fn after_exec() -> Option<Self> {
        let socket = socket()?;
        (0..AFTER_EXEC).find_map(|which| {
            let (address, length) = address_after_exec(sys::getpid(), which);
            // SAFETY: an address of that length; the descriptor is ours.
            let bound =
                unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
            check(bound).ok()
        })?;
        // SAFETY: takes numbers only.
        check(unsafe { libc::listen(socket.as_raw_fd(), 8) }).ok()?;
        Some(Self(socket))
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
    /// Connects to the keeper of a process, at the number that it has told (0: after exec(2)). Returns who it
    /// is, and was when it began to listen.
    pub fn to(pid: libc::pid_t, number: u32) -> Option<(Self, libc::ucred)> {
        let numbered = number.checked_sub(1).map(numbered_address);
        let after_exec = (0..AFTER_EXEC).map(|which| address_after_exec(pid, which));
        numbered
            .into_iter()
            .chain(after_exec)
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
