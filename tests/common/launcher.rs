use super::host::HostCommand;
use super::process::exited;
use super::test_dir::{NOTHING, TestDir, built, library};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The command under test: the built file, as a user gets it.
pub fn pidfile_run() -> PathBuf {
    built("PIDFILE_RUN", "target/release/pidfile-run")
}

/// `pidfile-run`; it itself is not preloaded.
pub fn launcher(dir: &TestDir) -> HostCommand<'_> {
    dir.program(pidfile_run())
        .plain()
        .env("LIBPIDFILE", library())
}

/// The same with the file of the test directory, up to the command.
pub fn starter(dir: &TestDir) -> HostCommand<'_> {
    launcher(dir).arg("-p").arg(dir.pidfile()).arg("--")
}

/// `pidfile-run` ends with this status, leaves no file, and says in one line why, then what helps: all these words.
#[track_caller]
pub fn refuses(dir: &TestDir, host: HostCommand, status: i32, words: &[&str]) {
    let ended = host.run();
    assert_eq!(ended.status, exited(status), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    assert!(is_one_failure(&ended.stderr), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    assert_eq!(dir.leftovers(), NOTHING);
}

/// One line that says what and why, and at least one that says what to do.
pub fn is_one_failure(text: &str) -> bool {
    let mut lines = text.lines();
    lines
        .next()
        .is_some_and(|line| line.starts_with("pidfile-run: "))
        && lines.clone().count() > 0
        && lines.all(|line| line.starts_with("help: "))
}

/// For PATH: a directory with what the smallest of base systems has, and with a few commands more.
pub fn base_system(dir: &TestDir, more: &[&str]) -> PathBuf {
    const APPLETS: [&str; 22] = [
        "awk", "cat", "cut", "date", "dd", "dirname", "env", "find", "grep", "head", "id", "ls",
        "od", "readlink", "rm", "sed", "sh", "sleep", "sort", "stat", "tail", "tr",
    ];
    let directory = dir.path("base system");
    if !directory.exists() {
        fs::create_dir(&directory).unwrap();
        for name in APPLETS {
            symlink("/bin/busybox", directory.join(name)).unwrap();
        }
        for name in more {
            symlink(Path::new("/usr/bin").join(name), directory.join(name)).unwrap();
        }
    }
    directory
}
