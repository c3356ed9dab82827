//! Sends and receives messages over the socket: a few numbers, and one descriptor at most (SCM_RIGHTS).

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use crate::sys::{Errno, check};

/// Room for one descriptor, aligned as the kernel's header wants it.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// What is sent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    pub kind: u64,
    pub device: u64,
    pub inode: u64,
}

pub const FILE: u64 = 1;
pub const FILE_OF_NOWHERE: u64 = 2;
pub const DELETED: u64 = 3;
pub const TAKEN: u64 = 4;

impl Text {
    pub fn bare(kind: u64) -> Self {
        Self {
            kind,
            device: 0,
            inode: 0,
        }
    }
}

/// Sends a text, with a descriptor if there is one; does not wait.
pub fn send(socket: &OwnedFd, mut text: Text, fd: Option<&OwnedFd>) -> Result<(), Errno> {
    let mut control = Control([0; 64]);
    with_message(&mut text, &mut control, |message| {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the control data has room for one descriptor.
        unsafe {
            if let Some(fd) = fd {
                message.msg_controllen = libc::CMSG_SPACE(size_of::<c_int>() as u32) as _;
                let header = libc::CMSG_FIRSTHDR(message);
                (*header).cmsg_level = libc::SOL_SOCKET;
                (*header).cmsg_type = libc::SCM_RIGHTS;
                (*header).cmsg_len = libc::CMSG_LEN(size_of::<c_int>() as u32) as _;
                libc::CMSG_DATA(header)
                    .cast::<c_int>()
                    .write_unaligned(fd.as_raw_fd());
            } else {
                message.msg_control = ptr::null_mut();
                message.msg_controllen = 0;
            }
            check(libc::sendmsg(socket.as_raw_fd(), message, flags) as c_int).map(drop)
        }
    })
}

/// Receives a text, with the descriptor that came with it; does not wait. `None` if there is none, or another one.
pub fn receive(socket: &OwnedFd) -> Option<(Text, Option<OwnedFd>)> {
    let (mut text, mut control) = (Text::bare(0), Control([0; 64]));
    let fd = with_message(&mut text, &mut control, |message| {
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: the message has room for what it says. The kernel puts in whole descriptors, and
        // those are nobody else's.
        unsafe {
            let read = libc::recvmsg(socket.as_raw_fd(), message, flags);
            (read as usize == size_of::<Text>()).then_some(())?;
            let Some(header) = libc::CMSG_FIRSTHDR(message).as_ref() else {
                return Some(None);
            };
            let is_one = header.cmsg_level == libc::SOL_SOCKET
                && header.cmsg_type == libc::SCM_RIGHTS
                && header.cmsg_len == libc::CMSG_LEN(size_of::<c_int>() as u32) as _;
            Some(is_one.then(|| {
                OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<c_int>().read_unaligned())
            }))
        }
    })?;
    Some((text, fd))
}

/// Calls `call` with a message of one text, and room for a descriptor.
fn with_message<T>(
    text: &mut Text,
    control: &mut Control,
    call: impl FnOnce(&mut libc::msghdr) -> T,
) -> T {
    let mut part = libc::iovec {
        iov_base: ptr::from_mut(text).cast(),
        iov_len: size_of::<Text>(),
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
