//! Environment and command line → [`Config`]. Every setting is described here, once.
//!
//! A bad value is reported and the default used: nothing here ends or delays the host.

use std::ffi::{CString, c_int};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use super::env::Variables;
use super::exec_state::ExecState;
use super::{Follow, LONGEST_PATH, Log, Watch, values};
use crate::sys::text::escaped;

#[derive(Debug)]
pub struct Config {
    /// Absolute, as given where it was given absolute.
    pub path: CString,
    pub follow: Follow,
    pub signal: c_int,
    pub kill_after: Option<Duration>,
    pub watch: Watch,
    pub strict: bool,
    /// Whether a second process removes the file where no handler of this one can.
    pub guard: bool,
    pub log: Log,
}

impl Config {
    /// Makes sense of the values. What it cannot make sense of goes to `complain`, one line each.
    ///
    /// # Errors
    ///
    /// Why the path cannot be used.
    pub fn new(
        setting: &[u8],
        mark: Option<&ExecState>,
        variables: &Variables,
        mut complain: impl FnMut(String),
    ) -> Result<Self, String> {
        let mut value = |name: &str, value: Option<&[u8]>, wanted: &str| {
            complain(format!(
                "{name}={}: not {wanted}; the default is used",
                escaped(value.unwrap_or_default())
            ));
        };
        let signal = variables.signal.map_or(Some(libc::SIGTERM), values::signal);
        let signal = signal.unwrap_or_else(|| {
            value(
                "PIDFILE_SIGNAL",
                variables.signal,
                "the name or number of a signal",
            );
            libc::SIGTERM
        });
        let kill_after = variables
            .kill_after
            .map_or(Some(Duration::ZERO), values::seconds);
        let kill_after = kill_after.unwrap_or_else(|| {
            value(
                "PIDFILE_KILL_AFTER",
                variables.kill_after,
                "a number of seconds",
            );
            Duration::ZERO
        });
        let watch = variables.watch.map_or(Some(Watch::Auto), values::watch);
        let watch = watch.unwrap_or_else(|| {
            let wanted = "auto, inotify, poll, poll:SECONDS or off";
            value("PIDFILE_WATCH", variables.watch, wanted);
            Watch::Auto
        });
        let log = variables.log();
        if variables.log.is_some_and(|log| values::log(log).is_none()) {
            value("PIDFILE_LOG", variables.log, "auto, stderr, syslog or off");
        }
        let follow = variables.follow.map_or(Some(Follow::Auto), values::follow);
        let follow = follow.unwrap_or_else(|| {
            value("PIDFILE_FOLLOW", variables.follow, "auto, fork or off");
            Follow::Auto
        });
        let strict = variables.strict.map_or(Some(false), values::switch);
        let strict = strict.unwrap_or_else(|| {
            value("PIDFILE_STRICT", variables.strict, "0 or 1");
            false
        });
        let guard = variables.guard.map_or(Some(false), values::switch);
        let guard = guard.unwrap_or_else(|| {
            value("PIDFILE_GUARD", variables.guard, "0 or 1");
            false
        });
        Ok(Config {
            path: absolute(mark.map_or(setting, |mark| mark.path))?,
            follow,
            signal,
            kill_after: Some(kill_after).filter(|after| !after.is_zero()),
            watch,
            strict,
            guard,
            log,
        })
    }
}

/// Resolved once, at the start: hosts call chdir(2).
fn absolute(setting: &[u8]) -> Result<CString, String> {
    let mut path = Vec::new();
    if setting.len() > LONGEST_PATH {
        return Err(format!(
            "the path is too long (at most {LONGEST_PATH} bytes)"
        ));
    }
    if !setting.starts_with(b"/") {
        path = std::env::current_dir()
            .map_err(|error| format!("the current directory is not known: {error}"))?
            .into_os_string()
            .into_vec();
        path.push(b'/');
    }
    path.extend_from_slice(setting);
    if path.len() > LONGEST_PATH {
        return Err(format!(
            "the path is too long (at most {LONGEST_PATH} bytes)"
        ));
    }
    CString::new(path).map_err(|_| "the path holds a zero byte".to_owned())
}
