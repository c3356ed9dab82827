//! A process without a setting: nothing of the library happens in it.

use crate::common::{TestDir, exited, library};
use std::path::Path;

fn memory(library: &Path) -> Vec<String> {
    let dir = TestDir::new();
    let host = dir.host("shows_its_memory").inert().arg(library);
    let ended = host.env("LD_PRELOAD", library).run();
    assert_eq!(ended.status, exited(0), "{}", ended.stderr);
    // Where the kernel puts things decides which of them touch: the order says nothing.
    let mut lines: Vec<String> = ended.stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn memory_is_that_under_an_empty_library() {
    let empty = memory(&TestDir::new().host_path("is_an_empty_library"));
    let ours = memory(&library());
    assert!(
        empty.contains(&"0 calls before main, heap 0".to_owned()),
        "{empty:?}"
    );
    assert_eq!(ours, empty);
}
