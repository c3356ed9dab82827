//! Makes the settings of the library of options: the variables that they become, and which values mean something.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::Settings;
use crate::location::absolute;
use crate::output::Failure;
use crate::signals;

impl Settings {
    /// Returns the variables that the options stand for. A relative path counts from the current directory.
    ///
    /// # Errors
    ///
    /// A current directory that was removed.
    pub fn variables(&self) -> Result<Vec<(&'static str, OsString)>, Failure> {
        let mut variables: Vec<(&'static str, OsString)> = Vec::new();
        let mut set = |name, value: Option<&OsStr>| {
            if let Some(value) = value {
                variables.push((name, value.to_owned()));
            }
        };
        let text = |value: &Option<String>| value.as_deref().map(OsStr::new).map(OsStr::to_owned);
        let path = self.pidfile.as_deref().map(absolute).transpose()?;
        set("PIDFILE_PATH", path.as_deref().map(Path::as_os_str));
        set("PIDFILE_EXE", self.exe.as_deref().map(Path::as_os_str));
        set("PIDFILE_FOLLOW", text(&self.follow).as_deref());
        set("PIDFILE_SIGNAL", text(&self.signal).as_deref());
        set("PIDFILE_KILL_AFTER", text(&self.kill_after).as_deref());
        set("PIDFILE_WATCH", text(&self.watch).as_deref());
        set("PIDFILE_STRICT", self.strict.then_some(OsStr::new("1")));
        set("PIDFILE_GUARD", self.guard.then_some(OsStr::new("1")));
        let log = if self.trace {
            Some("stderr".into())
        } else {
            text(&self.log)
        };
        set("PIDFILE_LOG", log.as_deref());
        Ok(variables)
    }

    /// Returns the path that the library will take: `-kernel pidfile` of the command, then the option, then the variables.
    ///
    /// # Errors
    ///
    /// A current directory that was removed.
    pub fn file(&self, command: &[OsString]) -> Result<Option<PathBuf>, Failure> {
        let path = kernel_pidfile(command)
            .or_else(|| self.pidfile.clone())
            .or_else(|| variable("PIDFILE_PATH").map(PathBuf::from))
            .or_else(|| variable("PIDFILE").map(PathBuf::from));
        path.filter(|path| !path.as_os_str().is_empty())
            .map(|path| absolute(&path))
            .transpose()
    }

    /// Returns the program that may own the file, if only one may.
    pub fn only(&self) -> Option<PathBuf> {
        self.exe
            .clone()
            .or_else(|| non_empty("PIDFILE_EXE").map(PathBuf::from))
    }

    pub fn traces(&self) -> bool {
        self.trace
            || self
                .log
                .as_deref()
                .map(OsString::from)
                .or_else(|| variable("PIDFILE_LOG"))
                .is_some_and(|log| log == "stderr")
    }
}

/// Returns a variable of the environment, if it is set to something.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

pub fn non_empty(name: &str) -> Option<OsString> {
    variable(name).filter(|value| !value.is_empty())
}

/// Finds `-kernel pidfile '"path"'` among the arguments of an Erlang node.
fn kernel_pidfile(command: &[OsString]) -> Option<PathBuf> {
    let at = command
        .windows(2)
        .position(|two| two[0] == "-kernel" && two[1] == "pidfile")?;
    let value = command.get(at + 2)?.as_bytes();
    let bare = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    Some(OsString::from_vec(bare.unwrap_or(value).to_vec()).into())
}

/// Seconds, also fractions of them; at most ten years, so that no later addition overflows.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub Duration);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const LONGEST: f64 = 3650.0 * 86_400.0;
        let is_plain = !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        match text.parse::<f64>() {
            Ok(seconds) if is_plain && seconds <= LONGEST => {
                Ok(Self(Duration::from_secs_f64(seconds)))
            }
            _ => Err("is no number of seconds"),
        }
    }
}

/// A value that is checked here, and handed to the library as it is.
#[derive(Clone, Copy)]
pub struct Text {
    means: fn(&str) -> Option<String>,
    why: &'static str,
    offers: &'static [&'static str],
}

impl Text {
    pub const fn signal() -> Self {
        Self {
            // The library takes no `-HUP` and no `hup`.
            means: |text| {
                signals::number(text).map(|_| text.trim_start_matches('-').to_ascii_uppercase())
            },
            why: "is no signal: kill -l lists them",
            offers: &signals::COMMON,
        }
    }

    pub const fn seconds() -> Self {
        Self {
            means: |text| text.parse::<Seconds>().is_ok().then(|| text.to_owned()),
            why: "is no number of seconds",
            offers: &[],
        }
    }

    pub const fn watch() -> Self {
        Self {
            means: |text| {
                let interval = text.strip_prefix("poll:").map(str::parse::<Seconds>);
                let is_one = matches!(text, "auto" | "inotify" | "poll" | "off")
                    || interval.is_some_and(|every| {
                        every.is_ok_and(|every| every.0 >= Duration::from_millis(1))
                    });
                is_one.then(|| text.to_owned())
            },
            why: "is not one of auto, inotify, poll, poll:SECONDS, off",
            offers: &["auto", "inotify", "poll", "poll:", "off"],
        }
    }
}

impl TypedValueParser for Text {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        if let Some(text) = value.to_str().and_then(self.means) {
            return Ok(text);
        }
        let kind = if value.is_empty() {
            ErrorKind::InvalidValue
        } else {
            ErrorKind::ValueValidation
        };
        let mut error = clap::Error::raw(kind, self.why).with_cmd(command);
        if let Some(argument) = argument {
            error.insert(
                ContextKind::InvalidArg,
                ContextValue::String(argument.to_string()),
            );
        }
        error.insert(
            ContextKind::InvalidValue,
            ContextValue::String(value.to_string_lossy().into_owned()),
        );
        Err(error)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        if self.offers.is_empty() {
            return None;
        }
        Some(Box::new(self.offers.iter().map(PossibleValue::new)))
    }
}
