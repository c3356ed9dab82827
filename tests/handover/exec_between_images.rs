//! Whatever happens to the file between the two images of an exec, the new image finds it as it is.

use crate::common::{NOTHING, Process, TestDir, exited, killed_by, status_line};
use crate::exec::{shell_that_execs, wait_until_owner};
use std::fs;

/// An owner that has called exec, held before the library is initialised in its new image.
fn between_two_images(dir: &TestDir) -> Process {
    let mut host = shell_that_execs(dir, "dash", "\"$@\"")
        .arg(dir.host_path("stops_before_constructors"))
        .spawn();
    wait_until_owner(dir, &host);
    host.write_stdin(b"\n");
    host.close_stdin();
    host.wait_until(
        |host| status_line(host.pid(), "State").starts_with('T'),
        "stopped",
    );
    host
}

#[test]
fn exec_stopped_between_images_keeps_file() {
    let dir = TestDir::new();
    let host = between_two_images(&dir);
    host.signal(libc::SIGCONT);
    let ended = host.wait();
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (exited(7), "hello\n")
    );
    assert_eq!(ended.stderr, "");
    assert_eq!(dir.leftovers(), NOTHING);
}

type Deletion = fn(&TestDir);

#[test]
fn deletion_during_exec_ends_program() {
    let deletions: [(&str, Deletion); 3] = [
        ("unlink", |dir| dir.remove_pidfile()),
        ("rename", |dir| {
            fs::rename(dir.pidfile(), dir.path("data/a.pid")).unwrap();
        }),
        ("removal of the directory", |dir| {
            fs::remove_dir_all(dir.path("run")).unwrap();
        }),
    ];
    for (what, delete) in deletions {
        let dir = TestDir::new();
        let host = between_two_images(&dir);
        delete(&dir);
        host.signal(libc::SIGCONT);
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGTERM), "{what}: {ended:?}");
        assert_eq!(ended.stdout, "", "{what}");
        assert_eq!(
            ended.stderr.matches('\n').count(),
            1,
            "{what}: {}",
            ended.stderr
        );
        assert!(!dir.pidfile().exists(), "{what}");
    }
}

#[test]
fn file_renamed_to_other_pid_during_exec_is_kept() {
    let dir = TestDir::new();
    let other = dir.host("waits_for_signal").plain().spawn();
    let host = between_two_images(&dir);
    fs::write(dir.path("data/new"), other.pid_line()).unwrap();
    fs::rename(dir.path("data/new"), dir.pidfile()).unwrap();
    let before = dir.identity();
    host.signal(libc::SIGCONT);
    let ended = host.wait();
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (exited(7), "hello\n")
    );
    assert_eq!(dir.identity(), before);
    assert_eq!(dir.content(), other.pid_line());
}

/// The new image may be given no processor for long: its environment tells that it is the owner, whatever its lock says.
#[test]
fn second_instance_during_exec_leaves_file() {
    let dir = TestDir::new();
    let first = between_two_images(&dir);
    let before = dir.identity();
    let second = dir.host("returns_status").arg("3").run();
    assert_eq!(second.status, exited(3));
    let owner = format!("PID {}", first.pid());
    assert!(second.stderr.contains(&owner), "{}", second.stderr);
    assert_eq!(dir.identity(), before);
    assert_eq!(dir.content(), first.pid_line());
    first.signal(libc::SIGCONT);
    let ended = first.wait();
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (exited(7), "hello\n")
    );
    assert_eq!(ended.stderr, "");
    assert_eq!(dir.leftovers(), NOTHING);
}
