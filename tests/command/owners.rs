//! Whom `pidfile-run status`, `signal` and `stop` take for the owner of a PID file, and whom they do not.

use crate::common::{
    Admin, Descendants, NOTHING, Process, TestDir, answer, children_of, daemonize, exited,
    has_ended, is_alive, killed_by, launcher, library, owner, starter,
};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

/// Somebody who has nothing to do with the file has the PID that is in it.
fn file_names_an_innocent(dir: &TestDir) -> Process {
    let innocent = dir.host("waits_for_signal").plain().spawn_ready();
    fs::write(dir.pidfile(), innocent.pid_line()).unwrap();
    innocent
}

#[test]
fn live_process_without_lock_is_left_alone() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let innocent = file_names_an_innocent(dir);
    let names = format!("names PID {}, which runs", innocent.pid());
    admin.is_told(&["status"], 4, &names);
    admin.is_told(&["signal", "KILL"], 1, &names);
    admin.is_told(&["stop"], 1, &names);
    admin.is_told(&["wait"], 1, &names);
    assert_eq!(dir.content(), innocent.pid_line());
    assert!(innocent.is_running());
}

#[test]
fn lock_of_another_process_is_not_the_owners() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let innocent = file_names_an_innocent(dir);
    let file = File::open(dir.pidfile()).unwrap();
    // SAFETY: plain call; the descriptor is open.
    assert_eq!(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }, 0);
    let holder = format!("is locked by PID {}, but names", std::process::id());
    admin.is_told(&["status"], 4, &holder);
    admin.is_told(&["signal", "KILL"], 1, &holder);
    admin.is_told(&["stop"], 1, &holder);
    assert_eq!(dir.content(), innocent.pid_line());
    assert!(innocent.is_running());
}

#[test]
fn file_without_pid_content_is_left_alone() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let told = |what| {
        admin.is_told(&["status"], 4, what);
        admin.is_told(&["stop"], 1, what);
        admin.is_told(&["signal", "KILL"], 1, what);
    };
    fs::create_dir(dir.pidfile()).unwrap();
    told("is no regular file");
    fs::remove_dir(dir.pidfile()).unwrap();
    let real = dir.path("data/real.pid");
    fs::write(&real, "1\n").unwrap();
    symlink(&real, dir.pidfile()).unwrap();
    told(real.to_str().unwrap());
    assert!(fs::symlink_metadata(dir.pidfile()).is_ok());
    assert_eq!(fs::read_to_string(&real).unwrap(), "1\n");
}

#[test]
fn empty_unlocked_file_counts_as_stale() {
    let contents = ["", "\n", "0\n", "\0\0\0\0\0", "1234567890123\n"];
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    for content in contents {
        fs::write(dir.pidfile(), content).unwrap();
        admin.is_told(&["status"], 1, "left over");
    }
    admin.is_told(&["signal", "KILL"], 7, "left over");
    admin.is_told(&["stop"], 0, "");
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn owner_without_main_thread_still_runs() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let mut host = dir.host("goes_on_in_a_thread").spawn_ready();
    admin.is_told(&["status"], 0, &format!("PID {} runs", host.pid()));
    admin.is_told(&["stop", "-t", "0"], 1, "still runs");
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
}

#[test]
fn daemon_with_handed_over_lock_is_owner() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let daemon = daemonize(&dir, &["fork", "setsid"]);
    let (status, told) = answer(launcher(&dir).arg("status").arg(dir.pidfile()));
    assert_eq!(status, 0, "{told}");
    assert!(told.contains(&format!("PID {} runs", daemon.pid)), "{told}");
    let stop = launcher(&dir).arg("stop").arg(dir.pidfile());
    assert_eq!(answer(stop), (0, String::new()));
    assert!(!is_alive(daemon.pid));
}

/// The PID in the file is the one inside: outside it is somebody else's.
#[test]
#[ignore = "needs root"]
fn owner_in_a_container_is_found_by_inner_pid() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let start = || {
        let host = dir
            .program("unshare")
            .args(["--pid", "--fork", "--kill-child"])
            .arg(dir.host_path("waits_for_eof"))
            .env("PIDFILE_EXE", "waits_for_eof")
            .spawn_ready();
        assert_eq!(dir.content(), "1\n");
        let pid = children_of(host.pid())[0];
        (host, pid)
    };
    let (host, pid) = start();
    let runs = format!("PID {pid} runs, which is 1 in its container: ");
    admin.is_told(&["status"], 0, &runs);
    admin.is_told(&["signal", "KILL"], 0, "");
    host.wait();
    assert!(!is_alive(pid));

    // It takes over what that one has left.
    let (host, pid) = start();
    admin.is_told(&["stop"], 0, "");
    assert!(!is_alive(pid));
    host.wait();
    assert_eq!(dir.leftovers(), NOTHING);
}

