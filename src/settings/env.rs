//! Finds the variables and arguments that are settings.

use std::ffi::{CStr, c_char};

use super::exec_state::{self, ExecState};
use super::{LONGEST_PATH, Log, values};
use crate::sys::Vector;
use crate::sys::vector::{begins_with, pointers, strings};

/// Libraries that the loader loads before others (ld.so(8)).
const PRELOAD: &[u8] = b"LD_PRELOAD";

/// The environment variables, in the order of the README.
#[derive(Clone, Copy, Default)]
pub struct Variables<'a> {
    /// `PIDFILE`: path of the file; empty means off.
    pub pidfile: Option<&'a [u8]>,
    /// `PIDFILE_PATH`: the same; beats `PIDFILE`, for hosts that use that name themselves.
    pub pidfile_path: Option<&'a [u8]>,
    /// `PIDFILE_EXE`: only a process whose executable has this name or path may own the file.
    pub exe: Option<&'a [u8]>,
    /// `PIDFILE_FOLLOW`: `auto`, `fork`, `off`.
    pub follow: Option<&'a [u8]>,
    /// `PIDFILE_SIGNAL`: the signal sent on deletion: `TERM`, `SIGTERM`, `15`, `RTMIN+3`.
    pub signal: Option<&'a [u8]>,
    /// `PIDFILE_KILL_AFTER`: seconds from then to SIGKILL, if the host is still there; 0: never.
    pub kill_after: Option<&'a [u8]>,
    /// `PIDFILE_WATCH`: `auto`, `inotify`, `poll`, `poll:SECONDS`, `off`.
    pub watch: Option<&'a [u8]>,
    /// `PIDFILE_STRICT`: `1`: where the file cannot be claimed, the program does not run.
    pub strict: Option<&'a [u8]>,
    /// `PIDFILE_GUARD`: `1`: a second process removes the file where no handler can, as after SIGKILL.
    pub guard: Option<&'a [u8]>,
    /// `PIDFILE_LOG`: `auto`, `stderr`, `syslog`, `off`.
    pub log: Option<&'a [u8]>,
    /// Not a setting: see [`super::exec_state`].
    pub exec_state: Option<&'a [u8]>,
    /// Not a setting: `LD_PRELOAD`, by which most processes get this library.
    pub preload: Option<&'a [u8]>,
}

impl<'a> Variables<'a> {
    /// Reads all variables in one pass. Allocates nothing: this runs in every child process of every host.
    ///
    /// # Safety
    ///
    /// `environ` is null or an environment block that lives for `'a`.
    pub unsafe fn read(environ: Vector) -> Self {
        let mut found = Variables::default();
        // SAFETY: null, or a vector that lives long enough, by this function's contract.
        for entry in unsafe { pointers(environ) } {
            const BEGINNINGS: [&[u8]; 3] = [b"PIDFILE", b"LIBPIDFILE", PRELOAD];
            // Of the many variables of an environment nearly all end here, at their first byte.
            // SAFETY: a C string, by this function's contract.
            let begins_with = |beginning: &&[u8]| unsafe { begins_with(entry, beginning) };
            if !BEGINNINGS.iter().any(begins_with) {
                continue;
            }
            // SAFETY: the caller's promise.
            let entry = unsafe { CStr::from_ptr(entry) }.to_bytes();
            let Some(equals) = entry.iter().position(|&byte| byte == b'=') else {
                continue;
            };
            let (name, value) = (&entry[..equals], &entry[equals + 1..]);
            let slot = match name {
                b"PIDFILE" => &mut found.pidfile,
                b"PIDFILE_PATH" => &mut found.pidfile_path,
                b"PIDFILE_EXE" => &mut found.exe,
                b"PIDFILE_FOLLOW" => &mut found.follow,
                b"PIDFILE_SIGNAL" => &mut found.signal,
                b"PIDFILE_KILL_AFTER" => &mut found.kill_after,
                b"PIDFILE_WATCH" => &mut found.watch,
                b"PIDFILE_STRICT" => &mut found.strict,
                b"PIDFILE_GUARD" => &mut found.guard,
                b"PIDFILE_LOG" => &mut found.log,
                exec_state::VARIABLE => &mut found.exec_state,
                PRELOAD => &mut found.preload,
                _ => continue,
            };
            // The first of several counts, as for getenv(3).
            slot.get_or_insert(value);
        }
        found
    }

