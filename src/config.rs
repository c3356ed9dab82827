//! Environment and command line → [`Config`]. Every setting is described here, once.
//!
//! A bad value is reported and the default used: nothing here ends or delays the host.

use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use crate::mark::{self, Mark};

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
    /// `PIDFILE_LOG`: `auto`, `stderr`, `syslog`, `off`.
    pub log: Option<&'a [u8]>,
    /// Not a setting: see [`crate::mark`].
    pub mark: Option<&'a [u8]>,
}

/// To whom the file passes when the program ends and a child goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// To a child that has made itself a daemon, see [`crate::succession`].
    Auto,
    /// To any forked child, for daemons that never call setsid(2).
    Fork,
    /// To nobody.
    Off,
}

/// How a deletion is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// inotify; polling where it cannot serve.
    Auto,
    /// inotify or nothing.
    Inotify,
    /// Looking at the file once in this time.
    Poll(Duration),
    /// Not at all: no thread, and no lock, since a lock needs a descriptor to live in.
    Off,
}

/// Where messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Problems and the deletion only: stderr, or the system log where stderr leads nowhere.
    Auto,
    /// Every event, to stderr.
    Stderr,
    /// Every event, to the system log.
    Syslog,
    Off,
}

#[derive(Debug)]
pub struct Config {
    /// Absolute, as given where it was given absolute.
    pub path: CString,
    pub follow: Follow,
    pub signal: c_int,
    pub kill_after: Option<Duration>,
    pub watch: Watch,
    pub strict: bool,
    pub log: Log,
}

/// Seconds between two looks where polling is in use.
pub const POLL: Duration = Duration::from_secs(1);

/// Paths longer than this cannot be opened anyway (`PATH_MAX` counts the final zero byte).
const LONGEST_PATH: usize = libc::PATH_MAX as usize - 1;

