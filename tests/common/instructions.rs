//! How many instructions a program executes, by valgrind: unlike a time, this is the same each time.

use super::process::{Ended, exited};
use super::test_dir::{TestDir, library};
use std::fs;

/// What is preloaded into a program that does nothing but return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preload {
    Empty,
    Inert,
    Active,
}

/// The instructions of all its threads, from the first one of the loader to the last one of the process.
pub fn instructions(preload: Preload) -> u64 {
    let dir = TestDir::new();
    let host = dir.program("valgrind");
    let host = match preload {
        Preload::Empty => host
            .inert()
            .env("LD_PRELOAD", dir.host_path("is_an_empty_library")),
        Preload::Inert => host.inert().env("LD_PRELOAD", library()),
        // valgrind itself starts as a shell script. Whether the time comes to arm the watch depends on how slow it is: so
        // there is none to arm.
        Preload::Active => host
            .env("PIDFILE_EXE", "returns_status")
            .env("PIDFILE_WATCH", "poll:3600"),
    };
    let counts = dir.path("out/callgrind");
    let ended = host
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(dir.host_path("returns_status"))
        .arg("0")
        .run();
    assert_eq!((ended.status, beside_valgrind(&ended)), (exited(0), ""));
    assert_eq!(
        dir.directory_has_changed(),
        preload == Preload::Active,
        "{preload:?}"
    );
    let counts = fs::read_to_string(counts).unwrap();
    let total = counts
        .lines()
        .find_map(|line| line.strip_prefix("summary: "));
    total.unwrap().parse().unwrap()
}

/// What a program under valgrind has said. Valgrind itself warns of system calls that are newer than it is.
pub fn beside_valgrind(ended: &Ended) -> &str {
    let is_valgrinds = |line: &str| line.starts_with("--") && line.contains("-- ");
    let all = ended.stderr.lines().all(is_valgrinds);
    if all { "" } else { &ended.stderr }
}
