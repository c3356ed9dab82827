//! Makes addresses of Unix sockets.

use std::mem::{MaybeUninit, offset_of};

/// Returns the address with this name, and its length: a path that ends in a zero byte, or a name in the abstract namespace,
/// which begins with one (unix(7)). What is too long for an address is cut off.
pub fn address_of(name: &[u8]) -> (libc::sockaddr_un, libc::socklen_t) {
    // SAFETY: plain data, of which all zeroes is a value.
    let mut address: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let mut length = offset_of!(libc::sockaddr_un, sun_path);
    for (to, from) in address.sun_path.iter_mut().zip(name) {
        *to = *from as libc::c_char;
        length += 1;
    }
    (address, length as libc::socklen_t)
}
