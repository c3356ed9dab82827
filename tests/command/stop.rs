//! `pidfile-run stop` ends the owner and removes what a program has left; a file that is no PID file it leaves alone.

use crate::common::{NOTHING, TestDir, answer, is_one_failure, launcher, owner, pidfile_run};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

/// Twenty files that somebody else needs.
fn files_of_others() -> [(&'static str, Vec<u8>); 20] {
    let long_number = format!("{}\n", "7".repeat(65));
    let late_number = format!("{}12\n", "\n".repeat(70));
    [
        ("server.conf", b"listen 80\n".to_vec()),
        ("script.sh", b"#!/bin/sh\nexec sleep 1\n".to_vec()),
        ("passwd", b"root:x:0:0:root:/root:/bin/bash\n".to_vec()),
        ("hosts", b"127.0.0.1 localhost\n".to_vec()),
        ("resolv.conf", b"nameserver 192.0.2.1\n".to_vec()),
        ("log", b"2026-11-26 10:00:00 started\n".to_vec()),
        ("epoch.log", b"1795701109 started\n".to_vec()),
        ("crontab", b"0 4 * * * root /usr/sbin/x\n".to_vec()),
        ("table.csv", b"1,2,3\n4,5,6\n".to_vec()),
        ("numbers", b"1 2 3\n".to_vec()),
        ("negative", b"-1\n".to_vec()),
        ("version", b"1.2.3\n".to_vec()),
        ("serial", b"12x\n".to_vec()),
        ("word", b"none\n".to_vec()),
        ("blank.conf", b"\n\n[section]\n".to_vec()),
        ("program", b"\x7fELF\x02\x01\x01\0\0\0\0\0".to_vec()),
        ("image", b"\0\0\0\0\0\0\0\x01".to_vec()),
        ("long", long_number.into_bytes()),
        ("late", late_number.into_bytes()),
        ("large", [b"12\n".to_vec(), vec![b'x'; 70_000]].concat()),
    ]
}

#[test]
fn stop_leaves_every_other_file_alone() {
    let dir = TestDir::new();
    for (name, content) in files_of_others() {
        let file = dir.path("run").join(name);
        fs::write(&file, &content).unwrap();
        let (status, told) = answer(launcher(&dir).arg("stop").arg(&file));
        assert_eq!((status, is_one_failure(&told)), (1, true), "{name}: {told}");
        assert!(told.contains("is no PID file"), "{name}: {told}");
        assert_eq!(fs::read(&file).unwrap(), content, "{name}");
        // Nor does a start take it over.
        let start = launcher(&dir).arg("-p").arg(&file).arg("true");
        let (status, told) = answer(start);
        assert_eq!(status, 125, "{name}: {told}");
        assert_eq!(fs::read(&file).unwrap(), content, "{name}");
    }
}

#[test]
fn stop_removes_what_a_program_has_left() {
    let dir = TestDir::new();
    let left: [&[u8]; 7] = [
        b"",
        b"\n",
        b"\0\0\0\0\0\0",
        b"99999999\n",
        b"  99999999  \n\n",
        b"99999999",
        b"99999999\n/var/lib/postgresql\n1795701109\n5432\n/run/postgresql\nlocalhost\n  5432001\n",
    ];
    for content in left {
        fs::write(dir.pidfile(), content).unwrap();
        let (status, told) = answer(launcher(&dir).arg("stop").arg(dir.pidfile()));
        assert_eq!((status, told.as_str()), (0, ""), "{content:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{content:?}");
    }
}

#[test]
fn stop_leaves_file_with_two_links_alone() {
    let dir = TestDir::new();
    let other = dir.path("data/other");
    fs::write(&other, "99999999\n").unwrap();
    fs::hard_link(&other, dir.pidfile()).unwrap();
    let (status, told) = answer(launcher(&dir).arg("stop").arg(dir.pidfile()));
    assert_eq!(status, 1, "{told}");
    assert!(told.contains("more than one link"), "{told}");
    assert_eq!(dir.content(), "99999999\n");

    // The owner's too: somebody has made a second name for it.
    fs::remove_file(dir.pidfile()).unwrap();
    let host = owner(&dir);
    fs::hard_link(dir.pidfile(), dir.path("data/second")).unwrap();
    let (status, told) = answer(launcher(&dir).arg("stop").arg(dir.pidfile()));
    assert_eq!(status, 1, "{told}");
    assert!(host.is_running());
    assert_eq!(dir.content(), host.pid_line());
}

/// As root one must not be led elsewhere by who may write in a directory on the way.
#[test]
#[ignore = "needs root"]
fn stop_follows_no_link_of_another_user() {
    let dir = TestDir::new();
    let link = dir.path("data/link");
    symlink(dir.path("run"), &link).unwrap();
    let through = link.join("a.pid");
    fs::write(dir.pidfile(), "99999999\n").unwrap();
    std::os::unix::fs::lchown(&link, Some(65534), Some(65534)).unwrap();
    for sub in ["stop", "status"] {
        let (status, told) = answer(launcher(&dir).arg(sub).arg(&through));
        assert_eq!(status, if sub == "stop" { 1 } else { 4 }, "{told}");
        assert!(told.contains("a symbolic link of user 65534"), "{told}");
    }
    assert_eq!(dir.content(), "99999999\n");
    // One of root's is what /var/run is.
    std::os::unix::fs::lchown(&link, Some(0), Some(0)).unwrap();
    let (status, told) = answer(launcher(&dir).arg("stop").arg(&through));
    assert_eq!((status, told.as_str()), (0, ""));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn stop_kills_after_the_time_if_told_to() {
    let dir = TestDir::new();
    let host = dir.host("survives_sigterm").spawn_ready();
    let stop = launcher(&dir)
        .args(["stop", "--kill", "-t", "0.1"])
        .arg(dir.pidfile());
    assert_eq!(answer(stop), (0, String::new()));
    assert_eq!(host.wait().status, crate::common::killed_by(libc::SIGKILL));
}

#[test]
#[ignore = "needs root"]
fn stop_by_an_ordinary_user_needs_the_directory() {
    let dir = TestDir::new();
    let copy = dir.copy(&pidfile_run(), "755");
    fs::write(dir.pidfile(), "99999999\n").unwrap();
    let ask = || {
        let stop = dir.program(&copy).plain().arg("stop");
        answer(stop.arg(dir.pidfile()).run_by_nobody())
    };
    let (status, told) = ask();
    assert_eq!(status, 4, "{told}");
    assert!(
        told.contains("cannot be deleted: Permission denied"),
        "{told}"
    );
    let run: &Path = &dir.path("run");
    chown(run, Some(65534), None).unwrap();
    fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(ask(), (0, String::new()));
}
