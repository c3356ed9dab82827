//! The host writes or removes the file itself, at the same path, and nothing of ours gets in its way.

use crate::common::{
    Descendant, Descendants, NOTHING, Process, SHELLS, TestDir, context_switches, exited,
    is_at_work, is_watching, killed_by, output_pids, tasks_of, wait_for, wait_until_idle,
};
use crate::foreign_hands::owner;
use std::fs;
use std::os::fd::AsRawFd;

const OWN_WAYS: [&str; 5] = [
    "in place",
    "without truncation",
    "unlink and create",
    "rename",
    "stdio",
];

/// A host that has written the file itself, and has had the time to be misunderstood.
fn writer(dir: &TestDir, how: &str) -> Process {
    let host = dir
        .host("writes_own_pidfile")
        .arg(how)
        .arg(dir.pidfile())
        .spawn_ready();
    assert_eq!(dir.content().trim(), host.pid().to_string(), "{how}");
    host.wait_until(|host| is_watching(host.pid()), "watching");
    wait_until_idle(&host);
    host
}

/// At the end of its input it ends as ever, and there is nothing to be said about it.
#[track_caller]
fn ends_in_silence(mut host: Process, what: &str) {
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, &*ended.stderr), (exited(0), ""), "{what}");
}

#[test]
fn host_writing_the_file_itself_keeps_it() {
    for how in OWN_WAYS {
        let dir = TestDir::new();
        let host = writer(&dir, how);
        assert_eq!(dir.content().trim(), host.pid().to_string(), "{how}");
        assert!(!dir.an_outsider_can_lock(), "{how}");
        ends_in_silence(host, how);
        assert_eq!(dir.leftovers(), NOTHING, "{how}");
    }
}

#[test]
fn deletion_of_host_written_file_ends_host() {
    for how in OWN_WAYS {
        let dir = TestDir::new();
        let host = writer(&dir, how);
        dir.remove_pidfile();
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{how}");
    }
}

