//! `pidfile-run list` of many files: all of them are there, and each costs the same few system calls.

use crate::common::{TestDir, exited, owner, pidfile_run};
use std::fs;

/// With few descriptors.
#[test]
fn list_shows_a_thousand_files() {
    let dir = TestDir::new();
    let host = owner(&dir);
    for number in 0..1000 {
        fs::write(dir.path(format!("run/{number}.pid")), "99999999\n").unwrap();
    }
    let ended = dir
        .program("bash")
        .plain()
        .args(["-c", "ulimit -n 32; exec \"$@\"", "bash"])
        .arg(pidfile_run())
        .arg("list")
        .arg(dir.path("run"))
        .run();
    assert_eq!(ended.status, exited(0), "{}", ended.stderr);
    let rows: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(rows.len(), 1002);
    assert_eq!(
        rows.iter().filter(|row| row.contains("  no  ")).count(),
        1000
    );
    let owned = format!("  {}  ", host.pid());
    let mine: Vec<&&str> = rows.iter().filter(|row| row.contains(&owned)).collect();
    assert!(mine.len() == 1 && mine[0].contains("  yes "), "{mine:?}");
}

/// Somebody reads the first line only.
#[test]
fn list_into_a_closed_pipe_is_silent() {
    let dir = TestDir::new();
    for number in 0..2000 {
        fs::write(dir.path(format!("run/{number}.pid")), "").unwrap();
    }
    let ended = dir
        .program("/bin/bash")
        .plain()
        .args([
            "-c",
            "\"$1\" list \"$2\" | head -1; echo ${PIPESTATUS[0]}",
            "bash",
        ])
        .arg(pidfile_run())
        .arg(dir.path("run"))
        .run();
    assert_eq!(ended.stderr, "");
    assert!(ended.stdout.starts_with("FILE"), "{ended:?}");
    let status = ended.stdout.lines().last().unwrap();
    assert!(status == "141" || status == "0", "{status}");
}

/// The files that were opened to list that many, by strace.
fn opened_for(files: usize) -> Vec<String> {
    let dir = TestDir::new();
    let _host = owner(&dir);
    for number in 1..files {
        fs::write(dir.path(format!("run/{number}.pid")), "99999999\n").unwrap();
    }
    let log = dir.path("out/strace");
    let ended = dir
        .program("strace")
        .plain()
        .args(["--quiet=all", "--trace=open,openat,openat2", "--output"])
        .args([&log, &pidfile_run()])
        .arg("list")
        .arg(dir.path("run"))
        .run();
    assert_eq!(ended.status, exited(0), "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().count(), files + 1);
    let log = fs::read_to_string(log).unwrap();
    log.lines().map(str::to_owned).collect()
}

#[test]
fn list_takes_few_calls_for_each_file() {
    const FEW: usize = 10;
    const MANY: usize = 1000;
    let [few, many] = [FEW, MANY].map(opened_for);
    let locks = |opened: &[String]| {
        let tables = opened.iter().filter(|line| line.contains("/proc/locks"));
        tables.count()
    };
    // Not one look at the kernel's table of locks for each file, which has a line for each lock.
    assert!(locks(&many) <= 3, "{}", locks(&many));
    // Each directory on the way, the file itself, and what its process is.
    let dir = TestDir::new();
    let way = dir.pidfile().components().count();
    let most = (MANY - FEW) * (way + 3);
    assert!(many.len() - few.len() <= most, "{}", many.len());
}
