//! The file: right before main runs, whole at every moment, and nobody else's.

use crate::common::{NOTHING, Stopped, TestDir, exited, killed_by, status_line};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process;
use std::time::Duration;

#[test]
fn file_is_complete_before_main() {
    let dir = TestDir::new();
    let host = dir
        .host("prints_pidfile_then_exits")
        .arg(dir.pidfile())
        .spawn();
    let pid_line = host.pid_line();
    let ended = host.wait();
    assert_eq!(ended.stdout, pid_line);
    assert_eq!(ended.stderr, "");
    assert_eq!(ended.status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn file_is_world_readable_whatever_the_umask() {
    for umask in [0o000, 0o022, 0o077, 0o777] {
        let dir = TestDir::new();
        let host = dir.host("waits_for_eof").umask(umask).spawn_ready();
        let mode = fs::metadata(dir.pidfile()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644, "under umask {umask:03o}");
        assert_eq!(
            crate::common::status_line(host.pid(), "Umask"),
            format!("{umask:04o}")
        );
    }
}

#[test]
fn stale_file_is_taken_over() {
    let living_but_not_an_owner = process::id().to_string();
    let elsewhere = TestDir::new();
    let busy = elsewhere.host("spins").plain().spawn_ready();
    let busy_line = busy.pid_line();
    let contents: [(&str, &[u8]); 10] = [
        ("nothing", b""),
        ("an empty line", b"\n"),
        ("no PID at all", b"4194305\n"),
        ("a PID without a newline", b"4194304"),
        ("a living process", living_but_not_an_owner.as_bytes()),
        ("a busy process", busy_line.as_bytes()),
        ("process 1", b"1\n"),
        ("a PID and more", b"4194304\n/var/lib/data\nready\n"),
        ("zeroes", &[0; 5]),
        ("a number of 8 KiB", &[b'7'; 8192]),
    ];
    for (what, content) in contents {
        let dir = TestDir::new();
        fs::write(dir.pidfile(), content).unwrap();
        let host = dir
            .host("prints_pidfile_then_exits")
            .arg(dir.pidfile())
            .spawn();
        let pid_line = host.pid_line();
        let ended = host.wait();
        assert_eq!(ended.stdout, pid_line, "the file held {what}");
        // It may be the file of a program that knows no lock: that is worth a word.
        let runs = ["a living process", "a busy process", "process 1"].contains(&what);
        let is_said = ended
            .stderr
            .ends_with("is not known to own it: taken over\n");
        assert_eq!(is_said, runs, "the file held {what}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), usize::from(runs), "{what}");
        assert_eq!(dir.leftovers(), NOTHING, "the file held {what}");
    }
}

/// A mistyped path destroys nothing.
#[test]
fn file_without_pid_is_refused_and_kept() {
    let contents: [&[u8]; 5] = [
        b"-1\n",
        b"hello, world\n",
        b"[server]\nport = 8080\n",
        b"8080x\n",
        b"\0\xff\xfe\x80\n\0",
    ];
    for content in contents {
        let dir = TestDir::new();
        fs::write(dir.pidfile(), content).unwrap();
        let before = dir.identity();
        let ended = dir.host("exits_with_status").arg("3").run();
        assert_eq!(ended.status, exited(3), "{content:?}");
        let said = "holds something else than a PID; this program runs without a PID file\n";
        assert!(ended.stderr.ends_with(said), "{content:?}: {ended:?}");
        assert_eq!(fs::read(dir.pidfile()).unwrap(), content);
        assert_eq!(dir.identity(), before, "{content:?}");
    }
}

#[test]
fn stale_file_gets_the_right_mode() {
    let dir = TestDir::new();
    fs::write(dir.pidfile(), "4194304\n").unwrap();
    fs::set_permissions(dir.pidfile(), fs::Permissions::from_mode(0o600)).unwrap();
    let _host = dir.host("waits_for_eof").spawn_ready();
    let mode = fs::metadata(dir.pidfile()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);
}

#[test]
fn relative_path_counts_from_start_directory() {
    for path in ["a.pid", "./a.pid", "../run/a.pid"] {
        let dir = TestDir::new();
        let mut host = dir
            .host("changes_directory")
            .current_dir(dir.path("run"))
            .env("PIDFILE", path)
            .spawn_ready();
        assert_eq!(dir.content(), host.pid_line(), "{path}");
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0), "{path}");
        assert_eq!(ended.stderr, "", "{path}");
        assert_eq!(dir.leftovers(), NOTHING, "{path}");
    }
}

#[test]
fn file_name_may_be_any_bytes() {
    for name in [
        &b"with a space.pid"[..],
        b"$(reboot).pid",
        b"\xff\xfe.pid",
        b"two\nlines",
        &[b'x'; 255],
    ] {
        let dir = TestDir::new();
        let path = dir.path("run").join(OsStr::from_bytes(name));
        let mut host = dir
            .host("waits_for_eof")
            .env("PIDFILE", &path)
            .spawn_ready();
        assert_eq!(fs::read_to_string(&path).unwrap(), host.pid_line());
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.stderr, "");
        assert_eq!(ended.status, exited(0));
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

#[test]
fn no_other_file_appears_in_the_directory() {
    let dir = TestDir::new();
    let _host = dir.host("waits_for_eof").spawn_ready();
    assert_eq!(dir.leftovers(), ["a.pid"]);
}

#[test]
fn owner_holds_lock_until_it_ends() {
    let dir = TestDir::new();
    let mut host = dir.host("waits_for_eof").spawn_ready();
    assert!(!dir.an_outsider_can_lock());
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn file_left_by_sigkill_is_stale_and_taken_over() {
    let dir = TestDir::new();
    let victim = dir.host("waits_for_signal").spawn_ready();
    let pid_line = victim.pid_line();
    victim.signal(libc::SIGKILL);
    assert_eq!(victim.wait().status, killed_by(libc::SIGKILL));
    assert_eq!(
        dir.content(),
        pid_line,
        "nobody can remove it after SIGKILL"
    );
    assert!(dir.an_outsider_can_lock());

    let mut next = dir.host("waits_for_eof").spawn_owner();
    assert!(!dir.an_outsider_can_lock());
    next.close_stdin();
    let ended = next.wait();
    assert_eq!(ended.status, exited(0));
    assert_eq!(ended.stderr, "");
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn live_owners_file_untouched_by_second_program() {
    let dir = TestDir::new();
    let mut owner = dir.host("waits_for_eof").spawn_ready();
    let before = dir.identity();

    let second = dir
        .host("prints_pidfile_then_exits")
        .arg(dir.pidfile())
        .run();
    assert_eq!(second.status, exited(0));
    assert_eq!(second.stdout, owner.pid_line());
    let said = format!("libpidfile: {}: ", dir.pidfile().display());
    assert!(second.stderr.starts_with(&said), "{}", second.stderr);
    assert_eq!(second.stderr.lines().count(), 1, "{}", second.stderr);
    let who = owner.pid().to_string();
    assert!(second.stderr.contains(&who), "{}", second.stderr);

    assert_eq!(dir.identity(), before);
    assert_eq!(dir.leftovers(), ["a.pid"]);
    assert_eq!(dir.content(), owner.pid_line());
    owner.close_stdin();
    assert_eq!(owner.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn second_program_end_leaves_live_owners_file() {
    let dir = TestDir::new();
    let mut owner = dir.host("waits_for_eof").spawn_ready();
    let second = dir.host("waits_for_signal").spawn_ready();
    second.signal(libc::SIGTERM);
    assert_eq!(second.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.host("exits_with_status").run().status, exited(0));
    assert_eq!(dir.content(), owner.pid_line());
    owner.close_stdin();
    assert_eq!(owner.wait().status, exited(0));
}

/// A debugger keeps the thread that makes the file from running, for longer than a start waits for a file system.
#[test]
fn start_waits_for_a_thread_without_processor() {
    const LONG: Duration = Duration::from_secs(7);
    let dir = TestDir::new();
    let mut host = dir.host("stops_before_constructors").spawn();
    host.wait_until(
        |host| status_line(host.pid(), "State").starts_with('T'),
        "stopped",
    );
    let keeper = Stopped::first_thread_of(host.pid());
    let main = Stopped::stop(host.pid());
    // What it has asked the kernel to wait, in all. One that waits no longer goes on to its main function.
    let mut waited = Duration::ZERO;
    main.go_to_call(|call| {
        if call.number == libc::SYS_futex {
            waited += main.time_at(call.arguments[3]).unwrap_or_default();
        }
        waited >= LONG || call.number == libc::SYS_writev
    });
    keeper.let_go();
    main.let_go();
    assert!(waited >= LONG, "it begins after {waited:?}");
    host.wait_until(|host| host.stdout() == "hello\n", "in its main function");
    assert_eq!(dir.content(), host.pid_line());
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(7), ""));
    assert_eq!(dir.leftovers(), NOTHING);
}
