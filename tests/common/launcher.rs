use super::host::Host;
use super::scene::{Scene, library};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub const PIDFILE_RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pidfile-run");

/// Whatever /bin/sh is.
pub const SHELLS: [&str; 3] = ["dash", "bash", "busybox sh"];

/// `pidfile-run`, run by one of the shells; it itself is not preloaded.
pub fn launcher<'scene>(scene: &'scene Scene, shell: &str) -> Host<'scene> {
    let mut words = shell.split(' ');
    scene
        .program(words.next().unwrap())
        .args(words)
        .arg(PIDFILE_RUN)
        .plain()
        .env("LIBPIDFILE", library())
}

/// For PATH: a directory with what the smallest of base systems has, and with a few commands more.
pub fn base_system(scene: &Scene, more: &[&str]) -> PathBuf {
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
