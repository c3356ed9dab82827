//! Foreign bytes in messages.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A value as a message may show it: printable, of bounded length.
pub fn escaped(value: &[u8]) -> String {
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
