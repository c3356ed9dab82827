//! A program that an administrator runs under valgrind has its PID file too, and valgrind finds no fault with us.

use crate::common::{NOTHING, Process, TestDir, beside_valgrind, exited, killed_by};

fn under_valgrind(dir: &TestDir, host: &str) -> Process {
    let host = dir
        .program("valgrind")
        .args(["--quiet", "--error-exitcode=99"])
        .arg(dir.host_path(host))
        .spawn_owner();
    assert!(!dir.an_outsider_can_lock());
    host
}

#[test]
fn owner_under_valgrind_has_file_until_its_end() {
    let dir = TestDir::new();
    let mut host = under_valgrind(&dir, "waits_for_eof");
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, beside_valgrind(&ended)), (exited(0), ""));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn owner_under_valgrind_ends_by_deletion() {
    let dir = TestDir::new();
    let host = under_valgrind(&dir, "waits_for_signal");
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.leftovers(), NOTHING);
}