impl<'a> Variables<'a> {
    /// Looks through the environment once. Allocates nothing: this runs in every child process of
    /// every host.
    ///
    /// # Safety
    ///
    /// `environ` is null or an environment block that lives for `'a`.
    pub unsafe fn read(environ: *const *const c_char) -> Self {
        let mut found = Variables::default();
        // SAFETY: the caller's promise.
        for entry in unsafe { strings(environ) } {
            // Of the many variables of an environment nearly all end here.
            let entry = entry.to_bytes();
            if !entry.starts_with(b"PIDFILE") && !entry.starts_with(b"LIBPIDFILE") {
                continue;
            }
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
                b"PIDFILE_LOG" => &mut found.log,
                mark::VARIABLE => &mut found.mark,
                _ => continue,
            };
            // As getenv(3): the first of several counts.
            slot.get_or_insert(value);
        }
        found
    }

    /// The setting that names the file, or `None`: there is nothing to do.
    ///
    /// # Safety
    ///
    /// `argv` is null or an argument vector that lives for `'a`.
    pub unsafe fn setting(&self, argv: *const *const c_char) -> Option<&'a [u8]> {
        // SAFETY: the caller's promise.
        let named = unsafe { kernel_pidfile(argv) };
        named
            .or(self.pidfile_path)
            .or(self.pidfile)
            .filter(|path| !path.is_empty())
    }

    /// The mark that was left for the file that `setting` names.
    pub fn mark_for(&self, setting: &[u8]) -> Option<Mark<'a>> {
        self.mark
            .and_then(Mark::parse)
            .filter(|mark| mark.concerns(setting))
    }

    /// Whether the executable of this process is the one that `PIDFILE_EXE` wants. It is compared
    /// with what was executed, and with what that is when links are resolved: `python3` and
    /// `python3.11`. For a script the former is the script.
    pub fn wants_this_program(&self) -> bool {
        let Some(wanted) = self.exe.filter(|exe| !exe.is_empty()) else {
            return true;
        };
        let is_wanted = |path: &[u8]| {
            let name = path.rsplit(|&byte| byte == b'/').next();
            path == wanted || name == Some(wanted)
        };
        // SAFETY: the kernel's pointer to the name of the file that was executed, or null.
        let executed = unsafe {
            let name = libc::getauxval(libc::AT_EXECFN) as *const c_char;
            (!name.is_null()).then(|| CStr::from_ptr(name).to_bytes())
        };
        executed.is_some_and(is_wanted) || {
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

impl Config {
    /// Makes sense of the values. What it cannot make sense of goes to `complain`, one line each.
    ///
    /// # Errors
    ///
    /// Why the path cannot be used.
    pub fn new(
        setting: &[u8],
        mark: Option<&Mark>,
        variables: &Variables,
        mut complain: impl FnMut(String),
    ) -> Result<Self, String> {
        let mut value = |name: &str, value: Option<&[u8]>, wanted: &str| {
            complain(format!(
                "{name}={}: not {wanted}; the default is used",
                shown(value.unwrap_or_default())
            ));
        };
        let signal = variables.signal.map_or(Some(libc::SIGTERM), parse_signal);
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
            .map_or(Some(Duration::ZERO), parse_seconds);
        let kill_after = kill_after.unwrap_or_else(|| {
            value(
                "PIDFILE_KILL_AFTER",
                variables.kill_after,
                "a number of seconds",
            );
            Duration::ZERO
        });
        let watch = variables.watch.map_or(Some(Watch::Auto), parse_watch);
        let watch = watch.unwrap_or_else(|| {
            let wanted = "auto, inotify, poll, poll:SECONDS or off";
            value("PIDFILE_WATCH", variables.watch, wanted);
            Watch::Auto
        });
        let log = variables.log.map_or(Some(Log::Auto), parse_log);
        let log = log.unwrap_or_else(|| {
            value("PIDFILE_LOG", variables.log, "auto, stderr, syslog or off");
            Log::Auto
        });
        let follow = variables.follow.map_or(Some(Follow::Auto), parse_follow);
        let follow = follow.unwrap_or_else(|| {
            value("PIDFILE_FOLLOW", variables.follow, "auto, fork or off");
            Follow::Auto
        });
        let strict = variables.strict.map_or(Some(false), parse_switch);
        let strict = strict.unwrap_or_else(|| {
            value("PIDFILE_STRICT", variables.strict, "0 or 1");
            false
        });
        Ok(Config {
            path: absolute(mark.map_or(setting, |mark| mark.path))?,
            follow,
            signal,
            kill_after: Some(kill_after).filter(|after| !after.is_zero()),
            watch,
            strict,
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

/// A value as a message may show it: printable, of bounded length.
pub fn shown(value: &[u8]) -> String {
    const MOST: usize = 200;
    let text = OsStr::from_bytes(&value[..value.len().min(MOST)]).to_string_lossy();
    let mut text: String = text.chars().flat_map(visible).collect();
    if value.len() > MOST {
        text.push('…');
    }
    text
}

fn visible(c: char) -> impl Iterator<Item = char> {
    // A message is one line, whatever is in a path.
    let escape = c.is_control();
    let plain = (!escape).then_some(c);
    escape
        .then(|| c.escape_default())
        .into_iter()
        .flatten()
        .chain(plain)
}

/// The path in Erlang's `-kernel pidfile '"path"'` (`vm.args`, or argv of `beam.smp`), which is how
/// Distillery is told. Parameters follow `-kernel` in pairs, up to the next flag; the last counts.
///
/// # Safety
///
/// `argv` is null or an argument vector that lives for `'a`.
unsafe fn kernel_pidfile<'a>(argv: *const *const c_char) -> Option<&'a [u8]> {
    let mut path = None;
    // SAFETY: the caller's promise.
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

/// The inside of an Erlang string literal without escapes: that is how paths are written.
fn erlang_string(term: &[u8]) -> Option<&[u8]> {
    let inside = term.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let plain = !inside.iter().any(|byte| matches!(byte, b'"' | b'\\'));
    plain.then_some(inside)
}

fn parse_signal(value: &[u8]) -> Option<c_int> {
    const NAMES: [(&str, c_int); 33] = [
        ("HUP", libc::SIGHUP),
        ("INT", libc::SIGINT),
        ("QUIT", libc::SIGQUIT),
        ("ILL", libc::SIGILL),
        ("TRAP", libc::SIGTRAP),
        ("ABRT", libc::SIGABRT),
        ("IOT", libc::SIGABRT),
        ("BUS", libc::SIGBUS),
        ("FPE", libc::SIGFPE),
        ("KILL", libc::SIGKILL),
        ("USR1", libc::SIGUSR1),
        ("SEGV", libc::SIGSEGV),
        ("USR2", libc::SIGUSR2),
        ("PIPE", libc::SIGPIPE),
        ("ALRM", libc::SIGALRM),
        ("TERM", libc::SIGTERM),
        ("STKFLT", libc::SIGSTKFLT),
        ("CHLD", libc::SIGCHLD),
        ("CONT", libc::SIGCONT),
        ("STOP", libc::SIGSTOP),
        ("TSTP", libc::SIGTSTP),
        ("TTIN", libc::SIGTTIN),
        ("TTOU", libc::SIGTTOU),
        ("URG", libc::SIGURG),
        ("XCPU", libc::SIGXCPU),
        ("XFSZ", libc::SIGXFSZ),
        ("VTALRM", libc::SIGVTALRM),
        ("PROF", libc::SIGPROF),
        ("WINCH", libc::SIGWINCH),
        ("IO", libc::SIGIO),
        ("POLL", libc::SIGIO),
        ("PWR", libc::SIGPWR),
        ("SYS", libc::SIGSYS),
    ];
    let text = std::str::from_utf8(value).ok()?;
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let (low, high) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let signal = if let Some(after) = name.strip_prefix("RTMIN") {
        low + offset(after, '+')?
    } else if let Some(before) = name.strip_prefix("RTMAX") {
        high - offset(before, '-')?
    } else if let Some((_, signal)) = NAMES.iter().find(|(known, _)| *known == name) {
        *signal
    } else {
        text.parse()
            .ok()
            .filter(|signal| *signal < 32 || *signal >= low)?
    };
    (1..=high).contains(&signal).then_some(signal)
}

/// `+3`, `-3` or nothing, after RTMIN and RTMAX.
fn offset(text: &str, sign: char) -> Option<c_int> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix(sign)?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() <= 2;
    digits.parse().ok().filter(|offset| number && *offset <= 30)
}

/// Seconds, also fractions of them; at most ten years, so that no later addition overflows.
fn parse_seconds(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let seconds: f64 = text.parse().ok()?;
    (seconds <= 3650.0 * 86_400.0).then(|| Duration::from_secs_f64(seconds))
}

fn parse_watch(value: &[u8]) -> Option<Watch> {
    match value {
        b"auto" => Some(Watch::Auto),
        b"inotify" => Some(Watch::Inotify),
        b"poll" => Some(Watch::Poll(POLL)),
        b"off" => Some(Watch::Off),
        _ => parse_seconds(value.strip_prefix(b"poll:")?)
            // Faster than this is a busy loop, and no deletion is that urgent.
            .filter(|interval| *interval >= Duration::from_millis(1))
            .map(Watch::Poll),
    }
}

fn parse_follow(value: &[u8]) -> Option<Follow> {
    match value {
        b"auto" => Some(Follow::Auto),
        b"fork" => Some(Follow::Fork),
        b"off" => Some(Follow::Off),
        _ => None,
    }
}

fn parse_switch(value: &[u8]) -> Option<bool> {
    match value {
        b"1" => Some(true),
        b"0" | b"" => Some(false),
        _ => None,
    }
}

fn parse_log(value: &[u8]) -> Option<Log> {
    match value {
        b"auto" => Some(Log::Auto),
        b"stderr" => Some(Log::Stderr),
        b"syslog" => Some(Log::Syslog),
        b"off" => Some(Log::Off),
        _ => None,
    }
}

/// The strings of a null-terminated vector.
///
/// # Safety
///
/// `vector` is null, or it and its strings live for `'a`.
unsafe fn strings<'a>(mut vector: *const *const c_char) -> impl Iterator<Item = &'a CStr> {
    std::iter::from_fn(move || {
        if vector.is_null() {
            return None;
        }
        // SAFETY: up to its null pointer the vector can be read; so can each string.
        unsafe {
            let string = *vector;
            if string.is_null() {
                return None;
            }
            vector = vector.add(1);
            Some(CStr::from_ptr(string))
        }
    })
}

#[cfg(test)]
mod properties;

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
    fn the_command_line_beats_pidfile_path_beats_pidfile() {
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
    fn nothing_or_empty_means_off() {
        assert_eq!(setting(&[], &[c"x"]), None);
        assert_eq!(setting(&[c"PIDFILE="], &[c"x"]), None);
        assert_eq!(setting(&[c"PIDFILES=/a", c"XPIDFILE=/a"], &[c"x"]), None);
        assert_eq!(setting(&[c"PIDFILE=/a", c"PIDFILE_PATH="], &[c"x"]), None);
    }

    #[test]
    fn kernel_parameters_come_in_pairs_up_to_the_next_flag() {
        let pairs = [
            c"-kernel", c"a", c"1", c"pidfile", c"\"/p\"", c"-x", c"pidfile", c"\"/q\"",
        ];
        assert_eq!(setting(&[], &pairs).as_deref(), Some("/p"));
        assert_eq!(setting(&[], &[c"-kernel", c"pidfile"]), None);
        assert_eq!(setting(&[], &[c"-kernel", c"pidfile", c"/unquoted"]), None);
        assert_eq!(setting(&[], &[c"-kernel"]), None);
    }

    #[test]
    fn signals_by_name_and_number() {
        for (text, signal) in [
            ("TERM", 15),
            ("SIGTERM", 15),
            ("15", 15),
            ("KILL", 9),
            ("64", 64),
        ] {
            assert_eq!(parse_signal(text.as_bytes()), Some(signal), "{text}");
        }
        assert_eq!(parse_signal(b"RTMIN+3"), Some(libc::SIGRTMIN() + 3));
        assert_eq!(parse_signal(b"SIGRTMAX-1"), Some(libc::SIGRTMAX() - 1));
        for text in [
            "", "0", "-1", "65", "32", "33", "term", "SIG", "RTMIN+31", "RTMIN+-1", "TERM ",
        ] {
            assert_eq!(parse_signal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn seconds_and_watches() {
        assert_eq!(parse_seconds(b"2.5"), Some(Duration::from_millis(2500)));
        for text in ["", ".", "-1", "1e3", "inf", "nan", "99999999999999999999"] {
            assert_eq!(parse_seconds(text.as_bytes()), None, "{text}");
        }
        assert_eq!(
            parse_watch(b"poll:0.25"),
            Some(Watch::Poll(Duration::from_millis(250)))
        );
        assert_eq!(parse_watch(b"poll:0"), None);
        assert_eq!(parse_watch(b"poll:"), None);
    }

    #[test]
    fn shown_values_are_one_bounded_line() {
        assert_eq!(shown(b"a\nb"), "a\\nb");
        assert!(shown(&[b'x'; 100_000]).len() < 300);
        assert!(!shown(b"\xff\x1b[0m").contains('\x1b'));
    }
}
