//! Finds the file that exec(2) runs for a name, and tells why it could not be executed.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat};

use super::rights;
use crate::output::{Failure, quoted, shown, status};

/// Returns the file that exec(2) will run for a name.
pub fn find_on_path(word: &OsStr) -> Result<PathBuf, Failure> {
    if word.as_bytes().contains(&b'/') {
        return Ok(word.into());
    }
    let not_found = || {
        let why = if word.is_empty() {
            "an empty name is no program"
        } else {
            "there is no such program on the PATH"
        };
        Err(Failure::new(status::NOT_FOUND, shown(word), why).help("name it with its directory"))
    };
    if word.is_empty() {
        return not_found();
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    for directory in std::env::split_paths(&path) {
        let directory = if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &directory
        };
        let program = directory.join(word);
        if program.is_file() && may(&program, Access::EXEC_OK) {
            return Ok(program);
        }
    }
    not_found()
}

/// Returns whether this process may access a file in this way.
fn may(file: &Path, access: Access) -> bool {
    accessat(CWD, file, access, AtFlags::EACCESS).is_ok()
}

/// Fails if a file cannot be executed.
pub fn check_executable(program: &Path) -> Result<(), Failure> {
    let fail = |status, why: &str| Failure::new(status, shown(program), why);
    match fs::metadata(program) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(fail(
            status::NOT_EXECUTABLE,
            "its directory may not be searched",
        )
        .help("do it as another user")),
        Err(_) => Err(fail(status::NOT_FOUND, "there is no such program").help("look at the path")),
        Ok(found) if found.is_dir() => {
            Err(fail(status::NOT_EXECUTABLE, "is a directory").help("name a program in it"))
        }
        Ok(_) if may(program, Access::EXEC_OK) => Ok(()),
        Ok(_) if rights::has_mount_flag(program, StatVfsMountFlags::NOEXEC) => Err(fail(
            status::NOT_EXECUTABLE,
            "is on a file system that is mounted with noexec",
        )
        .help("copy it to another place")),
        Ok(_) => Err(fail(status::NOT_EXECUTABLE, "may not be executed")
            .help(format_args!("chmod a+x {}", quoted(program)))),
    }
}
