//! What an heir may lack: a descriptor that it can write through.
//!
//! A launcher that gives up root and forks then leaves a daemon that may neither remove the file, in a
//! directory of root's, nor open it for writing. But its own keeper has opened it in time. So with
//! the file the keeper passes on that descriptor, over a socket at which the heir's keeper listens
//! (unix(7), SCM_RIGHTS), and the heir can at least empty the file in the end.
//!
//! The owner gives it to nobody but its heir (SO_PEERCRED). The heir takes no other file than the one
//! that it inherits, whoever has sent it.

use std::ffi::c_int;
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use crate::sys::fs::{FileId, fstat};
use crate::sys::{self, check};

/// Others may have sent something first.
const ATTEMPTS: usize = 8;

/// Where an heir listens.
pub struct Bequest(OwnedFd);

/// Room for one descriptor, aligned as the kernel's header wants it.
#[repr(C, align(8))]
struct Control([u8; 64]);

impl Bequest {
    pub fn expect() -> Option<Self> {
        let socket = socket()?;
        let (address, length) = address_of(sys::getpid());
        // SAFETY: an address of that length; the descriptor is ours.
        unsafe {
            let fd = socket.as_raw_fd();
            check(libc::bind(fd, (&raw const address).cast(), length)).ok()?;
            check(libc::listen(fd, 1)).ok()?;
        }
        Some(Self(socket))
    }

    /// The descriptor of this file that the last owner has left, if it has.
    pub fn receive(self, file: FileId) -> Option<OwnedFd> {
        (0..ATTEMPTS).find_map(|_| {
            receive_from(&self.accept()?).filter(|fd| {
                // SAFETY: only asks.
                let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
                let is_writable = flags != -1 && flags & libc::O_ACCMODE == libc::O_RDWR;
                is_writable && fstat(fd).is_ok_and(|stat| FileId::from(&stat) == file)
            })
        })
    }

    fn accept(&self) -> Option<OwnedFd> {
        let none = ptr::null_mut();
        // SAFETY: takes no address; the new descriptor is nobody else's.
        unsafe {
            let sender = libc::accept4(self.0.as_raw_fd(), none, none.cast(), libc::SOCK_CLOEXEC);
            Some(OwnedFd::from_raw_fd(check(sender).ok()?))
        }
    }
}

/// Leaves a copy of the descriptor to the heir, if that listens.
pub fn leave(fd: &OwnedFd, heir: libc::pid_t) -> Option<()> {
    let socket = socket()?;
    let (address, length) = address_of(heir);
    let mut peer = MaybeUninit::<libc::ucred>::zeroed();
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: an address of that length; room for the answer, which is read only on success.
    let peer = unsafe {
        let raw = socket.as_raw_fd();
        check(libc::connect(raw, (&raw const address).cast(), length)).ok()?;
        let answer = peer.as_mut_ptr().cast();
        check(libc::getsockopt(
            raw,
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            answer,
            &mut size,
        ))
        .ok()?;
        peer.assume_init()
    };
    if peer.pid != heir {
        return None;
    }
    let mut control = Control([0; 64]);
    with_message(&mut control, |message| {
        // SAFETY: the control data has room for one descriptor.
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(size_of::<c_int>() as u32) as _;
            let header = libc::CMSG_FIRSTHDR(message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size_of::<c_int>() as u32) as _;
            libc::CMSG_DATA(header)
                .cast::<c_int>()
                .write_unaligned(fd.as_raw_fd());
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            check(libc::sendmsg(socket.as_raw_fd(), message, flags) as c_int).ok()
        }
    })
    .map(|_| ())
}

fn receive_from(sender: &OwnedFd) -> Option<OwnedFd> {
    let mut control = Control([0; 64]);
    with_message(&mut control, |message| {
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: the message has room for what it says. The kernel puts in whole descriptors, and
        // those are nobody else's.
        unsafe {
            check(libc::recvmsg(sender.as_raw_fd(), message, flags) as c_int).ok()?;
            let header = libc::CMSG_FIRSTHDR(message).as_ref()?;
            let is_one = header.cmsg_level == libc::SOL_SOCKET
                && header.cmsg_type == libc::SCM_RIGHTS
                && header.cmsg_len as usize == libc::CMSG_LEN(size_of::<c_int>() as u32) as usize;
            is_one.then(|| {
                OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<c_int>().read_unaligned())
            })
        }
    })
}

/// A message of one byte, and room for a descriptor.
fn with_message<T>(control: &mut Control, call: impl FnOnce(&mut libc::msghdr) -> T) -> T {
    let mut byte = [0_u8];
    let mut part = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: byte.len(),
    };
    // SAFETY: all zeroes is a message without anything.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: only reckons.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<c_int>() as u32) } as _;
    call(&mut message)
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

/// In the abstract namespace, which needs no file system.
fn address_of(heir: libc::pid_t) -> (libc::sockaddr_un, libc::socklen_t) {
    // SAFETY: all zeroes is an address.
    let mut address: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let name = format!("\0libpidfile-{heir}");
    for (to, from) in address.sun_path.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    let length = offset_of!(libc::sockaddr_un, sun_path) + name.len();
    (address, length as libc::socklen_t)
}
