//! The mark: what an exec(2) must not make us forget, in the environment.
//!
//! Every descendant of an owner has the preload and the setting too. So the owner leaves one
//! variable of ours, `LIBPIDFILE_MARK`, with a role, a PID and the path. Who finds it takes part
//! only if it names its own PID, that is, if this very process had the role before it called exec;
//! anybody else's child stays inert for good, also when the owner is long gone.
//!
//! The variable's text lies in memory of ours that `environ` points to, and all but the path has a
//! fixed width, so it can be rewritten in place: after main has begun setenv(3) is the host's.

use std::cell::UnsafeCell;
use std::ffi::c_char;
use std::io::Write;

use crate::pidfile::location::Home;
use crate::sys::fs::FileId;
use crate::sys::{self, clock, procfs};

unsafe extern "C" {
    static environ: *const *const c_char;
}

pub const VARIABLE: &[u8] = b"LIBPIDFILE_MARK";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The PID in the file is this process's.
    Owner,
    /// It stands by for the file of another process.
    Standby,
    /// It has found a live owner and told so: neither it nor its children need to say it again.
    Inert,
}

impl Role {
    /// All of one length.
    fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Standby => "stdby",
            Self::Inert => "inert",
        }
    }
}

/// A mark that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecState<'a> {
    pub role: Role,
    pub pid: libc::pid_t,
    /// Where the file was put.
    pub home: Home,
    /// When the role was taken on, in clock ticks since boot.
    pub since: u64,
    pub path: &'a [u8],
}

impl<'a> ExecState<'a> {
    /// Reads the value of the variable; anything that we would not have written is no mark.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut fields = value.splitn(8, |&byte| byte == b':');
        let role = fields.next()?;
        let role = [Role::Owner, Role::Standby, Role::Inert]
            .into_iter()
            .find(|known| known.word().as_bytes() == role)?;
        let pid = std::str::from_utf8(fields.next()?)
            .ok()?
            .parse()
            .ok()
            .filter(|pid| *pid > 0)?;
        let mut hexadecimal =
            || u64::from_str_radix(std::str::from_utf8(fields.next()?).ok()?, 16).ok();
        let directory = FileId(hexadecimal()?, hexadecimal()?);
        let root = FileId(hexadecimal()?, hexadecimal()?);
        let home = Home { directory, root };
        let since = hexadecimal()?;
        let path = fields.next().filter(|path| path.starts_with(b"/"))?;
        Some(Self {
            role,
            pid,
            home,
            since,
            path,
        })
    }

    /// Whether this very process has left it, before it called exec(2). The PID alone does not tell:
    /// it may be in use again, and then this process has started later.
    pub fn is_of_this_process(&self) -> bool {
        let pid = sys::getpid();
        self.pid == pid && procfs::started(pid).is_none_or(|start| start <= self.since)
    }

    /// Whether it is about the file that a setting names. A relative setting has been resolved by
    /// whoever left the mark; the current directory may be another by now.
    pub fn concerns(&self, setting: &[u8]) -> bool {
        if setting.starts_with(b"/") {
            self.path == setting
        } else {
            self.path
                .strip_suffix(setting)
                .is_some_and(|rest| rest.ends_with(b"/"))
        }
    }
}

/// The variable as `environ` points to it: text and a zero byte.
struct Text(UnsafeCell<[u8; LONGEST]>);
const LONGEST: usize = libc::PATH_MAX as usize + 128;

// SAFETY: written before main, and where `rewrite` says.
unsafe impl Sync for Text {}

static TEXT: Text = Text(UnsafeCell::new([0; LONGEST]));

/// Leaves a mark for what this process becomes, and for its descendants. Only before main.
pub fn leave(role: Role, home: Home, path: &[u8]) {
    let name = String::from_utf8_lossy(VARIABLE);
    let (pid, role, since) = (sys::getpid(), role.word(), clock::ticks());
    let [directory, root] = [home.directory, home.root]
        .map(|FileId(device, inode)| format!("{device:016x}:{inode:016x}"));
    // SAFETY: before main nobody else writes here.
    let text = unsafe { &mut *TEXT.0.get() };
    let mut rest = &mut text[..LONGEST - 1];
    let room = rest.len();
    let written = write!(
        rest,
        "{name}={role}:{pid:010}:{directory}:{root}:{since:016x}:"
    )
    .and_then(|()| rest.write_all(path));
    if written.is_err() {
        return;
    }
    let length = room - rest.len();
    text[length] = 0;
    // SAFETY: the text is zero-terminated and lives as long as the process. The host's own threads,
    // if a library has started some already, must not use the environment before main either.
    unsafe { libc::putenv(text.as_mut_ptr().cast()) };
}

/// Changes role, PID and time of the mark that was left, in place: in the keeper, when nothing but an
/// exec(2) of the host could read it. An image that finds a mixture of two roles finds no mark, and
/// asks the lock.
pub fn rewrite(role: Role) {
    // SAFETY: see above.
    rewrite_text(unsafe { &mut *TEXT.0.get() }, role);
}

