//! Where inotify has no room left or is told nothing, a deletion ends the host all the same.

use crate::common::{
    Ended, HostCommand, NOTHING, Process, TestDir, exited, extra_tasks_of, is_watching, killed_by,
    library, trace, wait_until_idle,
};
use std::os::unix::fs::chown;
use std::{fs, process};

/// How many owners one user has at once: more than he may have inotify instances.
const OWNERS: usize = if cfg!(feature = "torture") { 1000 } else { 150 };

/// A host whose user may have no more of these, in a user namespace of its own.
fn without<'dir>(dir: &'dir TestDir, what: &str) -> HostCommand<'dir> {
    let script = format!("echo 0 >/proc/sys/user/{what}; exec env \"$@\"");
    dir.program("unshare")
        .plain()
        .args(["--user", "--map-root-user", "sh", "-e", "-c", &script, "sh"])
        .arg(format!("LD_PRELOAD={}", library().display()))
        .arg(format!("PIDFILE={}", dir.pidfile().display()))
        .arg(dir.host_path("waits_for_eof"))
}

pub fn is_deleted(dir: &TestDir, host: Process) -> Ended {
    host.wait_until_ready();
    assert_eq!(dir.content(), host.pid_line());
    wait_until_idle(&host);
    assert!(!is_watching(host.pid()), "{}", host.stderr());
    dir.remove_pidfile();
    let ended = host.wait();
    assert_eq!(ended.status, killed_by(libc::SIGTERM), "{ended:?}");
    assert_eq!(dir.leftovers(), NOTHING);
    ended
}

const LIMITS: [&str; 2] = ["max_inotify_instances", "max_inotify_watches"];

/// Nobody has to know, but who has asked.
#[test]
fn no_inotify_watch_left_polls() {
    for limit in LIMITS {
        for setting in ["auto", "stderr"] {
            let dir = TestDir::new();
            let host = without(&dir, limit).env("PIDFILE_LOG", setting);
            let ended = is_deleted(&dir, host.spawn());
            let said = ended.stderr.matches("is watched by polling: ").count();
            assert_eq!(said, usize::from(setting == "stderr"), "{ended:?}");
            let lines = ended.stderr.lines().count();
            assert_eq!(lines, if setting == "auto" { 1 } else { 3 }, "{ended:?}");
        }
    }
}

/// Who wants inotify or nothing is told that it is nothing.
#[test]
fn no_inotify_watch_and_no_polling_is_reported() {
    for limit in LIMITS {
        let dir = TestDir::new();
        let mut host = without(&dir, limit).env("PIDFILE_WATCH", "inotify").spawn();
        host.wait_until(|host| host.stderr().contains("is not watched: "), "told");
        dir.remove_pidfile();
        wait_until_idle(&host);
        assert!(host.is_running());
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0));
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// Each has a file, each sees its deletion, whether there was an instance for it or not.
#[test]
#[ignore = "needs root"]
fn more_owners_than_inotify_instances_all_end() {
    allow_many_descriptors();
    // Nobody else's.
    let user = 1_000_000_000 + process::id();
    let programs = TestDir::new();
    let host = programs.copy(&programs.host_path("waits_for_eof"), "755");
    let library = programs.copy(&library(), "755");
    let dirs: Vec<TestDir> = (0..OWNERS).map(|_| TestDir::new()).collect();
    let start = |dir: &TestDir| {
        chown(dir.path("run"), Some(user), Some(user)).unwrap();
        let host = dir.program(&host).env("LD_PRELOAD", &library);
        host.run_by(user).spawn()
    };
    let owners: Vec<Process> = dirs.iter().map(start).collect();
    for (dir, owner) in dirs.iter().zip(&owners) {
        owner.wait_until_ready();
        assert_eq!(dir.content(), owner.pid_line());
    }
    wait_until_idle(owners.last().unwrap());
    let watching = owners.iter().filter(|owner| is_watching(owner.pid()));
    let (watching, most) = (watching.count(), limit("max_user_instances"));
    println!("{OWNERS} owners, {watching} with inotify, of which there may be {most}");
    assert!((1..=most).contains(&watching));
    // All at once: the kernel takes its time for the end of each instance.
    let mut ending = Vec::new();
    for (number, (dir, mut owner)) in dirs.iter().zip(owners).enumerate() {
        assert_eq!(owner.stderr(), "", "owner {number}");
        let expected = if number % 2 == 0 {
            dir.remove_pidfile();
            killed_by(libc::SIGTERM)
        } else {
            owner.close_stdin();
            exited(0)
        };
        ending.push((dir, owner, expected));
    }
    for (dir, owner, expected) in ending {
        assert_eq!(owner.wait().status, expected);
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// The test has some for each owner.
fn allow_many_descriptors() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` lives through both calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

pub fn limit(name: &str) -> usize {
    let limit = fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).unwrap();
    limit.trim().parse().unwrap()
}

/// On a file system that tells inotify nothing. strace makes it look like FUSE, and the watch a watch on nothing.
#[test]
fn silent_inotify_deletion_still_ends() {
    let faults = [
        "--inject=fstatfs:poke_exit=@arg2=4655736500000000",
        "--inject=inotify_add_watch:retval=1",
    ];
    for (setting, lines) in [("auto", 1), ("stderr", 3)] {
        let dir = TestDir::new();
        let host = dir
            .host("stops_before_constructors")
            .env("PIDFILE_LOG", setting);
        let (ended, _) = trace(&dir, host, &faults, |host| {
            host.wait_until(|host| !host.stdout().is_empty(), "in its main function");
            host.wait_until(|host| extra_tasks_of(host.pid()).len() == 2, "armed");
            wait_until_idle(host);
            assert!(!is_watching(host.pid()));
            dir.remove_pidfile();
        });
        assert_eq!(ended.status, killed_by(libc::SIGTERM), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), lines, "{ended:?}");
        let said = ended.stderr.matches("is polled too: ").count();
        assert_eq!(said, usize::from(setting == "stderr"), "{ended:?}");
    }
}