    /// Returns the setting that names the file, from the command line or the environment. `None`: there is nothing to do.
    ///
    /// # Safety
    ///
    /// `argv` is null or an argument vector that lives for `'a`.
    pub unsafe fn setting(&self, argv: Vector) -> Option<&'a [u8]> {
        // SAFETY: the caller's promise.
        match unsafe { kernel_pidfile(argv) } {
            Some(named) => Some(named).filter(|path| !path.is_empty()),
            None => self.path(),
        }
    }

    /// Returns the setting in the environment that names the file.
    pub fn path(&self) -> Option<&'a [u8]> {
        let named = self.pidfile_path.or(self.pidfile);
        named.filter(|path| !path.is_empty())
    }

    /// Returns where messages go. Needed even where the path is of no use.
    pub fn log(&self) -> Log {
        self.log.and_then(values::log).unwrap_or(Log::Auto)
    }

    /// Returns whether the program must not run without the file. Needed even where the path is of no use.
    pub fn is_strict(&self) -> bool {
        self.strict.and_then(values::switch).unwrap_or(false)
    }

    /// Returns what the image before exec(2) has left for this one, about whatever file.
    pub fn state(&self) -> Option<ExecState<'a>> {
        self.exec_state.and_then(ExecState::parse)
    }

    /// Returns what the image before exec(2) has left for this one, about the file that `setting` names.
    pub fn state_for(&self, setting: &[u8]) -> Option<ExecState<'a>> {
        self.state()
            .filter(|state| state.concerns(setting) && state.is_of_this_boot())
    }

    /// Returns whether this process runs the program that `PIDFILE_EXE` names, by its path or its file name. The path is the
    /// one that was executed, which is that of the script for a script, or the one of the executable with links resolved:
    /// `python3` or `python3.11`.
    pub fn wants_this_program(&self) -> bool {
        let Some(wanted) = self.exe.filter(|exe| !exe.is_empty()) else {
            return true;
        };
        let is_wanted = |path: &[u8]| {
            let name = path.rsplit(|&byte| byte == b'/').next();
            path == wanted || name == Some(wanted)
        };
        executed().is_some_and(is_wanted) || {
            let mut path = [0; LONGEST_PATH];
            // SAFETY: writes at most the size of `path`.
            let size = unsafe {
                libc::readlink(
                    c"/proc/self/exe".as_ptr(),
                    path.as_mut_ptr().cast(),
                    path.len(),
                )
            };
            usize::try_from(size).is_ok_and(|size| is_wanted(&path[..size]))
        }
    }
}

/// Returns the path by which this program was executed, as the kernel was given it.
pub fn executed() -> Option<&'static [u8]> {
    // SAFETY: AT_EXECFN is null or points to a string that the kernel has put on the stack of the main thread, above
    // all that the program uses. It is there as long as the process.
    unsafe {
        let name = libc::getauxval(libc::AT_EXECFN) as *const c_char;
        (!name.is_null()).then(|| CStr::from_ptr(name).to_bytes())
    }
}

/// Returns whether a PID is one of the arguments, or the value of `MAINPID`.
///
/// # Safety
///
/// Both vectors are null or can be read.
pub unsafe fn names_pid(argv: Vector, environ: Vector, pid: libc::pid_t) -> bool {
    let pid = pid.to_string();
    // SAFETY: null, or vectors that can be read, by this function's contract.
    let (arguments, variables) = unsafe { (strings(argv), strings(environ)) };
    let mut variables = variables.filter_map(|entry| entry.to_bytes().strip_prefix(b"MAINPID="));
    let mut arguments = arguments.map(CStr::to_bytes);
    arguments.any(|argument| argument == pid.as_bytes())
        || variables.any(|value| value == pid.as_bytes())
}