/// The same in a forked child, whose only thread calls this, for copies of the mark too: daemons move
/// their environment to make room for a title, and exec(2) is given the copy. What the owner of a
/// copy has changed about it is left alone.
pub fn rewrite_with_copies(role: Role) {
    // SAFETY: the environment is what getenv(3) would read now, zero-terminated strings up to a null
    // pointer. A copy is the host's, but it is as long as ours, and nobody else runs.
    unsafe {
        let ours = TEXT.0.get().cast::<c_char>();
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let text = *entry;
            if text != ours && libc::strcmp(text, ours) == 0 {
                let length = libc::strlen(text);
                rewrite_text(
                    std::slice::from_raw_parts_mut(text.cast_mut().cast(), length),
                    role,
                );
            }
            entry = entry.add(1);
        }
    }
    rewrite(role);
}

/// `text` is empty, or what `leave` has written.
fn rewrite_text(text: &mut [u8], role: Role) {
    const PID: usize = 10;
    const ID: usize = 2 * (16 + 1);
    if text.first().is_none_or(|&byte| byte == 0) {
        return;
    }
    let mut rest = &mut text[VARIABLE.len() + 1..];
    let word = role.word().as_bytes();
    rest[..word.len()].copy_from_slice(word);
    rest = &mut rest[word.len() + 1..];
    write_digits(&mut rest[..PID], sys::getpid() as u64, 10);
    rest = &mut rest[PID + 1 + 2 * ID..];
    write_digits(&mut rest[..16], clock::ticks(), 16);
}

fn write_digits(field: &mut [u8], mut number: u64, base: u64) {
    for digit in field.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number % base) as usize];
        number /= base;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::proptest_config::same_each_time;
    use proptest::collection::{SizeRange, vec};
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    const VALUE: &[u8] = b"owner:0000001234:000000000000fd00:0000000000000abc:\
        000000000000fd01:0000000000000002:00000000000000ff:/run/a:b.pid";

    #[test]
    fn a_mark_is_read_back() {
        let mark = ExecState::parse(VALUE).unwrap();
        assert_eq!((mark.role, mark.pid), (Role::Owner, 1234));
        assert_eq!(mark.home.directory, FileId(0xfd00, 0xabc));
        assert_eq!(mark.home.root, FileId(0xfd01, 2));
        assert_eq!(mark.since, 255);
        assert_eq!(mark.path, b"/run/a:b.pid");
    }

    #[test]
    fn anything_else_is_no_mark() {
        let broken: [&[u8]; 7] = [
            b"",
            b"owner",
            b"owner:x:0:0:0:0:0:/a",
            b"owner:0:0:0:0:0:0:/a",
            b"king:1:0:0:0:0:0:/a",
            b"owner:1:0:0:0:0:0:a",
            b"owner:1:zz:0:0:0:0:/a",
        ];
        for value in broken {
            assert_eq!(ExecState::parse(value), None, "{value:?}");
        }
        for end in 0..VALUE.len() - 12 {
            assert_eq!(ExecState::parse(&VALUE[..end]), None);
        }
    }

    fn role() -> impl Strategy<Value = Role> {
        prop::sample::select(vec![Role::Owner, Role::Standby, Role::Inert])
    }

    fn absolute(length: impl Into<SizeRange>) -> impl Strategy<Value = Vec<u8>> {
        vec(1_u8.., length).prop_map(|path| [b"/", &path[..]].concat())
    }

    proptest! {
        #![proptest_config(same_each_time())]

        #[test]
        fn what_is_left_is_read_back_and_can_be_rewritten_in_place(
            (first, second) in (role(), role()),
            ids: [u64; 4],
            path in prop_oneof![absolute(0..40), absolute(4000..4094)],
        ) {
            let (directory, root) = (FileId(ids[0], ids[1]), FileId(ids[2], ids[3]));
            let home = Home { directory, root };
            leave(first, home, &path);
            let name = OsStr::from_bytes(VARIABLE);
            let before = std::env::var_os(name).unwrap();
            rewrite(second);
            let after = std::env::var_os(name).unwrap();
            for (text, role) in [(before, first), (after, second)] {
                let mark = ExecState::parse(text.as_bytes()).unwrap();
                prop_assert_eq!((mark.role, mark.pid), (role, sys::getpid()));
                prop_assert_eq!((mark.home, mark.path), (home, &path[..]));
                prop_assert!(mark.is_of_this_process());
                prop_assert!(mark.concerns(&path));
            }
        }

        #[test]
        fn a_mark_is_whole_or_none(value in "(owner|stdby|inert|[a-z]{0,6})(:[0-9a-fx+-]{0,20}){0,8}(:/?\\PC{0,9})?") {
            if let Some(mark) = ExecState::parse(value.as_bytes()) {
                let role = value.split(':').next().unwrap();
                prop_assert_eq!(mark.role.word(), role);
                prop_assert!(mark.pid > 0);
                prop_assert!(mark.path.starts_with(b"/"));
                prop_assert!(value.as_bytes().ends_with(mark.path));
            }
        }

        #[test]
        fn bytes_that_are_no_text_are_no_mark(value: Vec<u8>) {
            prop_assert_eq!(ExecState::parse(&value), None);
        }
    }

    #[test]
    fn it_concerns_the_same_file_also_from_elsewhere() {
        let mark = ExecState::parse(VALUE).unwrap();
        assert!(mark.concerns(b"/run/a:b.pid"));
        assert!(mark.concerns(b"a:b.pid"));
        assert!(!mark.concerns(b"b.pid"));
        assert!(!mark.concerns(b"/srv/a:b.pid"));
    }
}
