//! Holds the place of a PID file: a directory that is open, and a name in it. What happens to the path meanwhile does
//! not lead anybody elsewhere.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::output::{Failure, shown, status};
use crate::owner::content::{Content, ENOUGH, first_number};

/// As the kernel's limit for one path.
const MOST_LINKS: usize = 40;

/// A directory and a name in it.
pub struct Location {
    pub directory: OwnedFd,
    pub name: OsString,
    /// As it was given, for messages.
    pub path: PathBuf,
}

/// A regular file, held open.
pub struct Seen {
    pub file: File,
    pub stat: Stat,
    pub content: Content,
    /// The PID that it names.
    pub named: Option<i32>,
}

/// What is at a path.
pub enum At {
    Nothing,
    File(Seen),
}

impl Location {
    /// Opens the directory that a path leads to; `None` if there is none.
    ///
    /// Symbolic links on the way are followed if they are root's or the caller's: others may point them anywhere.
    ///
    /// # Errors
    ///
    /// A path that names no file, a link of somebody else's, a directory that may not be searched.
    pub fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let unknown = |why: &str| Failure::new(status::NOT_KNOWN, shown(path), why);
        let ends_in_name = matches!(path.components().next_back(), Some(Component::Normal(_)));
        let Some(name) = path.file_name().filter(|_| ends_in_name) else {
            return Err(unknown("is no regular file").help("look at the path"));
        };
        let parent = path.parent().unwrap_or(Path::new(""));
        match walk(parent) {
            Ok(directory) => Ok(Some(Self {
                directory,
                name: name.to_owned(),
                path: path.to_owned(),
            })),
            Err(Lost::At(_, Errno::NOENT | Errno::NOTDIR)) => Ok(None),
            Err(Lost::At(place, Errno::ACCESS)) => Err(unknown(&format!(
                "cannot be looked at, because of {}",
                shown(place)
            ))
            .help("ask as root")),
            Err(Lost::At(place, errno)) => Err(unknown(&format!(
                "cannot be looked at, because of {}: {}",
                shown(place),
                crate::output::Errno(errno)
            ))),
            Err(Lost::ForeignLink(place, owner)) => Err(unknown(&format!(
                "is reached through {}, a symbolic link of user {owner}",
                shown(place)
            ))
            .help("name the directory that it leads to")),
        }
    }

    /// Looks at the file, without a trace.
    ///
    /// # Errors
    ///
    /// What is no regular file, and what cannot be read.
    pub fn look(&self) -> Result<At, Failure> {
        let unknown = |why: String| Failure::new(status::NOT_KNOWN, shown(&self.path), why);
        let cannot = |errno| match errno {
            Errno::ACCESS | Errno::PERM => unknown("cannot be read".into()).help("ask as root"),
            errno => unknown(format!("cannot be read: {}", crate::output::Errno(errno))),
        };
        let stat = match self.stat() {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(At::Nothing),
            Err(errno) => return Err(cannot(errno)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => {
                let target =
                    std::fs::canonicalize(&self.path).or_else(|_| std::fs::read_link(&self.path));
                let target = target.map(shown).unwrap_or_default();
                return Err(unknown("is a symbolic link".into())
                    .help(format_args!("name the file that it leads to, {target}")));
            }
            other => {
                let kind = kind(other);
                return Err(
                    unknown(format!("is no regular file, but {kind}")).help("look at the path")
                );
            }
        }
        // The type is asked again: another file may be there by now, and nothing may block.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match openat(&self.directory, &self.name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(At::Nothing),
            Err(errno) => return Err(cannot(errno)),
        };
        let stat = fstat(&fd).map_err(cannot)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(unknown("is no regular file".into()).help("look at the path"));
        }
        let file = File::from(fd);
        let (content, named) = read(&file, &stat);
        Ok(At::File(Seen {
            file,
            stat,
            content,
            named,
        }))
    }

    /// Returns what is at the path now.
    pub fn stat(&self) -> rustix::io::Result<Stat> {
        statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Returns whether the path still leads to this file.
    pub fn is(&self, stat: &Stat) -> bool {
        let same = |now: Stat| (now.st_dev, now.st_ino) == (stat.st_dev, stat.st_ino);
        self.stat().is_ok_and(same)
    }
}

/// Reads as much as tells what kind of file it is.
pub fn read(file: &File, stat: &Stat) -> (Content, Option<i32>) {
    use std::os::unix::fs::FileExt;
    let mut start = [0; ENOUGH];
    let mut length = 0;
    while let Ok(more @ 1..) = file.read_at(&mut start[length..], length as u64) {
        length += more;
    }
    let size = u64::try_from(stat.st_size)
        .unwrap_or(u64::MAX)
        .max(length as u64);
    // Shorter than it was said to be: it is being written.
    let size = if length < ENOUGH { length as u64 } else { size };
    let start = &start[..length];
    (Content::of(start, size), first_number(start))
}

fn kind(file: FileType) -> &'static str {
    match file {
        FileType::Directory => "a directory",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    }
}

/// Why a directory was not reached.
enum Lost {
    At(PathBuf, Errno),
    ForeignLink(PathBuf, u32),
}

/// Opens a directory step by step.
fn walk(path: &Path) -> Result<OwnedFd, Lost> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = |at: &OwnedFd, name: &Path| openat(at, name, flags, Mode::empty());
    let start = |path: &Path| {
        let from = if path.is_absolute() { "/" } else { "." };
        openat(CWD, from, flags | OFlags::DIRECTORY, Mode::empty())
            .map_err(|errno| Lost::At(from.into(), errno))
    };
    let mut directory = start(path)?;
    let mut reached = PathBuf::from(if path.is_absolute() { "/" } else { "" });
    let mut ahead: VecDeque<OsString> = names(path);
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        let place = reached.join(&name);
        let lost = |errno| Lost::At(place.clone(), errno);
        let next = open(&directory, Path::new(&name)).map_err(|errno| match errno {
            Errno::ACCESS => Lost::At(reached.clone(), errno),
            errno => lost(errno),
        })?;
        let stat = fstat(&next).map_err(lost)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                directory = next;
                reached = place;
            }
            FileType::Symlink => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(lost(Errno::LOOP));
                }
                if stat.st_uid != 0 && stat.st_uid != geteuid().as_raw() {
                    return Err(Lost::ForeignLink(place, stat.st_uid));
                }
                let target = readlinkat(&next, "", Vec::new()).map_err(lost)?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                if target.is_absolute() {
                    directory = start(&target)?;
                    reached = PathBuf::from("/");
                }
                for name in names(&target).into_iter().rev() {
                    ahead.push_front(name);
                }
            }
            _ => return Err(lost(Errno::NOTDIR)),
        }
    }
    Ok(directory)
}

fn names(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    names.collect()
}

/// Returns a path that counts from the root, without looking at what is there.
///
/// # Errors
///
/// A relative one in a directory that was removed.
pub fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    match std::env::current_dir() {
        Ok(here) => Ok(here.join(path)),
        Err(_) => Err(Failure::new(
            status::NOT_STARTED,
            shown(path),
            "counts from the current directory, which has been removed",
        )
        .help("name it from the root on")),
    }
}

/// Reads a whole file that may be large only by mistake; at most this much.
pub fn read_start(file: &mut impl Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = file.take(most).read_to_end(&mut bytes);
    bytes
}
