//! Another program writes its PID over ours: the file is that program's from then on.

use crate::common::{Process, TestDir, exited, is_locked, is_watching, wait_for, wait_until_idle};
use std::fs;

/// A host that owns the file and watches it.
pub fn owner(dir: &TestDir) -> Process {
    let host = dir.host("waits_for_eof").spawn_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    host
}

type Change = fn(&TestDir, &str);

/// What others may do to the file.
const FOREIGN_HANDS: [(&str, Change); 3] = [
    ("replace", |dir, content| {
        fs::write(dir.path("run/new"), content).unwrap();
        fs::rename(dir.path("run/new"), dir.pidfile()).unwrap();
    }),
    ("overwrite", |dir, content| {
        fs::write(dir.pidfile(), content).unwrap();
    }),
    ("exchange and delete", |dir, content| {
        let new = dir.path("run/new");
        fs::write(&new, content).unwrap();
        // What is there before is out of its place when it is deleted.
        let names = [new, dir.pidfile()].map(|path| {
            std::ffi::CString::new(path.into_os_string().into_string().unwrap()).unwrap()
        });
        // SAFETY: both names live through the call.
        let exchanged = unsafe {
            libc::renameat2(
                libc::AT_FDCWD,
                names[0].as_ptr(),
                libc::AT_FDCWD,
                names[1].as_ptr(),
                libc::RENAME_EXCHANGE,
            )
        };
        assert_eq!(exchanged, 0);
        fs::remove_file(dir.path("run/new")).unwrap();
    }),
];

#[test]
fn overwritten_file_belongs_to_the_other_process() {
    for (what, change) in FOREIGN_HANDS {
        let dir = TestDir::new();
        let other = dir.host("waits_for_signal").plain().spawn();
        let mut host = owner(&dir);
        change(&dir, &other.pid_line());
        let before = dir.identity();
        wait_until_idle(&host);
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0), "{what}: {}", ended.stderr);
        assert_eq!(dir.content(), other.pid_line(), "{what}");
        assert_eq!(dir.identity(), before, "{what}");
        assert_eq!(dir.leftovers(), ["a.pid"], "{what}");
    }
}

/// The end may come before anybody has looked.
#[test]
fn overwritten_file_survives_owners_immediate_end() {
    for (what, change) in FOREIGN_HANDS {
        for round in 0..20 {
            let dir = TestDir::new();
            let other = dir.host("waits_for_signal").plain().spawn();
            let mut host = owner(&dir);
            change(&dir, &other.pid_line());
            host.close_stdin();
            assert_eq!(host.wait().status, exited(0), "{what}, round {round}");
            assert_eq!(dir.content(), other.pid_line(), "{what}, round {round}");
        }
    }
}

#[test]
fn loss_of_the_file_is_reported_once() {
    let dir = TestDir::new();
    let other = dir.host("waits_for_signal").plain().spawn();
    let mut host = owner(&dir);
    let (_, replace) = FOREIGN_HANDS[0];
    replace(&dir, &other.pid_line());
    host.wait_until(|host| host.stderr().ends_with('\n'), "out with it");
    host.close_stdin();
    let said = host.wait().stderr;
    let start = format!("libpidfile: {}: ", dir.pidfile().display());
    assert!(said.starts_with(&start), "{said}");
    assert!(said.contains(&format!("PID {}", other.pid())), "{said}");
    assert_eq!(said.matches('\n').count(), 1, "{said}");
}

/// Once lost, its deletion is the other's business.
#[test]
fn deletion_of_a_lost_file_ends_nobody() {
    let dir = TestDir::new();
    let other = dir.host("waits_for_signal").plain().spawn();
    let mut host = owner(&dir);
    let (_, replace) = FOREIGN_HANDS[0];
    replace(&dir, &other.pid_line());
    host.wait_until(|host| !host.stderr().is_empty(), "aware of it");
    dir.remove_pidfile();
    wait_until_idle(&host);
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
}

#[test]
fn file_overwritten_with_no_pid_is_not_removed() {
    for content in ["", "\n", "no PID at all\n", "0\n", "-1\n"] {
        let dir = TestDir::new();
        let mut host = owner(&dir);
        fs::write(dir.pidfile(), content).unwrap();
        wait_until_idle(&host);
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0), "{content:?}");
        assert_eq!(dir.leftovers(), ["a.pid"], "{content:?}");
        assert_eq!(dir.content(), content);
    }
}

/// Once the file is lost, whatever has its inode is a file like any other: a lock of the host's own is a lock.
#[test]
fn lock_of_host_on_a_lost_file_keeps_others_out() {
    for way in ["replaced", "unlink"] {
        let dir = TestDir::new();
        let other = dir.host("waits_for_signal").plain().spawn();
        let file = dir.path("data/other");
        let mut host = dir.host("locks_another_file").arg(&file);
        if way == "unlink" {
            host = host.arg(way);
        }
        let mut host = host.spawn_owner();
        host.wait_until(|host| is_watching(host.pid()), "watching");
        fs::hard_link(dir.pidfile(), &file).unwrap();
        if way == "unlink" {
            host.write_stdin(b"\n");
        } else {
            FOREIGN_HANDS[0].1(&dir, &other.pid_line());
        }
        wait_for(|| !is_locked(&file), "the library has let go of the file");
        host.write_stdin(b"\n");
        host.wait_until(
            |host| host.stdout().ends_with("locked\n"),
            "one with a lock",
        );
        assert!(is_locked(&file), "{way}");
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0), "{way}");
    }
}
