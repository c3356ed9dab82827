//! Reads files of lines and of other records in pieces, as they may be larger than our heap.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// Returns whether `is_it` holds for a line of a file; false without the file. It may be larger than our heap, so it is looked
/// through, and what is beyond 1 KiB of a line is left out.
pub fn any_line(path: &str, mut is_it: impl FnMut(&str) -> bool) -> bool {
    const LONGEST: u64 = 1024;
    let Ok(file) = File::open(path) else {
        return false;
    };
    let mut file = BufReader::with_capacity(4096, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = file.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        match read {
            Ok(1..) if std::str::from_utf8(&line).is_ok_and(&mut is_it) => return true,
            Ok(1..) => {}
            _ => return false,
        }
    }
}

/// Returns the rest of the first record of a file that begins with `name`: a line in /proc/PID/status, a variable in
/// /proc/PID/environ. `None` if there is none, or if it is longer than a page. The file is read in pieces, because it may
/// be larger than our heap.
pub fn record(path: &str, delimiter: u8, name: &[u8]) -> Option<Vec<u8>> {
    /// In bytes: one page.
    const LONGEST: u64 = 4096;
    let mut file = BufReader::with_capacity(4096, File::open(path).ok()?);
    let mut record = Vec::new();
    loop {
        record.clear();
        let mut start = file.by_ref().take(LONGEST);
        if start.read_until(delimiter, &mut record).ok()? == 0 {
            return None;
        }
        let is_whole = record.pop_if(|last| *last == delimiter).is_some();
        if record.starts_with(name) {
            return is_whole.then(|| record.split_off(name.len()));
        }
        if !is_whole {
            file.skip_until(delimiter).ok()?;
        }
    }
}