/// As who asks whether an owner is alive does, and a second instance.
#[test]
fn lock_probe_on_host_written_file_is_harmless() {
    let dir = TestDir::new();
    let host = owner(&dir);
    wait_until_idle(&host);
    let written = dir.path("data/new.pid");
    fs::write(&written, host.pid_line()).unwrap();
    let who_asks = fs::File::open(&written).unwrap();
    // SAFETY: plain call; the descriptor is open.
    assert_eq!(
        unsafe { libc::flock(who_asks.as_raw_fd(), libc::LOCK_EX) },
        0
    );
    let switches = || context_switches(&tasks_of(host.pid()));
    let before = switches();
    fs::rename(&written, dir.pidfile()).unwrap();
    host.wait_until(|_| switches() > before + 8, "looking again and again");
    drop(who_asks);
    host.wait_until(|_| !dir.an_outsider_can_lock(), "the owner");
    assert_eq!(host.stderr(), "");
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

/// Many daemons remove their own file first, and then take their time.
#[test]
fn host_removing_its_file_goes_on() {
    for how in ["unlink", "unlinkat", "remove"] {
        let dir = TestDir::new();
        let mut host = dir
            .host("removes_own_pidfile")
            .arg(how)
            .arg(dir.pidfile())
            .spawn();
        host.wait_until(|host| host.stdout() == "started\n", "started");
        host.wait_until(|host| is_watching(host.pid()), "watching");
        host.write_stdin(b"\n");
        host.wait_until_ready();
        wait_until_idle(&host);
        ends_in_silence(host, how);
        assert_eq!(dir.leftovers(), NOTHING, "{how}");
    }
}

/// A relative path, from a directory of its own.
#[test]
fn host_removing_file_by_relative_path_goes_on() {
    let dir = TestDir::new();
    for name in ["a.pid", "./a.pid", "../run/a.pid"] {
        let mut host = dir
            .host("removes_own_pidfile")
            .current_dir(dir.path("run"))
            .args(["unlink", name])
            .spawn();
        host.wait_until(|host| is_watching(host.pid()), "watching");
        host.write_stdin(b"\n");
        host.wait_until_ready();
        wait_until_idle(&host);
        ends_in_silence(host, name);
    }
}

/// A script, which writes it by its own hand or by that of a child.
#[test]
fn script_writing_the_file_itself_keeps_it() {
    for shell in SHELLS {
        for write in [
            "echo $$ >\"$PIDFILE\"",
            "rm -f data; echo $$ >data; cp data \"$PIDFILE\"",
            "echo $$ >data; mv data \"$PIDFILE\"",
        ] {
            let script = format!("{write}; echo ready; read line; exit 3");
            let start = |dir: &TestDir| {
                let host = dir.shell(shell).args(["-c", &script]).spawn_ready();
                host.wait_until(|host| is_watching(host.pid()), "watching");
                wait_until_idle(&host);
                assert_eq!(dir.content(), host.pid_line(), "{shell:?}, {write}");
                host
            };
            let dir = TestDir::new();
            let mut host = start(&dir);
            host.close_stdin();
            let ended = host.wait();
            assert_eq!(ended.status, exited(3), "{shell:?}, {write}");
            assert_eq!(ended.stderr, "", "{shell:?}, {write}");
            assert_eq!(dir.leftovers(), NOTHING, "{shell:?}, {write}");

            let dir = TestDir::new();
            let host = start(&dir);
            dir.remove_pidfile();
            let ended = host.wait();
            assert_eq!(ended.status, killed_by(libc::SIGTERM), "{shell:?}, {write}");
        }
    }
}

/// A host that keeps its PID file with libbsd takes a lock on it, and gives up if that is taken.
#[test]
fn host_using_libbsd_pidfile_keeps_it() {
    let dir = TestDir::new();
    let start = || {
        let host = dir.host("writes_pidfile_by_libbsd");
        host.arg(dir.pidfile()).spawn()
    };
    let host = start();
    host.wait_until_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    wait_until_idle(&host);
    assert_eq!(dir.content().trim(), host.pid().to_string());
    assert!(!dir.an_outsider_can_lock());
    ends_in_silence(host, "libbsd");
    assert_eq!(dir.leftovers(), NOTHING);

    let host = start();
    host.wait_until_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

/// A daemon that keeps the file by itself, and does so while its launcher still waits.
#[test]
fn daemon_writing_file_before_hand_over_keeps_it() {
    for shape in [&["fork", "setsid"][..], &["fork", "setsid", "fork"]] {
        for how in ["rename", "unlink and create", "lock"] {
            for deleted in [true, false] {
                let dir = TestDir::new();
                let _orphans = Descendants::of(&dir);
                let pidfile = dir.pidfile();
                let own = ["write PID file", how, pidfile.to_str().unwrap(), "be told"];
                let steps = [&["wait for", "pipe"], shape, &own].concat();
                let mut launcher = dir.host("daemonizes").args(&steps).spawn();
                let written = || output_pids(&dir, "written by").len() == 1;
                launcher.wait_until(|_| written(), "the launcher of a daemon that has written");
                wait_until_idle(&launcher);
                let daemon = Descendant::new(output_pids(&dir, "written by")[0]);
                assert_eq!(dir.content(), daemon.pid_line(), "{steps:?}");
                assert!(launcher.is_running(), "{steps:?}");
                launcher.close_stdin();
                let ended = launcher.wait();
                assert_eq!(ended.status, exited(0), "{steps:?}: {ended:?}");
                assert_eq!(dir.content(), daemon.pid_line(), "{steps:?}");
                wait_for(|| is_at_work(daemon.pid), "it is at work");
                wait_for(|| is_watching(daemon.pid), "it is watching");
                let (mut last, mut looks) = (0, 0);
                wait_for(
                    || {
                        let now = context_switches(&tasks_of(daemon.pid));
                        looks = if now == last { looks + 1 } else { 0 };
                        last = now;
                        looks == 100
                    },
                    "the daemon is idle",
                );
                assert_eq!(dir.content(), daemon.pid_line(), "{steps:?}");
                assert!(!dir.an_outsider_can_lock(), "{steps:?}");
                if deleted {
                    dir.remove_pidfile();
                } else {
                    daemon.signal(libc::SIGTERM);
                }
                assert_eq!(daemon.wait(), killed_by(libc::SIGTERM), "{steps:?}");
                assert_eq!(dir.leftovers(), NOTHING, "{steps:?}");
            }
        }
    }
}
