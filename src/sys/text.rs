//! Reads and shows values from outside: bytes that may be no text, of any length.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Returns a value as a message may show it: on one line, printable, at most some 200 characters.
pub fn escaped(value: &[u8]) -> String {
    /// In bytes. A line of syslog(3) has room for it, and so has the width of a few terminal lines.
    const MOST: usize = 200;
    let text = OsStr::from_bytes(&value[..value.len().min(MOST)]).to_string_lossy();
    let mut text: String = text.chars().flat_map(visible).collect();
    if value.len() > MOST {
        text.push('…');
    }
    text
}

/// Returns a value as a number.
pub fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Returns a character, or its escape sequence if it is a control character: a path may contain a newline.
fn visible(c: char) -> impl Iterator<Item = char> {
    let escape = c.is_control();
    let plain = (!escape).then_some(c);
    escape
        .then(|| c.escape_default())
        .into_iter()
        .flatten()
        .chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_values_are_one_bounded_line() {
        assert_eq!(escaped(b"a\nb"), "a\\nb");
        assert!(escaped(&[b'x'; 100_000]).len() < 300);
        assert!(!escaped(b"\xff\x1b[0m").contains('\x1b'));
    }
}
