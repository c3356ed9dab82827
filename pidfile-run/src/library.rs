//! Finds the library, and tells whether it can be preloaded, and what LD_PRELOAD has to be.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access};

use crate::inspect::elf::{self, Elf};
use crate::inspect::rights::has_mount_flag;
use crate::location::absolute;
use crate::output::{Failure, quoted, shown, status};
use crate::settings::non_empty;

const NAME: &str = "libpidfile.so";
/// The library for programs that run with musl, where it is installed.
const NAME_FOR_MUSL: &str = "libpidfile-musl.so";
const NAME_IT: &str = "name the right one with --library FILE or LIBPIDFILE=FILE";

pub struct Library {
    pub path: PathBuf,
    pub elf: Elf,
}

impl Library {
    /// Finds the library: the one that is named, else the one that came with this command.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be preloaded.
    pub fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let path = match named
            .map(PathBuf::from)
            .or_else(|| non_empty("LIBPIDFILE").map(PathBuf::from))
        {
            Some(path) => absolute(&path)?,
            None => beside_us()?,
        };
        let fail = |why: &str| Failure::new(status::NOT_STARTED, shown(&path), why);
        if !fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            return Err(fail("there is no such library").help(NAME_IT));
        }
        // ld.so(8): both separate, and one begins $ORIGIN.
        if path
            .as_os_str()
            .as_bytes()
            .iter()
            .any(|byte| b" :$".contains(byte))
        {
            let copy = "copy the library to another place, and name it with --library FILE or LIBPIDFILE=FILE";
            return Err(fail(
                "LD_PRELOAD cannot name a path with a space, a colon or a dollar sign",
            )
            .help(copy));
        }
        if access(&path, Access::READ_OK).is_err() {
            return Err(fail("cannot be read").help(format_args!("chmod a+r {}", quoted(&path))));
        }
        if has_mount_flag(&path, StatVfsMountFlags::NOEXEC) {
            return Err(fail("is on a file system that is mounted with noexec, from where nothing can be loaded")
                .help("copy the library to another place, and name it with --library FILE or LIBPIDFILE=FILE"));
        }
        match elf::read(&path) {
            Ok(elf) if elf.is_library => Ok(Self { path, elf }),
            _ => Err(fail("is no library").help(NAME_IT)),
        }
    }

    /// Returns the library for musl that lies beside this one, if this one is for glibc.
    pub fn for_musl(&self) -> Option<Self> {
        if self.path.file_name() != Some(OsStr::new(NAME)) {
            return None;
        }
        let path = self.path.with_file_name(NAME_FOR_MUSL);
        let elf = elf::read(&path).ok().filter(|elf| elf.is_library)?;
        access(&path, Access::READ_OK).ok()?;
        Some(Self { path, elf })
    }

    /// Returns whether it is made for musl.
    pub fn is_for_musl(&self) -> bool {
        self.path.file_name() == Some(OsStr::new(NAME_FOR_MUSL))
    }

    /// Returns what LD_PRELOAD has to be for the library to come with what is there already. Ours is the last: there are
    /// some that insist on being the first.
    pub fn preload(&self, present: Option<&OsStr>) -> OsString {
        let mut value = Vec::new();
        let present = present.unwrap_or_default().as_bytes();
        for entry in present.split(|byte| matches!(byte, b' ' | b':')) {
            let name = Path::new(OsStr::from_bytes(entry)).file_name();
            let is_ours = name.is_some_and(|name| name == NAME || name == NAME_FOR_MUSL);
            if !entry.is_empty() && !is_ours {
                value.extend_from_slice(entry);
                value.push(b':');
            }
        }
        value.extend_from_slice(self.path.as_os_str().as_bytes());
        OsString::from_vec(value)
    }
}

/// Finds the library that was built or installed with this command, or is at one of the usual places.
fn beside_us() -> Result<PathBuf, Failure> {
    let mut places = Vec::new();
    if let Ok(here) = std::env::current_exe().and_then(fs::canonicalize)
        && let Some(directory) = here.parent()
    {
        places.push(directory.to_owned());
        if let Some(prefix) = directory.parent() {
            places.extend([prefix.join("lib"), prefix.join("lib64")]);
            let triplets = fs::read_dir(prefix.join("lib"))
                .into_iter()
                .flatten()
                .flatten();
            let triplets = triplets.map(|entry| entry.path());
            places.extend(triplets.filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.contains("-linux-gnu")
            }));
        }
    }
    places.extend(["/usr/local/lib".into(), "/usr/lib".into()]);
    if let Some(found) = places
        .iter()
        .map(|place| place.join(NAME))
        .find(|path| path.is_file())
    {
        return Ok(found);
    }
    let looked: Vec<String> = places.iter().map(shown).collect();
    let why = format!("not in {}", looked.join(", "));
    Err(Failure::new(status::NOT_STARTED, NAME, why)
        .help("install it (make install), or name it with --library FILE or LIBPIDFILE=FILE"))
}
