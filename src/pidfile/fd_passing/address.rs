//! Makes the addresses at which successors listen, in the abstract namespace (unix(7)), which needs no file system.

use std::mem::{MaybeUninit, offset_of};

/// Which addresses one tries that has called exec(2), and can tell its owner nothing any more.
pub const AFTER_EXEC: u32 = 4;

pub fn no_address() -> libc::sockaddr_un {
    // SAFETY: all zeroes is an address.
    let mut address: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    address
}

/// Returns an address in the abstract namespace, which needs no file system.
fn abstract_address(name: &str) -> (libc::sockaddr_un, libc::socklen_t) {
    let mut address = no_address();
    for (to, from) in address.sun_path[1..].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    let length = offset_of!(libc::sockaddr_un, sun_path) + 1 + name.len();
    (address, length as libc::socklen_t)
}

pub fn numbered_address(number: u32) -> (libc::sockaddr_un, libc::socklen_t) {
    abstract_address(&format!("{:05x}", number & 0xf_ffff))
}

pub fn address_after_exec(pid: libc::pid_t, which: u32) -> (libc::sockaddr_un, libc::socklen_t) {
    abstract_address(&format!("libpidfile-{pid}-{which}"))
}
