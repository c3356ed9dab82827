//! Makes the addresses at which successors listen, in the abstract namespace (unix(7)), which needs no file system.
//!
//! The address names the file that the successor stands by for. So an owner that was told the number of another service's
//! successor finds nobody there.

use crate::sys::unix_socket;

/// Below that are the numbers that one tries that has called exec(2), and can tell its owner nothing any more.
pub const AFTER_EXEC: u32 = 4;

/// Returns the address with this number at which `pid` listens if it stands by for the file that `file` stands for.
pub fn address_of(
    file: u64,
    pid: libc::pid_t,
    number: u32,
) -> (libc::sockaddr_un, libc::socklen_t) {
    unix_socket::address_of(format!("\0libpidfile-{file:x}-{pid}-{number:x}").as_bytes())
}
