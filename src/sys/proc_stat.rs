//! Parses the line in /proc/PID/stat (proc(5)).

use std::ffi::CString;
use std::io;

use super::fs::read_once;
use super::text;

/// The line in /proc/PID/stat: what the kernel tells of a process or a thread.
pub struct Stat {
    bytes: [u8; Stat::LONGEST],
    length: usize,
}

impl Stat {
    /// In bytes: 52 fields of at most 20 digits with a blank each, and a name.
    const LONGEST: usize = 1200;

    /// Reads the line from a file.
    ///
    /// # Errors
    ///
    /// There is no such process, or no /proc.
    pub fn read(path: &str) -> io::Result<Self> {
        let mut bytes = [0; Self::LONGEST];
        let length = read_once(&CString::new(path)?, &mut bytes);
        Ok(Self {
            bytes,
            length: length?,
        })
    }

    /// Returns a field by its number in proc(5), from 3 on. The name in field 2 may contain blanks, parentheses, and bytes
    /// that are no text, so the fields are counted from the last parenthesis.
    pub fn field(&self, number: usize) -> Option<&[u8]> {
        let line = &self.bytes[..self.length];
        let name_end = line.iter().rposition(|&byte| byte == b')')?;
        let fields = line[name_end + 1..].split(u8::is_ascii_whitespace);
        let mut fields = fields.filter(|field| !field.is_empty());
        fields.nth(number.checked_sub(3)?)
    }

    /// Returns the number in a field.
    pub fn count(&self, number: usize) -> Option<u64> {
        text::number(self.field(number)?)
    }

    /// Returns whether the process or thread is a zombie, or about to vanish.
    pub fn has_ended(&self) -> bool {
        matches!(self.field(3), Some(b"Z" | b"X"))
    }

    /// Returns the number of threads of the process.
    pub fn threads(&self) -> Option<u64> {
        self.count(20)
    }

    /// Returns whether the thread waits for an event that a signal can interrupt.
    pub fn is_asleep(&self) -> bool {
        self.field(3) == Some(b"S")
    }

    /// Returns whether the thread has a processor, waits for one, or is in a wait that no signal can interrupt.
    pub fn is_busy(&self) -> bool {
        matches!(self.field(3), Some(b"R" | b"D"))
    }

    /// Returns whether a thread of the process is left. A main thread that has ended is a zombie while others run on.
    pub fn is_running(&self) -> bool {
        !self.has_ended() || self.threads().is_some_and(|threads| threads > 1)
    }

    /// Returns the kernel's flags (PF_* of include/linux/sched.h); `None` where it shows none, as gVisor does.
    fn flags(&self) -> Option<u64> {
        self.count(9).filter(|flags| *flags != 0)
    }

    /// Returns whether the thread is in exit(2), past its last signal.
    pub fn is_ending(&self) -> bool {
        /// PF_EXITING.
        const ENDING: u64 = 0x4;
        self.flags().is_some_and(|flags| flags & ENDING != 0)
    }

    /// Returns whether the process has called exec(2) since it was forked; false where that cannot be seen.
    pub fn has_called_exec(&self) -> bool {
        /// PF_FORKNOEXEC.
        const FORKED: u64 = 0x40;
        self.flags().is_some_and(|flags| flags & FORKED == 0)
    }

    /// Returns the PID of the parent.
    pub fn parent(&self) -> Option<libc::pid_t> {
        self.count(4)?.try_into().ok()
    }

    /// Returns when the process started, in clock ticks since boot.
    pub fn started(&self) -> Option<u64> {
        self.count(22)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::proptest_config::same_each_time;
    use proptest::prelude::*;

    fn stat_of(line: &[u8]) -> Stat {
        let mut bytes = [0; Stat::LONGEST];
        let length = line.len().min(bytes.len());
        bytes[..length].copy_from_slice(&line[..length]);
        Stat { bytes, length }
    }

    proptest! {
        #![proptest_config(same_each_time())]

        #[test]
        fn stat_with_any_name_is_parsed(
            name: [u8; 15],
            state in "[RSDZTtXI]",
            start: u64,
            rest in "( [0-9]{1,20}){0,30}",
        ) {
            let before = b" 4711 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 ";
            let stat = [b"9 (", &name[..], b") ", state.as_bytes(), before].concat();
            let stat = [&stat[..], start.to_string().as_bytes(), rest.as_bytes(), b"\n"].concat();
            let stat = stat_of(&stat);
            prop_assert_eq!(stat.has_ended(), state == "Z" || state == "X");
            prop_assert_eq!(stat.count(4), Some(4711));
            prop_assert_eq!(stat.threads(), Some(3));
            prop_assert_eq!(stat.started(), Some(start));
        }

        #[test]
        fn stat_of_other_bytes_has_no_fields(line: Vec<u8>, number: usize) {
            let stat = stat_of(&line);
            let field = stat.field(number);
            prop_assert!(field.is_none() || number >= 3 && line.contains(&b')'));
            prop_assert!(stat.count(number).is_none() || field.is_some());
        }
    }
}
