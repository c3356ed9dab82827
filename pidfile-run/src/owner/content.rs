//! Tells what a PID file is, by its content.

/// How much has to be read of a file to tell: more than the longest file of a number and white space.
pub const ENOUGH: usize = LONGEST + 1;
/// The longest number with white space around it, and the longest first line.
const LONGEST: usize = 64;
/// A larger file is no PID file, whatever it begins with.
const LARGEST: u64 = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing, or what a file system leaves of a file that was being written when the power failed.
    Empty,
    Names(i32),
    /// Whatever it is, it is not to be touched.
    Other,
}

impl Content {
    /// Judges a file of this size by its first [`ENOUGH`] bytes:
    ///
    /// - empty, white space, or all NUL: a PID file that names nobody;
    /// - a number and white space, at most 64 bytes: a PID file;
    /// - a number alone in the first line, and further lines (PostgreSQL's): a PID file;
    /// - anything else: none.
    pub fn of(start: &[u8], size: u64) -> Self {
        if size > LARGEST {
            return Self::Other;
        }
        let is_whole = size <= start.len() as u64;
        if is_whole && start.len() <= LONGEST {
            if start.iter().all(|byte| *byte == 0) {
                return Self::Empty;
            }
            match pid(start) {
                Some(number) => return number.map_or(Self::Empty, Self::Names),
                None if !start.contains(&b'\n') => return Self::Other,
                None => {}
            }
        }
        let Some(end) = start.iter().position(|byte| *byte == b'\n') else {
            return Self::Other;
        };
        match pid(&start[..end.min(LONGEST)]) {
            Some(Some(number)) => Self::Names(number),
            _ => Self::Other,
        }
    }
}

/// Returns the number that a file begins with, whatever follows: a program may keep more on the line than its PID.
pub fn first_number(start: &[u8]) -> Option<i32> {
    let text = start.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    let ends = rest
        .first()
        .is_none_or(|byte| byte.is_ascii_whitespace() || *byte == 0);
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    (ends && number > 0).then_some(number)
}

/// Returns the PID in a text of one number and white space; `Some(None)` for white space alone, and for a number that is
/// nobody's; else `None`.
fn pid(text: &[u8]) -> Option<Option<i32>> {
    let text = text.trim_ascii();
    let is_number = text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok()?.parse();
    is_number.then(|| number.ok().filter(|number| *number > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_a_number_or_nothing() {
        for (text, content) in [
            ("", Content::Empty),
            ("\0\0\0\0", Content::Empty),
            ("\n", Content::Empty),
            ("12\n", Content::Names(12)),
            (" 12 \n\n", Content::Names(12)),
            ("12\n/var/lib/postgresql\n5432\n", Content::Names(12)),
            ("12", Content::Names(12)),
            ("0\n", Content::Empty),
            ("-5\n", Content::Other),
            ("12x\n", Content::Other),
            ("12 34\n", Content::Other),
            ("listen 80\n", Content::Other),
            ("\nlisten 80\n", Content::Other),
            ("1234567890123\n", Content::Empty),
            ("12\0\n", Content::Other),
        ] {
            let found = Content::of(text.as_bytes(), text.len() as u64);
            assert_eq!(found, content, "{text:?}");
        }
    }

    #[test]
    fn content_of_a_long_file_needs_a_line_with_a_number() {
        let page = "12\n".to_owned() + &"x".repeat(100);
        let start = &page.as_bytes()[..ENOUGH];
        assert_eq!(Content::of(start, page.len() as u64), Content::Names(12));
        assert_eq!(Content::of(start, LARGEST + 1), Content::Other);
        let blanks = " ".repeat(ENOUGH);
        assert_eq!(Content::of(blanks.as_bytes(), 200), Content::Other);
        let nuls = "\0".repeat(ENOUGH);
        assert_eq!(Content::of(nuls.as_bytes(), 200), Content::Other);
    }
}
