//! Reads the first line of a script, as the kernel and env(1) do.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::location::read_start;

/// As much as the kernel reads: BINPRM_BUF_SIZE.
const LONGEST: u64 = 256;

#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub interpreter: PathBuf,
    /// All that follows, as one word.
    pub argument: Option<OsString>,
    /// The line ends as on Windows.
    pub has_carriage_return: bool,
}

/// Returns the first line of a script; `None` if it is none.
pub fn first_line(path: &Path) -> Option<Line> {
    let start = read_start(&mut File::open(path).ok()?, LONGEST);
    let line = start.strip_prefix(b"#!")?;
    let line = line.split(|byte| matches!(byte, b'\n' | 0)).next()?;
    let has_carriage_return = line.contains(&b'\r');
    let line = line.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    let (interpreter, argument) = line.split_at(end.unwrap_or(line.len()));
    let argument = argument.trim_ascii();
    (!interpreter.is_empty()).then(|| Line {
        interpreter: OsString::from_vec(interpreter.to_vec()).into(),
        argument: (!argument.is_empty()).then(|| OsString::from_vec(argument.to_vec())),
        has_carriage_return,
    })
}

/// What env(1) is told to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Env {
    pub program: Option<OsString>,
    /// The command takes away what the library goes by.
    pub clears: bool,
}

/// Returns what env(1) makes of its arguments.
pub fn env(arguments: &[OsString]) -> Env {
    let mut env = Env::default();
    let mut ahead: Vec<OsString> = arguments.iter().rev().cloned().collect();
    while let Some(word) = ahead.pop() {
        let text = word.as_bytes();
        let long = |name: &str| text.strip_prefix(name.as_bytes());
        let unset = |env: &mut Env, name: &[u8]| {
            env.clears |= name == b"LD_PRELOAD" || name.starts_with(b"PIDFILE")
        };
        match text {
            b"-" | b"--ignore-environment" => env.clears = true,
            b"--unset" => unset(&mut env, ahead.pop().unwrap_or_default().as_bytes()),
            b"--chdir" => drop(ahead.pop()),
            b"--split-string" => split(&mut ahead, None),
            b"--" => {
                env.program = ahead.pop();
                break;
            }
            _ if long("--unset=").is_some() => {
                unset(&mut env, long("--unset=").unwrap_or_default())
            }
            _ if long("--split-string=").is_some() => split(&mut ahead, long("--split-string=")),
            _ if long("--").is_some() => {}
            [b'-', letters @ ..] => {
                for (at, letter) in letters.iter().enumerate() {
                    let rest = (at + 1 < letters.len()).then(|| &letters[at + 1..]);
                    match letter {
                        b'i' => env.clears = true,
                        b'S' => split(&mut ahead, rest),
                        b'u' => {
                            let name = rest
                                .map(<[u8]>::to_vec)
                                .or_else(|| ahead.pop().map(OsString::into_vec));
                            unset(&mut env, &name.unwrap_or_default());
                        }
                        b'C' if rest.is_none() => drop(ahead.pop()),
                        b'C' => {}
                        _ => continue,
                    }
                    if matches!(letter, b'S' | b'u' | b'C') {
                        break;
                    }
                }
            }
            _ if text.contains(&b'=') => {}
            _ => {
                env.program = Some(word);
                break;
            }
        }
    }
    env
}

/// Puts the words of one text in front of what is ahead. Quotes and escapes are rare in first lines, and not looked at.
fn split(ahead: &mut Vec<OsString>, text: Option<&[u8]>) {
    let text = text
        .map(<[u8]>::to_vec)
        .or_else(|| ahead.pop().map(OsString::into_vec));
    let text = text.unwrap_or_default();
    let words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let words: Vec<OsString> = words
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
    ahead.extend(words.into_iter().rev());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_finds_the_program() {
        for (words, program, clears) in [
            (["sh"].as_slice(), Some("sh"), false),
            (&["-S x=y sh -x"], Some("sh"), false),
            (&["-S", "sh -x"], Some("sh"), false),
            (&["-iS", "sh"], Some("sh"), true),
            (&["-i", "A=b", "sh"], Some("sh"), true),
            (&["-u", "HOME", "sh"], Some("sh"), false),
            (&["-uLD_PRELOAD", "sh"], Some("sh"), true),
            (&["--unset=PIDFILE_PATH", "sh"], Some("sh"), true),
            (&["-C", "/", "--", "sh"], Some("sh"), false),
            (&["A=b"], None, false),
        ] {
            let words: Vec<OsString> = words.iter().map(Into::into).collect();
            let expected = Env {
                program: program.map(Into::into),
                clears,
            };
            assert_eq!(env(&words), expected, "{words:?}");
        }
    }
}
