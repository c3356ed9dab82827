//! The lock of a PID file, as somebody sees it who knows nothing of us.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

/// Whether the file is locked by somebody: nobody else can.
pub fn is_locked(file: &Path) -> bool {
    let flock = Command::new("flock")
        .args(["--nonblock", "--conflict-exit-code", "77"])
        .arg(file)
        .arg("true")
        .status()
        .expect("flock from util-linux");
    assert!(matches!(flock.code(), Some(0 | 77)), "flock: {flock}");
    !flock.success()
}

/// Who has locked what is at a path, as the kernel tells everybody, without a try at the lock.
pub fn locked_by(path: &Path) -> Option<i32> {
    let inode = fs::metadata(path).ok()?.ino().to_string();
    let locks = fs::read_to_string("/proc/locks").expect("/proc/locks");
    locks.lines().find_map(|line| {
        // "1: FLOCK  ADVISORY  WRITE 4711 fe:00:10010700 0 EOF"; who waits has an arrow before the kind.
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = fields[..] else {
            return None;
        };
        let is_it = place.rsplit(':').next() == Some(&*inode);
        is_it.then(|| pid.parse().ok()).flatten()
    })
}
