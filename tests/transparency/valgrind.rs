//! A program that an administrator runs under valgrind has its PID file too, and valgrind finds no fault with us.

use crate::common::{NOTHING, Process, TestDir, beside_valgrind, exited, killed_by};

fn under_valgrind(scene: &TestDir, host: &str) -> Process {
    let host = scene
        .program("valgrind")
        .args(["--quiet", "--error-exitcode=99"])
        .arg(scene.host_path(host))
        .spawn_owner();
    assert!(!scene.an_outsider_can_lock());
    host
}

#[test]
fn owner_under_valgrind_has_file_until_its_end() {
    let scene = TestDir::new();
    let mut host = under_valgrind(&scene, "waits_for_eof");
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, beside_valgrind(&ended)), (exited(0), ""));
    assert_eq!(scene.leftovers(), NOTHING);
}

#[test]
fn owner_under_valgrind_ends_by_deletion() {
    let scene = TestDir::new();
    let host = under_valgrind(&scene, "waits_for_signal");
    scene.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(scene.leftovers(), NOTHING);
}