/// Returns the path in Erlang's `-kernel pidfile '"path"'` (in `vm.args`, or the arguments of `beam.smp`), which is the
/// setting of Distillery. Parameters follow `-kernel` in pairs, up to the next flag; the last one counts.
///
/// # Safety
///
/// `argv` is null or an argument vector that lives for `'a`.
pub unsafe fn kernel_pidfile<'a>(argv: Vector) -> Option<&'a [u8]> {
    let mut path = None;
    // SAFETY: null, or a vector that lives long enough, by this function's contract.
    let mut arguments = unsafe { strings::<'a>(argv) }.peekable();
    while let Some(flag) = arguments.next() {
        if flag != c"-kernel" {
            continue;
        }
        while let Some(name) = arguments.next_if(|next| !next.to_bytes().starts_with(b"-")) {
            let Some(value) = arguments.next_if(|next| !next.to_bytes().starts_with(b"-")) else {
                break;
            };
            if name == c"pidfile" {
                path = erlang_string(value.to_bytes()).or(path);
            }
        }
    }
    path
}

/// Returns the contents of an Erlang string literal without escapes, as paths are written.
pub fn erlang_string(term: &[u8]) -> Option<&[u8]> {
    let inside = term.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let plain = !inside.iter().any(|byte| matches!(byte, b'"' | b'\\'));
    plain.then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(strings: &[&CStr]) -> Vec<*const c_char> {
        let pointers = strings.iter().map(|string| string.as_ptr());
        pointers.chain([std::ptr::null()]).collect()
    }

    fn setting(environ: &[&'static CStr], argv: &[&'static CStr]) -> Option<String> {
        let (environ, argv) = (vector(environ), vector(argv));
        // SAFETY: both vectors end in null, and the strings are static.
        let setting = unsafe { Variables::read(environ.as_ptr()).setting(argv.as_ptr()) };
        setting.map(|path| String::from_utf8_lossy(path).into_owned())
    }

    #[test]
    fn command_line_beats_path_beats_pidfile() {
        let both = [c"PIDFILE=/a", c"PIDFILE_PATH=/b"];
        assert_eq!(setting(&both[..1], &[c"x"]).as_deref(), Some("/a"));
        assert_eq!(setting(&both, &[c"x"]).as_deref(), Some("/b"));
        let beam = [
            c"beam.smp",
            c"--",
            c"-kernel",
            c"pidfile",
            c"\"/c\"",
            c"-noshell",
        ];
        assert_eq!(setting(&both, &beam).as_deref(), Some("/c"));
    }

    #[test]
    fn setting_missing_or_empty_is_off() {
        assert_eq!(setting(&[], &[c"x"]), None);
        assert_eq!(setting(&[c"PIDFILE="], &[c"x"]), None);
        assert_eq!(setting(&[c"PIDFILES=/a", c"XPIDFILE=/a"], &[c"x"]), None);
        assert_eq!(setting(&[c"PIDFILE=/a", c"PIDFILE_PATH="], &[c"x"]), None);
    }

    #[test]
    fn kernel_parameters_are_pairs_until_next_flag() {
        let pairs = [
            c"-kernel", c"a", c"1", c"pidfile", c"\"/p\"", c"-x", c"pidfile", c"\"/q\"",
        ];
        assert_eq!(setting(&[], &pairs).as_deref(), Some("/p"));
        assert_eq!(setting(&[], &[c"-kernel", c"pidfile"]), None);
        assert_eq!(setting(&[], &[c"-kernel", c"pidfile", c"/unquoted"]), None);
        assert_eq!(setting(&[], &[c"-kernel"]), None);
    }
}
