//! Holds the length of files against what a reader takes in at once.

use crate::source;

/// How many lines a file may have.
const MOST: usize = 300;

#[test]
fn files_are_short() {
    for folder in ["src", "pidfile-run/src", "tests", "c-tests"] {
        let files = source::files_ending(folder, &[".rs", ".c", ".h", ".go"]).into_iter();
        let lengths = files.map(|(name, text)| (name, text.lines().count()));
        let long: Vec<_> = lengths.filter(|(_, lines)| *lines > MOST).collect();
        assert!(long.is_empty(), "{folder}: {long:?}");
    }
}
