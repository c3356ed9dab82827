//! The table of the variables: what each takes, what makes no sense in it, and its default.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

pub struct Variable {
    pub name: &'static str,
    pub words: &'static [&'static str],
    /// Of what comes about by chance, what makes sense all the same.
    pub also: &'static [&'static str],
    pub default: &'static str,
}

const SWITCH: [&str; 8] = ["0", "1", "yes", "no", "true", "false", "on", "off"];

pub const VARIABLES: [Variable; 7] = [
    Variable {
        name: "PIDFILE_FOLLOW",
        words: &["auto", "fork", "off"],
        also: &[],
        default: "auto",
    },
    Variable {
        name: "PIDFILE_SIGNAL",
        words: &["TERM", "SIGTERM", "15", "RTMIN+3", "RTMAX-30"],
        also: &["RTMIN", "RTMAX-3"],
        default: "TERM",
    },
    Variable {
        name: "PIDFILE_KILL_AFTER",
        words: &["0", "10", "0.25"],
        also: &[],
        default: "0",
    },
    Variable {
        name: "PIDFILE_WATCH",
        words: &["auto", "inotify", "poll", "poll:2.5", "off"],
        also: &["poll:2.", "pollpoll"],
        default: "auto",
    },
    Variable {
        name: "PIDFILE_STRICT",
        words: &SWITCH,
        also: &[],
        default: "0",
    },
    Variable {
        name: "PIDFILE_GUARD",
        words: &SWITCH,
        also: &[],
        default: "0",
    },
    Variable {
        name: "PIDFILE_LOG",
        words: &["auto", "stderr", "syslog", "off"],
        also: &[],
        default: "auto",
    },
];

/// The kernel takes no longer string: 32 pages, with its name and a zero byte.
pub const ENORMOUS: usize = 32 * 4096 - 64;

const NONSENSE: [&str; 34] = [
    "",
    " ",
    "\t",
    "\n",
    "a\nlibpidfile: b",
    "\r",
    "\x1b[31m",
    "\u{85}",
    "\u{202e}",
    "-",
    "-0",
    "-1",
    "+",
    "007",
    "0x10",
    "1e3",
    "1e999",
    "inf",
    "NaN",
    "1.2.3",
    ".",
    "33",
    "65",
    "2147483648",
    "9223372036854775808",
    "99999999999999999999999999",
    "true",
    "yes",
    "%s%n",
    "$(id)",
    "\"",
    "SIG",
    "poll:0",
    "poll:-1",
];

impl Variable {
    pub fn bad_values(&self) -> BTreeSet<OsString> {
        let mut values: BTreeSet<OsString> = NONSENSE.iter().map(OsString::from).collect();
        for bytes in [&b"\xff"[..], b"au\xffto", b"\xf0\x9f", b"\x01\x7f"] {
            values.insert(OsString::from_vec(bytes.to_vec()));
        }
        for long in ["x", "9", "0", "\n", "SIG", "\u{e4}"] {
            values.insert(long.repeat(ENORMOUS / long.len()).into());
        }
        for word in self.words {
            let (first, rest) = word.split_at(1);
            values.extend([
                word.to_lowercase().into(),
                word.to_uppercase().into(),
                (first.to_uppercase() + rest).into(),
                format!(" {word}").into(),
                format!("{word} ").into(),
                format!("{word}\n").into(),
                format!("{word}{word}").into(),
                format!("{word},{word}").into(),
                word[..word.len() - 1].into(),
                rest.into(),
                (word.repeat(ENORMOUS / word.len())).into(),
            ]);
        }
        let makes_sense = |value: &OsString| {
            let known = self.words.iter().chain(self.also);
            let value = value.to_str().unwrap_or("?");
            match self.name {
                _ if value.is_empty() => true,
                "PIDFILE_STRICT" | "PIDFILE_GUARD" => known
                    .into_iter()
                    .any(|word| value.eq_ignore_ascii_case(word)),
                "PIDFILE_SIGNAL" if is_signal(value) => true,
                "PIDFILE_KILL_AFTER" => is_seconds(value),
                _ => known.into_iter().any(|word| *word == value),
            }
        };
        values.retain(|value| !makes_sense(value));
        values
    }
}

pub fn default_of(name: &str) -> &'static str {
    let variable = VARIABLES.iter().find(|variable| variable.name == name);
    variable.expect(name).default
}

/// By its number.
fn is_signal(value: &str) -> bool {
    let number = value.parse().unwrap_or(0);
    (1..=31).contains(&number) || (34..=64).contains(&number)
}

/// Not more than ten years.
fn is_seconds(value: &str) -> bool {
    let is_number = value
        .parse()
        .is_ok_and(|seconds: f64| seconds <= 315_360_000.0);
    is_number && value.chars().all(|c| c == '.' || c.is_ascii_digit())
}
