//! What is in a PID file: a PID in decimal and a newline.

use std::ffi::{CStr, c_int};
use std::os::fd::{AsRawFd, OwnedFd};

use crate::paths::open;
use crate::sys::{self, check};

/// A PID in decimal and a newline.
pub struct Content([u8; 12], usize);

impl Content {
    pub fn naming(pid: libc::pid_t) -> Self {
        let mut digits = [b'\n'; 12];
        let mut start = digits.len() - 1;
        let mut rest = pid as u32;
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return Self(digits, start);
            }
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0[self.1..]
    }
}

/// The first number in a PID file: blanks before it and anything after the line are allowed.
pub fn parse_pid(content: &[u8]) -> Option<libc::pid_t> {
    let content = content.trim_ascii_start();
    let digits = content
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (number, rest) = content.split_at(digits);
    if !rest.first().is_none_or(u8::is_ascii_whitespace) {
        return None;
    }
    std::str::from_utf8(number)
        .ok()?
        .parse()
        .ok()
        .filter(|pid| *pid > 0)
}

pub fn read_pid(fd: &OwnedFd) -> Option<libc::pid_t> {
    let mut content = [0; 32];
    // SAFETY: writes at most the size of `content`.
    let size = unsafe {
        libc::pread(
            fd.as_raw_fd(),
            content.as_mut_ptr().cast(),
            content.len(),
            0,
        )
    };
    parse_pid(content.get(..usize::try_from(size).ok()?)?)
}

pub fn write(fd: &OwnedFd, content: &[u8]) -> Result<(), c_int> {
    // SAFETY: reads at most the size of `content`.
    let size = unsafe { libc::pwrite(fd.as_raw_fd(), content.as_ptr().cast(), content.len(), 0) };
    match check(size as c_int) {
        Ok(size) if size as usize == content.len() => Ok(()),
        Ok(_) => Err(libc::ENOSPC),
        Err(errno) => Err(errno),
    }
}

/// Makes a file that readers may be looking at name a process: the first line is right from the
/// first instant. Who has read a shorter one to its end, and then asks for more, gets what the new
/// one has beyond it: a second newline, where the PID has grown by a digit.
pub fn replace(fd: &OwnedFd, pid: libc::pid_t) -> Result<(), c_int> {
    let content = Content::naming(pid);
    write(fd, content.bytes())?;
    let length = content.bytes().len() as libc::off_t;
    // SAFETY: the descriptor is ours.
    check(unsafe { libc::ftruncate(fd.as_raw_fd(), length) }).map(|_| ())
}

/// Whether our PID is in the file that the path leads to.
pub fn names_us_at(path: &CStr) -> bool {
    open(path, libc::O_RDONLY).is_ok_and(|fd| read_pid(&fd) == Some(sys::getpid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_the_first_number_of_the_file() {
        for (content, pid) in [
            ("12\n", Some(12)),
            ("12", Some(12)),
            (" \n12 34\n", Some(12)),
            ("7\n/var/lib/data\n", Some(7)),
            ("", None),
            ("\n", None),
            ("0\n", None),
            ("-5\n", None),
            ("12x", None),
            ("pid 12", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_pid(content.as_bytes()), pid, "{content:?}");
        }
        assert_eq!(parse_pid(b"\xff\xfe"), None);
    }

    #[test]
    fn content_is_the_pid_and_a_newline() {
        for pid in [1, 10, 4_194_304, i32::MAX] {
            assert_eq!(Content::naming(pid).bytes(), format!("{pid}\n").as_bytes());
        }
    }
}
