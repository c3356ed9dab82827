//! Tells whether the file can be had: what the library would find at the path.

use std::path::Path;

use rustix::fs::{Access, AtFlags, accessat};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::output::{self, Failure, quoted, shown, status};
use crate::owner::content::Content;
use crate::owner::{self, Look, State, process};

const FORCE: &str = "or --force to start it without a PID file";

/// Looks at the place of a PID file, for a program that this process is about to become.
///
/// # Errors
///
/// Why the program would have no file.
pub fn check(path: &Path) -> Result<(), Failure> {
    let fail = |why: String| Failure::new(status::NOT_STARTED, shown(path), why);
    let look = look(path);
    match &look.state {
        State::Absent => may_create(path, &look),
        State::Stale => may_replace(path, &look),
        State::Unknown(failure) => {
            Err(failure.clone().with_status(status::NOT_STARTED).help(FORCE))
        }
        State::NotAPidFile => {
            Err(fail("is no PID file, and is left alone".into())
                .help("name another file with -p FILE"))
        }
        // What runs here has become the owner already, since LD_PRELOAD and the file were set.
        _ if look.pid() == Some(std::process::id() as i32) => Ok(()),
        State::Owned(_) | State::Unlocked(_) => {
            let by = match look.pid() {
                Some(pid) => format!("PID {pid}, which runs: {}", process::command(pid)),
                None => "a process in a container or another PID namespace".into(),
            };
            Err(fail(format!("is held by {by}"))
                .help(format_args!(
                    "to stop that: pidfile-run stop {}",
                    quoted(path)
                ))
                .help("or --force to start another one beside it, without a PID file"))
        }
        State::Foreign { pid, .. } if was_reused(*pid, &look) => may_replace(path, &look),
        State::Foreign { pid, .. } => {
            let command = process::command(*pid);
            Err(fail(format!(
                "names PID {pid}, which runs ({command}), and holds no lock"
            ))
            .help("if that has written it, name another file; else the file is left over")
            .help(format_args!("then: rm {}", quoted(path))))
        }
    }
}

/// Looks at a path. A lock whose holder cannot be seen may be that of a guard: its owner has ended, and it is about to
/// remove the file. The library waits for some 2 s too.
fn look(path: &Path) -> Look {
    /// Each takes 80 ms.
    const TIMES: usize = 25;
    let mut look = owner::look(path);
    for _ in 1..TIMES {
        if !matches!(look.state, State::Owned(owner) if owner.pid.is_none()) {
            break;
        }
        look = owner::look(path);
    }
    look
}

/// Returns whether the process has begun after the file was written, so that its PID was another's then. Clocks are set:
/// this decides nothing but whether a start goes on.
fn was_reused(pid: i32, look: &Look) -> bool {
    /// The clocks differ by their granularity, and little else.
    const MARGIN: u64 = 2;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let (Some(seen), Some(age), Ok(now)) = (&look.seen, process::age(pid), now) else {
        return false;
    };
    let written = u64::try_from(seen.stat.st_mtime).unwrap_or(0);
    now.as_secs().saturating_sub(age) > written + MARGIN
}

fn may_create(path: &Path, look: &Look) -> Result<(), Failure> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let fail = |why: &str| Err(Failure::new(status::NOT_STARTED, shown(path), why));
    let Some(location) = &look.location else {
        let why = if directory.exists() {
            "its directory is none"
        } else {
            "its directory is not there"
        };
        return fail(why).map_err(|failure: Failure| {
            failure
                .help(format_args!("mkdir -p {}", quoted(directory)))
                .help(FORCE)
        });
    };
    match accessat(
        &location.directory,
        ".",
        Access::WRITE_OK | Access::EXEC_OK,
        AtFlags::EACCESS,
    ) {
        Ok(()) => Ok(()),
        Err(Errno::ROFS) => fail("its directory is on a file system that is mounted read-only")
            .map_err(|failure: Failure| failure.help("name another file with -p FILE").help(FORCE)),
        Err(Errno::ACCESS) => {
            let user = geteuid().as_raw();
            let why = format!("user {user} may not create files in {}", shown(directory));
            Err(Failure::new(status::NOT_STARTED, shown(path), why)
                .help("name a file in a directory of that user's, such as $XDG_RUNTIME_DIR")
                .help(FORCE))
        }
        // The library will say.
        Err(_) => Ok(()),
    }
}

fn may_replace(path: &Path, look: &Look) -> Result<(), Failure> {
    let (Some(location), Some(seen)) = (&look.location, &look.seen) else {
        return Ok(());
    };
    let fail = |why: String| Failure::new(status::NOT_STARTED, shown(path), why);
    if seen.stat.st_nlink > 1 {
        return Err(fail("has more than one link, and is left alone".into())
            .help("name another file with -p FILE"));
    }
    debug_assert!(seen.content != Content::Other);
    // An administrator may have put the file there for a user who cannot create it.
    match accessat(
        &location.directory,
        &location.name,
        Access::WRITE_OK,
        AtFlags::EACCESS,
    ) {
        Ok(()) => Ok(()),
        Err(errno) => may_create(path, look).map_err(|_| {
            fail(format!(
                "is left over, and cannot be replaced: {}",
                output::Errno(errno)
            ))
            .help("remove it as root, or as the owner of its directory")
            .help(FORCE)
        }),
    }
}
