//! Becomes another program, which finds everything as this one has found it: descriptors, signals, and all of the environment
//! but the variables that are set here. (The standard library resets signals, and drops what is no variable.)

use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::io::Errno;

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// What execve(2) takes.
pub struct Image {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Image {
    /// Prepares a start of `program`, with `command` for its arguments and these variables set.
    pub fn new(program: &Path, command: &[OsString], variables: &[(&str, OsString)]) -> Self {
        let mut environment: Vec<CString> = environment()
            .filter(|entry| {
                let entry = entry.to_bytes();
                !variables.iter().any(|(name, _)| names(entry, name))
            })
            .map(CStr::to_owned)
            .collect();
        for (name, value) in variables {
            environment.push(text([OsStr::new(name), value].join(OsStr::new("="))));
        }
        Self {
            program: text(program.as_os_str().to_owned()),
            arguments: command.iter().cloned().map(text).collect(),
            environment,
        }
    }

    /// Becomes it; returns why not.
    pub fn exec(&self) -> Errno {
        let pointers = |texts: &[CString]| -> Vec<*const c_char> {
            let pointers = texts.iter().map(|text| text.as_ptr());
            pointers.chain([std::ptr::null()]).collect()
        };
        let (arguments, environment) = (pointers(&self.arguments), pointers(&self.environment));
        // SAFETY: the program is a C string; both vectors end with a null pointer, all others point to C strings that
        // `self` owns, and all of it outlives the call.
        unsafe {
            libc::execve(
                self.program.as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
            )
        };
        Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
    }
}

/// Returns the entries of the environment, also those that are no variables.
fn environment() -> impl Iterator<Item = &'static CStr> {
    // SAFETY: libc has set it before main. This program has one thread where it comes here, and never changes the
    // environment.
    let mut at = unsafe { environ };
    std::iter::from_fn(move || {
        if at.is_null() {
            return None;
        }
        // SAFETY: the vector ends with a null pointer, at which this has stopped; all others point to C strings that
        // live as long as the process.
        unsafe {
            let entry = *at;
            if entry.is_null() {
                return None;
            }
            at = at.add(1);
            Some(CStr::from_ptr(entry))
        }
    })
}

fn names(entry: &[u8], name: &str) -> bool {
    entry
        .strip_prefix(name.as_bytes())
        .is_some_and(|rest| rest.starts_with(b"="))
}

/// Words of the command line and of the environment have no NUL in them.
fn text(word: OsString) -> CString {
    let bytes = word.into_vec().into_iter().filter(|byte| *byte != 0);
    CString::new(bytes.collect::<Vec<u8>>()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_needs_the_whole_name() {
        assert!(names(b"PIDFILE=a", "PIDFILE"));
        assert!(!names(b"PIDFILE_PATH=a", "PIDFILE"));
        assert!(!names(b"PIDFILE", "PIDFILE"));
    }
}
