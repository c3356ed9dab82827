//! Holds the variable as a string for exec(2), in memory that lives as long as the process.

use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::io::Write;
use std::sync::atomic::{AtomicI32, Ordering};

use super::format::ExecState;
use crate::sys;

/// Name of the environment variable.
pub const VARIABLE: &[u8] = b"LIBPIDFILE_MARK";

/// The variable as exec(2) gets it: a string with its zero byte.
///
/// The PID lies before it: most texts are short, and take one page of memory then.
#[repr(C)]
pub struct Text {
    /// The process that it is for, or that is in it; 0: there is no text. Set after that was written.
    pub pid: AtomicI32,
    bytes: UnsafeCell<[u8; LONGEST]>,
}

/// Room in bytes for the longest path and all before it.
const LONGEST: usize = libc::PATH_MAX as usize + 256;

// SAFETY: the bytes are written only while `pid` is 0, by the one thread that `begin`, `keep` and `take` allow.
unsafe impl Sync for Text {}

impl Text {
    /// Makes one without text.
    pub const fn none() -> Self {
        Self {
            bytes: UnsafeCell::new([0; LONGEST]),
            pid: AtomicI32::new(0),
        }
    }

    /// Writes the variable; `value` writes its value. If there is no room for it there is no text.
    pub fn write(
        &self,
        pid: libc::pid_t,
        value: impl FnOnce(&mut &mut [u8]) -> std::io::Result<()>,
    ) {
        self.pid.store(0, Ordering::SeqCst);
        // SAFETY: nothing reads the bytes while `pid` is 0, and one thread writes, which `begin`, `keep` and `take` ask for.
        let text = unsafe { &mut *self.bytes.get() };
        let mut rest = &mut text[..LONGEST - 1];
        let room = rest.len();
        let written = rest
            .write_all(VARIABLE)
            .and_then(|()| rest.write_all(b"="))
            .and_then(|()| value(&mut rest));
        let length = room - rest.len();
        if written.is_ok() {
            text[length] = 0;
            self.pid.store(pid, Ordering::SeqCst);
        }
    }

    /// Writes the variable, for the process `of`.
    pub fn write_state(&self, of: libc::pid_t, state: &ExecState) {
        self.write(of, |rest| state.write(rest));
    }

    /// Returns the text and its process, if there is one.
    pub fn get(&self) -> Option<(&'static CStr, libc::pid_t)>
    where
        Self: 'static,
    {
        let pid = self.pid.load(Ordering::SeqCst);
        // SAFETY: the text is complete and ends in a zero byte. It is a static, and written again only by a new process
        // image's first thread or where `take` allows.
        (pid != 0).then(|| (unsafe { CStr::from_ptr(self.bytes.get().cast()) }, pid))
    }

    /// Returns the text if it is for this process.
    pub fn of_this_process(&'static self) -> Option<&'static CStr> {
        let (text, pid) = self.get()?;
        (pid == sys::getpid()).then_some(text)
    }
}
