//! Parses the values of settings. Each parser returns `None` for a value that means nothing.

use std::ffi::c_int;
use std::time::Duration;

use super::{Follow, Log, POLL, Watch};
use crate::sys::c_library;

/// Signals by name, without `SIG`. Where there are two names, the usual one comes first.
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

/// Returns the name of a signal, such as `SIGTERM`, or `signal 40`.
pub fn signal_name(signal: c_int) -> String {
    match NAMES.iter().find(|(_, known)| *known == signal) {
        Some((name, _)) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

/// Parses a signal: `TERM`, `SIGTERM`, `15`, `RTMIN+3`, `RTMAX-1`. The signals that libc keeps for itself are none.
pub fn signal(value: &[u8]) -> Option<c_int> {
    let text = std::str::from_utf8(value).ok()?;
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let (low, high) = c_library::REALTIME_SIGNALS;
    let number = if let Some(after) = name.strip_prefix("RTMIN") {
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
    (1..=high).contains(&number).then_some(number)
}

/// Parses what follows RTMIN or RTMAX: nothing, or the sign and at most 30.
fn offset(text: &str, sign: char) -> Option<c_int> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix(sign)?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() <= 2;
    digits.parse().ok().filter(|offset| number && *offset <= 30)
}

/// Parses a number of seconds such as `2`, `2.5` or `.5`. Digits after the ninth decimal are ignored.
///
/// f64 is not used: its parser is larger than all of this file.
pub fn seconds(value: &[u8]) -> Option<Duration> {
    /// Ten years: no sum with a time since boot overflows.
    const LONGEST: Duration = Duration::from_secs(3650 * 86_400);
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = whole.bytes().chain(fraction.bytes()).peekable();
    digits.peek()?;
    if !digits.all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = if whole.is_empty() { "0" } else { whole };
    let nanoseconds = format!("{fraction:0<9.9}");
    let time = Duration::new(seconds.parse().ok()?, nanoseconds.parse().ok()?);
    (time <= LONGEST).then_some(time)
}

/// Parses a number of seconds; `Some(None)` for 0, which means never.
pub fn kill_after(value: &[u8]) -> Option<Option<Duration>> {
    seconds(value).map(|after| Some(after).filter(|after| !after.is_zero()))
}

/// Parses `auto`, `inotify`, `poll`, `poll:SECONDS` or `off`.
pub fn watch(value: &[u8]) -> Option<Watch> {
    match value {
        b"auto" => Some(Watch::Auto),
        b"inotify" => Some(Watch::Inotify),
        b"poll" => Some(Watch::Poll(POLL)),
        b"off" => Some(Watch::Off),
        _ => seconds(value.strip_prefix(b"poll:")?)
            // A shorter interval is a busy loop.
            .filter(|interval| *interval >= Duration::from_millis(1))
            .map(Watch::Poll),
    }
}

/// Parses `auto`, `fork` or `off`.
pub fn follow(value: &[u8]) -> Option<Follow> {
    match value {
        b"auto" => Some(Follow::Auto),
        b"fork" => Some(Follow::Fork),
        b"off" => Some(Follow::Off),
        _ => None,
    }
}

/// Parses a switch: 0 or 1, or a word for it in any case, as in systemd.syntax(7).
pub fn switch(value: &[u8]) -> Option<bool> {
    let is_one_of = |words: &[&[u8]]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    if is_one_of(&[b"1", b"yes", b"true", b"on"]) {
        Some(true)
    } else if is_one_of(&[b"0", b"no", b"false", b"off"]) {
        Some(false)
    } else {
        None
    }
}

/// Parses `auto`, `stderr`, `syslog` or `off`.
pub fn log(value: &[u8]) -> Option<Log> {
    match value {
        b"auto" => Some(Log::Auto),
        b"stderr" => Some(Log::Stderr),
        b"syslog" => Some(Log::Syslog),
        b"off" => Some(Log::Off),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signal_by_name_or_number_is_parsed() {
        for (text, number) in [
            ("TERM", 15),
            ("SIGTERM", 15),
            ("15", 15),
            ("KILL", 9),
            ("64", 64),
        ] {
            assert_eq!(signal(text.as_bytes()), Some(number), "{text}");
        }
        assert_eq!(signal(b"RTMIN+3"), Some(libc::SIGRTMIN() + 3));
        assert_eq!(signal(b"SIGRTMAX-1"), Some(libc::SIGRTMAX() - 1));
        for text in [
            "", "0", "-1", "65", "32", "33", "term", "SIG", "RTMIN+31", "RTMIN+-1", "TERM ",
        ] {
            assert_eq!(signal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn signal_name_is_usual_name_or_number() {
        for (number, name) in [
            (libc::SIGTERM, "SIGTERM"),
            (libc::SIGABRT, "SIGABRT"),
            (40, "signal 40"),
        ] {
            assert_eq!(signal_name(number), name);
        }
    }

    #[test]
    fn seconds_and_watch_are_parsed() {
        assert_eq!(seconds(b"2.5"), Some(Duration::from_millis(2500)));
        for text in ["", ".", "-1", "1e3", "inf", "nan", "99999999999999999999"] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
        assert_eq!(
            watch(b"poll:0.25"),
            Some(Watch::Poll(Duration::from_millis(250)))
        );
        assert_eq!(watch(b"poll:0"), None);
        assert_eq!(watch(b"poll:"), None);
    }
}
