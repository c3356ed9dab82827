//! Converts names and numbers of signals.

use rustix::process::Signal;

const NAMES: [(&str, i32); 33] = [
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

/// The signals that completion offers.
pub const COMMON: [&str; 10] = [
    "HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "KILL", "CONT", "STOP", "WINCH",
];

/// Returns the number of a signal: `HUP`, `sighup`, `-HUP`, `1`, `RTMIN+3`, `RTMAX-2`.
pub fn number(name: &str) -> Option<i32> {
    let name = name.strip_prefix('-').unwrap_or(name).to_ascii_uppercase();
    let bare = name.strip_prefix("SIG").unwrap_or(&name);
    let (low, high) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let number = if let Some(after) = bare.strip_prefix("RTMIN") {
        low + offset(after, '+')?
    } else if let Some(before) = bare.strip_prefix("RTMAX") {
        high - offset(before, '-')?
    } else if let Some((_, signal)) = NAMES.iter().find(|(known, _)| *known == bare) {
        *signal
    } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
        // libc keeps 32 and 33 for itself.
        name.parse()
            .ok()
            .filter(|signal| *signal < 32 || *signal >= low)?
    } else {
        return None;
    };
    (1..=high).contains(&number).then_some(number)
}

/// Returns the signal of this number, for rustix.
pub fn signal(number: i32) -> Option<Signal> {
    Signal::from_named_raw(number).or_else(|| {
        // SAFETY: the number is within SIGRTMIN and SIGRTMAX as libc counts them, so none that it keeps for itself.
        (libc::SIGRTMIN()..=libc::SIGRTMAX())
            .contains(&number)
            .then(|| unsafe { Signal::from_raw_unchecked(number) })
    })
}

/// Parses `+3`, `-3` or nothing, after RTMIN and RTMAX.
fn offset(text: &str, sign: char) -> Option<i32> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix(sign)?;
    let is_number = digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|offset| is_number && *offset <= 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_accepts_each_spelling() {
        for name in ["HUP", "hup", "SIGHUP", "sighup", "-HUP", "-1", "1"] {
            assert_eq!(number(name), Some(1), "{name}");
        }
        assert_eq!(number("RTMIN+3"), Some(libc::SIGRTMIN() + 3));
        assert_eq!(number("SIGRTMAX-30"), Some(libc::SIGRTMAX() - 30));
        for name in [
            "", "0", "-", "65", "32", "NONE", "RTMIN+31", "RTMIN-1", "9 1", "US.", "SIG", "SIG9",
        ] {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
