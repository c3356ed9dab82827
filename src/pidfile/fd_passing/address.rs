//! Makes the addresses at which successors listen, in the abstract namespace (unix(7)), which needs no file system.
//!
//! The address names the file that the successor stands by for. So an owner that was told the number of another service's
//! successor finds nobody there.

use std::mem::{MaybeUninit, offset_of};

/// Below that are the numbers that one tries that has called exec(2), and can tell its owner nothing any more.
pub const AFTER_EXEC: u32 = 4;

/// Returns the address with this number at which `pid` listens if it stands by for the file that `file` stands for.
pub fn address_of(
    file: u64,
    pid: libc::pid_t,
    number: u32,
) -> (libc::sockaddr_un, libc::socklen_t) {
    let name = format!("libpidfile-{file:x}-{pid}-{number:x}");
    // SAFETY: all zeroes is an address.
    let mut address: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in address.sun_path[1..].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    let length = offset_of!(libc::sockaddr_un, sun_path) + 1 + name.len();
    (address, length as libc::socklen_t)
}
