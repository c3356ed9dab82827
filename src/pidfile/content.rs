//! Reads and writes the content of a PID file: a PID in decimal and a newline.

use std::ffi::{CStr, c_int};
use std::os::fd::{AsRawFd, OwnedFd};

use crate::sys::fs::{fstat, open};
use crate::sys::{self, Errno, check};

/// A PID in decimal and a newline, at the end of the array from that index on.
pub struct Content([u8; 12], usize);

impl Content {
    /// Formats the content for a process. Allocates nothing.
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

    /// Returns the bytes to write.
    pub fn bytes(&self) -> &[u8] {
        &self.0[self.1..]
    }
}

/// Parses the content of a PID file: a positive number, with blanks before it, and a blank and anything else after it.
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

/// What a file is, by what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A PID file, or one that somebody is about to write, or that a crash has left without its content.
    PidFile,
    /// Something that a mistyped path has hit.
    Other,
}

/// Returns what a file is. A PID file is empty, or begins with a number; what follows on the line, and after
/// it, is up to the program that writes it.
pub fn kind(fd: &OwnedFd) -> Kind {
    let mut content = [0; 64];
    // SAFETY: `content` is writable for as many bytes as the call is told; the descriptor is open as long as `fd`.
    let size = unsafe {
        libc::pread(
            fd.as_raw_fd(),
            content.as_mut_ptr().cast(),
            content.len(),
            0,
        )
    };
    // What cannot be read is no reason to take it for something else: the lock decides.
    kind_of(content.get(..size.max(0) as usize).unwrap_or_default())
}

/// Returns what a file is, from its first bytes.
fn kind_of(start: &[u8]) -> Kind {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let Some(first) = start.iter().position(|byte| !is_blank(byte)) else {
        return Kind::PidFile;
    };
    let number = &start[first..];
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit());
    match digits.count() {
        0 => Kind::Other,
        digits if number.get(digits).is_none_or(is_blank) => Kind::PidFile,
        _ => Kind::Other,
    }
}