/// From inside another container the owner has no PID at all.
#[test]
#[ignore = "needs root"]
fn invisible_owner_can_only_be_stopped() {
    let dir = TestDir::new();
    let host = owner(&dir);
    let ask = |words: &[&str]| {
        let script = "mount -t proc proc /proc && exec \"$@\"";
        answer(
            dir.program("unshare")
                .plain()
                .args(["--mount", "--pid", "--fork", "sh", "-c", script, "sh"])
                .arg(crate::common::pidfile_run())
                .args(words)
                .arg(dir.pidfile()),
        )
    };
    let (status, told) = ask(&["status"]);
    assert_eq!(status, 0, "{told}");
    assert!(told.contains("another PID namespace"), "{told}");
    let (status, told) = ask(&["signal", "KILL"]);
    assert_eq!(status, 1, "{told}");
    assert!(told.contains("send it there"), "{told}");
    assert!(host.is_running());
    assert_eq!(ask(&["stop"]), (0, String::new()));
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

/// A guard has the lock of its owner, which has ended, until it has removed the file. The table of locks shows who took it, or
/// nobody in a PID namespace.
#[test]
fn lock_of_an_ended_owner_is_waited_for() {
    let dir = TestDir::new();
    let script =
        "exec 9<>\"$1\"; flock 9 & wait $! && echo $! >\"$1\" && echo ready && read -r end";
    let holder = dir.program("sh").plain().args(["-c", script, "sh"]);
    let mut holder = holder.arg(dir.pidfile()).spawn_ready();
    let host = starter(&dir).arg(dir.host_path("waits_for_eof")).spawn();
    let sleeps = format!("{} ", libc::SYS_clock_nanosleep);
    let call = PathBuf::from(format!("/proc/{}/syscall", host.pid()));
    let looks_again = || fs::read_to_string(&call).is_ok_and(|call| call.starts_with(&sleeps));
    host.wait_until(|_| looks_again(), "about to look again");
    holder.close_stdin();
    host.wait_until(|host| dir.content() == host.pid_line(), "the owner");
}

#[test]
fn unlocked_owner_is_found_by_environment() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let host = dir
        .host("waits_for_signal")
        .env("PIDFILE_WATCH", "off")
        .spawn_ready();
    admin.is_told(&["status"], 0, &format!("PID {} runs: ", host.pid()));
    admin.is_told(&["status"], 0, "deleting it stops nothing");
    admin.is_told(&["stop"], 1, "pidfile-run signal TERM ");
    assert_eq!(dir.content(), host.pid_line());
    admin.is_told(&["signal", "TERM"], 0, "");
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
#[ignore = "needs root"]
fn missing_permission_is_reported() {
    let dir = &TestDir::new();
    let copy = dir.copy(&crate::common::pidfile_run(), "755");
    let asks = |words: &[&str]| {
        answer(
            dir.program(&copy)
                .plain()
                .args(words)
                .arg(dir.pidfile())
                .run_by_nobody(),
        )
    };
    let host = owner(dir);
    let (status, told) = asks(&["status"]);
    assert_eq!(status, 0, "{told}");
    for words in [&["stop"] as &[&str], &["signal", "TERM"]] {
        let (status, told) = asks(words);
        assert_eq!(status, 4, "{told}");
        assert!(told.contains("as root"), "{told}");
    }
    assert!(host.is_running());
    drop(host);

    let _host = dir
        .host("waits_for_eof")
        .env("PIDFILE_WATCH", "off")
        .spawn_ready();
    let (status, told) = asks(&["status"]);
    assert_eq!((status, told.contains("ask as root")), (4, true), "{told}");
    fs::set_permissions(dir.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let run = dir.path("run");
    let (status, told) = asks(&["status"]);
    assert_eq!((status, told.contains("ask as root")), (4, true), "{told}");
    assert!(told.contains(run.to_str().unwrap()), "{told}");
}

/// With the library in the environment of whoever asks.
#[test]
fn asking_command_is_not_taken_for_the_owner() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let preloaded = |words: &[&str]| {
        answer(
            admin
                .start(words)
                .env("LD_PRELOAD", library())
                .env("PIDFILE", dir.pidfile()),
        )
    };
    let (status, told) = preloaded(&["status"]);
    assert_eq!(status, 4, "{told}");
    assert!(told.contains("unset LD_PRELOAD"), "{told}");
    assert_eq!(dir.leftovers(), NOTHING);
    // As in ExecReload= of a service.
    let host = owner(dir);
    let (status, told) = preloaded(&["status"]);
    assert_eq!(status, 0, "{told}");
    assert!(told.contains(&format!("PID {} runs", host.pid())), "{told}");
    let (status, _) = preloaded(&["stop"]);
    assert_eq!((status, has_ended(host.pid())), (0, true));
}
