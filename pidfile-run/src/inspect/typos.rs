//! Typing errors that nothing else would tell of: a program that is never started, and variables that nobody reads.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::executable::find_on_path;
use crate::output::Failure;

/// The settings of the library, but for `PIDFILE` itself.
const SETTINGS: [&str; 9] = [
    "PIDFILE_PATH",
    "PIDFILE_EXE",
    "PIDFILE_FOLLOW",
    "PIDFILE_SIGNAL",
    "PIDFILE_KILL_AFTER",
    "PIDFILE_WATCH",
    "PIDFILE_STRICT",
    "PIDFILE_GUARD",
    "PIDFILE_LOG",
];
/// Letters that may differ. With three `PIDFILE_RUN` would be taken for `PIDFILE_LOG`.
const TYPOS: usize = 2;
/// Bytes of a command that are searched for a name.
const SEARCHED: u64 = 4 * 1024 * 1024;

/// Tells of variables that are no setting and look like one. Other names that begin so may be another program's.
pub fn misspelt_settings() -> Vec<Failure> {
    std::env::vars_os()
        .filter_map(|(name, _)| {
            let name = name.to_str()?.to_owned();
            let meant = meant_by(&name)?;
            let why = format!("is no setting of libpidfile: is it {meant}?");
            Some(Failure::new(0, name, why))
        })
        .collect()
}

/// Returns the setting that a variable's name is a misspelt form of.
fn meant_by(name: &str) -> Option<&'static str> {
    if !name.starts_with("PIDFILE") || name == "PIDFILE" || SETTINGS.contains(&name) {
        return None;
    }
    SETTINGS
        .into_iter()
        .find(|setting| strsim::osa_distance(name, setting) <= TYPOS)
}

/// Returns whether a command may come to start a program of this name. The program is on the PATH or beside the
/// command, or its name is in the command's words or its file.
pub fn may_start(program: &Path, command: &[OsString], name: &Path) -> bool {
    let bytes = name.as_os_str().as_bytes();
    let is_beside = program
        .parent()
        .is_some_and(|there| there.join(name).exists());
    is_beside
        || find_on_path(name.as_os_str()).is_ok()
        || command.iter().any(|word| contains(word, bytes))
        || mentions(program, bytes)
}

/// Returns whether a file mentions a name, or cannot be read.
fn mentions(file: &Path, name: &[u8]) -> bool {
    let mut content = Vec::new();
    let read = File::open(file).and_then(|file| file.take(SEARCHED).read_to_end(&mut content));
    read.is_err() || contains(OsStr::from_bytes(&content), name)
}

fn contains(text: &OsStr, name: &[u8]) -> bool {
    !name.is_empty() && text.as_bytes().windows(name.len()).any(|part| part == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_setting_is_a_typo() {
        assert_eq!(meant_by("PIDFILE_STRCT"), Some("PIDFILE_STRICT"));
        assert_eq!(meant_by("PIDFILE_KILLAFTER"), Some("PIDFILE_KILL_AFTER"));
        assert_eq!(meant_by("PIDFILEPATH"), Some("PIDFILE_PATH"));
        for other in [
            "PIDFILE",
            "PIDFILE_EXE",
            "PIDFILE_RUN",
            "PIDFILE_DIR",
            "PIDFILES",
            "PATH",
        ] {
            assert_eq!(meant_by(other), None, "{other}");
        }
    }
}