/// Reads the PID in a file; `None` if there is none.
pub fn read_pid(fd: &OwnedFd) -> Option<libc::pid_t> {
    let mut content = [0; 32];
    // SAFETY: `content` is writable for as many bytes as the call is told; the descriptor is open as long as `fd`.
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

/// Writes to the beginning of a file, in one call.
pub fn write(fd: &OwnedFd, content: &[u8]) -> Result<(), Errno> {
    write_at(fd, content, 0)
}

/// Writes in one call; a write that was cut short is ENOSPC.
fn write_at(fd: &OwnedFd, content: &[u8], offset: usize) -> Result<(), Errno> {
    let (start, length, offset) = (content.as_ptr(), content.len(), offset as libc::off_t);
    // SAFETY: `start` can be read for `length` bytes; the descriptor is open as long as `fd`.
    let size = unsafe { libc::pwrite(fd.as_raw_fd(), start.cast(), length, offset) };
    match check(size as c_int) {
        Ok(size) if size as usize == length => Ok(()),
        Ok(_) => Err(Errno(libc::ENOSPC)),
        Err(errno) => Err(errno),
    }
}

/// Replaces the PID in a file that others may be reading. A reader sees the old or the new PID as the first line, and
/// after it nothing but empty lines. A reader that has read a shorter content to its end, and then reads on, gets the
/// rest of the new content. Where the PID has grown by a digit, that is a second newline.
pub fn replace(fd: &OwnedFd, pid: libc::pid_t) -> Result<(), Errno> {
    let content = Content::naming(pid);
    let length = content.bytes().len();
    let before = usize::try_from(fstat(fd)?.st_size).unwrap_or(0);
    let mut padded = [b'\n'; 12];
    padded[..length].copy_from_slice(content.bytes());
    // A reader may see what is written before it sees that the file has grown: of one byte more it
    // would miss but the newline.
    if before + 1 < length {
        write_at(fd, &[b'\n'; 12][before..length], before)?;
    }
    write(fd, &padded[..before.clamp(length, 12)])?;
    // SAFETY: ftruncate(2) takes numbers only; the descriptor is open as long as `fd`.
    check(unsafe { libc::ftruncate(fd.as_raw_fd(), length as libc::off_t) }).map(|_| ())
}

/// Returns whether the file at a path names this process.
pub fn names_us_at(path: &CStr) -> bool {
    open(path, libc::O_RDONLY).is_ok_and(|fd| read_pid(&fd) == Some(sys::getpid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::proptest_config::same_each_time;
    use proptest::prelude::*;

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
    fn kind_empty_or_number_first_is_pid_file() {
        for (content, kind) in [
            (&b""[..], Kind::PidFile),
            (b"\n", Kind::PidFile),
            (&[0; 64], Kind::PidFile),
            (b"12", Kind::PidFile),
            (b" \n12 34\n", Kind::PidFile),
            (b"7\n/var/lib/data\n", Kind::PidFile),
            (b"0\n", Kind::PidFile),
            (&[b'7'; 64], Kind::PidFile),
            (b"-5\n", Kind::Other),
            (b"12x", Kind::Other),
            (b"pid 12", Kind::Other),
            (b"[server]\nport = 8080\n", Kind::Other),
            (b"\0\xff\xfe", Kind::Other),
        ] {
            assert_eq!(kind_of(content), kind, "{content:?}");
        }
    }

    #[test]
    fn content_is_the_pid_and_a_newline() {
        for pid in [1, 10, 4_194_304, i32::MAX] {
            assert_eq!(Content::naming(pid).bytes(), format!("{pid}\n").as_bytes());
        }
    }

    fn pid() -> impl Strategy<Value = libc::pid_t> {
        // As many of two digits as of ten.
        (0..10_u32, 1..=libc::pid_t::MAX).prop_map(|(less, pid)| (pid / 10_i32.pow(less)).max(1))
    }

    proptest! {
        #![proptest_config(same_each_time())]

        #[test]
        fn what_we_write_is_read_back_whatever_follows(pid in pid(), rest: Vec<u8>) {
            let content = [Content::naming(pid).bytes(), &rest].concat();
            prop_assert_eq!(parse_pid(&content), Some(pid));
        }

        #[test]
        fn anything_is_a_pid_in_decimal_or_none(content in "[ \n\t0-9+-]{0,14}|\\PC{0,40}") {
            let pid = parse_pid(content.as_bytes());
            let word = content.trim_ascii_start().split_ascii_whitespace().next();
            let word = word.filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
            let number = word.and_then(|word| word.parse::<i128>().ok());
            let number = number.filter(|number| (1..=i128::from(libc::pid_t::MAX)).contains(number));
            prop_assert_eq!(pid.map(i128::from), number);
        }

        #[test]
        fn bytes_that_are_no_text_do_no_harm(content: Vec<u8>) {
            prop_assert!(parse_pid(&content).is_none_or(|pid| pid > 0));
        }

        /// Shows that the first line of a file that is written over is right from the first instant. A reader that has
        /// read the old line to its end gets at most blanks after it.
        #[test]
        fn one_pid_takes_another_ones_place(old in pid(), new in pid()) {
            let file: OwnedFd = tempfile::tempfile().unwrap().into();
            let all = |file: &OwnedFd| {
                let mut content = [0; 32];
                // SAFETY: writes at most the size of `content`.
                let size = unsafe {
                    libc::pread(file.as_raw_fd(), content.as_mut_ptr().cast(), content.len(), 0)
                };
                content[..size as usize].to_vec()
            };
            replace(&file, old).unwrap();
            write(&file, Content::naming(new).bytes()).unwrap();
            prop_assert_eq!(parse_pid(&all(&file)), Some(new));
            replace(&file, new).unwrap();
            let content = all(&file);
            let whole = Content::naming(new);
            prop_assert_eq!(&content, whole.bytes());
            let read = Content::naming(old).bytes().to_vec();
            let more = content.get(read.len()..).unwrap_or_default();
            prop_assert_eq!(parse_pid(&[&read, more].concat()), Some(old));
        }
    }
}
