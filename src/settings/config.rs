//! Makes a [`Config`] of the environment and the command line.
//!
//! Nothing here ends or delays the host: a value that means nothing is reported, and the default is used.

use std::ffi::{CString, c_int};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use super::env::Variables;
use super::exec_state::ExecState;
use super::{Follow, LONGEST_PATH, Log, Watch, values};
use crate::sys::text::escaped;

/// The settings of this process. They are described where they are read, in [`Variables`].
#[derive(Debug)]
pub struct Config {
    /// Absolute. A path that was given absolute is as it was given.
    pub path: CString,
    pub follow: Follow,
    pub signal: c_int,
    /// How long after the signal SIGKILL is sent; `None`: never.
    pub kill_after: Option<Duration>,
    pub watch: Watch,
    pub strict: bool,
    pub guard: bool,
    pub log: Log,
}

impl Config {
    /// Interprets the values of the settings. Each value that means nothing is one line to `complain`, which says
    /// what is used instead.
    ///
    /// # Errors
    ///
    /// Why the path cannot be used.
    pub fn new(
        setting: &[u8],
        state: Option<&ExecState>,
        variables: &Variables,
        mut complain: impl FnMut(String),
    ) -> Result<Self, String> {
        let path = absolute(state.map_or(setting, |state| state.path))?;
        Ok(Config {
            path,
            signal: Setting {
                name: "PIDFILE_SIGNAL",
                value: variables.signal,
                parse: values::signal,
                expected: "the name or number of a signal",
                default: (libc::SIGTERM, "TERM"),
            }
            .read(&mut complain),
            kill_after: Setting {
                name: "PIDFILE_KILL_AFTER",
                value: variables.kill_after,
                parse: values::kill_after,
                expected: "a number of seconds",
                default: (None, "0"),
            }
            .read(&mut complain),
            watch: Setting {
                name: "PIDFILE_WATCH",
                value: variables.watch,
                parse: values::watch,
                expected: "auto, inotify, poll, poll:SECONDS or off",
                default: (Watch::Auto, "auto"),
            }
            .read(&mut complain),
            log: Setting {
                name: "PIDFILE_LOG",
                value: variables.log,
                parse: values::log,
                expected: "auto, stderr, syslog or off",
                default: (Log::Auto, "auto"),
            }
            .read(&mut complain),
            follow: Setting {
                name: "PIDFILE_FOLLOW",
                value: variables.follow,
                parse: values::follow,
                expected: "auto, fork or off",
                default: (Follow::Auto, "auto"),
            }
            .read(&mut complain),
            strict: Setting::switch("PIDFILE_STRICT", variables.strict).read(&mut complain),
            guard: Setting::switch("PIDFILE_GUARD", variables.guard).read(&mut complain),
        })
    }
}

/// One setting: where its value comes from, and what it may be.
struct Setting<'a, T> {
    name: &'static str,
    value: Option<&'a [u8]>,
    parse: fn(&[u8]) -> Option<T>,
    /// What a value may be, for the complaint.
    expected: &'static str,
    /// The default, and how a user would write it.
    default: (T, &'static str),
}

impl<'a> Setting<'a, bool> {
    fn switch(name: &'static str, value: Option<&'a [u8]>) -> Self {
        Self {
            name,
            value,
            parse: values::switch,
            expected: "0 or 1",
            default: (false, "0"),
        }
    }
}

impl<T> Setting<'_, T> {
    /// Returns what the value means. The default counts where there is no value, or an empty one, and where the value
    /// means nothing; only the last is worth a complaint.
    fn read(self, complain: &mut impl FnMut(String)) -> T {
        let (default, default_name) = self.default;
        let Some(value) = self.value.filter(|value| !value.is_empty()) else {
            return default;
        };
        (self.parse)(value).unwrap_or_else(|| {
            let (name, value, expected) = (self.name, escaped(value), self.expected);
            complain(format!(
                "{name}={value}: expected {expected}; using the default, {default_name}"
            ));
            default
        })
    }
}

/// Makes a path absolute. Once, at the start: hosts call chdir(2).
fn absolute(setting: &[u8]) -> Result<CString, String> {
    let mut path = Vec::new();
    // The length first: no copy is made of a path of megabytes.
    if setting.len() <= LONGEST_PATH && !setting.starts_with(b"/") {
        path = std::env::current_dir()
            .map_err(|error| format!("the current directory is not known: {error}"))?
            .into_os_string()
            .into_vec();
        path.push(b'/');
    }
    if path.len() + setting.len() > LONGEST_PATH {
        return Err(format!(
            "the path is too long (at most {LONGEST_PATH} bytes)"
        ));
    }
    path.extend_from_slice(setting);
    CString::new(path).map_err(|_| "the path holds a zero byte".to_owned())
}
