use super::host::HostCommand;
use super::process::exited;
use super::test_dir::{NOTHING, TestDir, library};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub const PIDFILE_RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pidfile-run");

/// `pidfile-run`, run by one of the shells; it itself is not preloaded.
pub fn launcher<'scene>(scene: &'scene TestDir, shell: &str) -> HostCommand<'scene> {
    scene
        .shell(shell)
        .arg(PIDFILE_RUN)
        .plain()
        .env("LIBPIDFILE", library())
}

/// The same with the file of the scene, up to the command.
pub fn starter<'scene>(scene: &'scene TestDir, shell: &str) -> HostCommand<'scene> {
    launcher(scene, shell)
        .arg("-p")
        .arg(scene.pidfile())
        .arg("--")
}

/// `pidfile-run` ends with this status, leaves no file, and says one line that holds all these words.
#[track_caller]
pub fn refuses(scene: &TestDir, host: HostCommand, status: i32, words: &[&str]) {
    let ended = host.run();
    assert_eq!(ended.status, exited(status), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.starts_with("pidfile-run: "), "{ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    assert_eq!(scene.leftovers(), NOTHING);
}

/// For PATH: a directory with what the smallest of base systems has, and with a few commands more.
pub fn base_system(scene: &TestDir, more: &[&str]) -> PathBuf {
    const APPLETS: [&str; 22] = [
        "awk", "cat", "cut", "date", "dd", "dirname", "env", "find", "grep", "head", "id", "ls",
        "od", "readlink", "rm", "sed", "sh", "sleep", "sort", "stat", "tail", "tr",
    ];
    let directory = scene.path("base system");
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
