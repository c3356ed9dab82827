//! `PIDFILE_STRICT`: a program that gets no file does not run.

use crate::common::{NOTHING, SHELLS, TestDir, exited};
use crate::second_instance::{names_the_owner, owner};
use std::fs;

/// One that is refused its file for another reason than an owner.
#[test]
fn refused_program_reports_once_with_children() {
    for shell in SHELLS {
        let dir = TestDir::new();
        let script = "/bin/true; (/bin/true); x=$(/bin/echo 1); /bin/true & wait; \
                      mkdir \"${PIDFILE%/*}\"; /bin/true; \"$1\" 7; echo \"status $?\"; exit 4";
        let ended = dir
            .shell(shell)
            .args(["-c", script, "sh"])
            .arg(dir.host_path("returns_status"))
            .env("PIDFILE", dir.path("run/missing/a.pid"))
            .run();
        assert_eq!(ended.status, exited(4), "{shell:?}");
        assert_eq!(ended.stdout, "status 7\n", "{shell:?}");
        let lines = ended.stderr.lines().count();
        assert_eq!(lines, 1, "{shell:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("run/missing does not exist"));
    }
}

#[test]
fn refused_programs_child_never_becomes_owner() {
    let dir = TestDir::new();
    let pidfile = dir.path("run/missing/a.pid");
    let script = "mkdir \"${PIDFILE%/*}\"; \"$0\"; exit $?";
    let host = dir.program("sh").args(["-c", script]);
    let host = host.arg(dir.host_path("waits_for_eof"));
    let mut shell = host.env("PIDFILE", &pidfile).spawn_ready();
    assert!(pidfile.parent().unwrap().exists() && !pidfile.exists());
    shell.close_stdin();
    assert_eq!(shell.wait().status, exited(0));
}

#[test]
fn refused_program_may_own_file_after_exec() {
    let dir = TestDir::new();
    let pidfile = dir.path("run/missing/a.pid");
    let script = "mkdir \"${PIDFILE%/*}\"; exec \"$0\"";
    let host = dir.program("sh").args(["-c", script]);
    let host = host.arg(dir.host_path("waits_for_eof"));
    let mut host = host.env("PIDFILE", &pidfile).spawn_ready();
    let content = std::fs::read_to_string(&pidfile);
    assert_eq!(content.unwrap_or_default(), host.pid_line());
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.lines().count()), (exited(0), 1));
    assert!(!pidfile.exists());
}

#[test]
fn strict_second_instance_does_not_run() {
    let dir = TestDir::new();
    let mut first = owner(&dir);
    let before = dir.identity();
    let second = dir
        .host("exits_with_status")
        .arg("3")
        .env("PIDFILE_STRICT", "1")
        .run();
    assert_eq!(second.status, exited(1));
    assert_eq!(second.stdout, "");
    names_the_owner(&second, &dir, first.pid());
    assert_eq!(dir.identity(), before);
    first.close_stdin();
    assert_eq!(first.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn strict_program_without_file_does_not_run() {
    let dir = TestDir::new();
    fs::create_dir(dir.path("run/directory")).unwrap();
    let long = "x".repeat(5000);
    for path in ["run/missing/a.pid", "run/directory", &long] {
        let ended = dir
            .host("exits_with_status")
            .env("PIDFILE", dir.path(path))
            .env("PIDFILE_STRICT", "1")
            .run();
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (exited(1), ""),
            "{path}"
        );
        assert_eq!(
            ended.stderr.matches('\n').count(),
            1,
            "{path}: {}",
            ended.stderr
        );
        assert!(ended.stderr.starts_with("libpidfile: "), "{}", ended.stderr);
    }
}

#[test]
fn strict_program_with_file_runs() {
    let dir = TestDir::new();
    // A stale file is no obstacle.
    let first = owner(&dir);
    first.signal(libc::SIGKILL);
    first.wait();
    let ended = dir
        .host("exits_with_status")
        .arg("3")
        .env("PIDFILE_STRICT", "1")
        .run();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(3), ""));
    assert_eq!(ended.stdout, "leaving\natexit\n");
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn strict_is_off_by_default_and_for_bad_value() {
    for (value, complaints) in [("0", 0), ("", 0), ("no", 0), ("2", 1)] {
        let dir = TestDir::new();
        let _first = owner(&dir);
        let second = dir
            .host("returns_status")
            .arg("3")
            .env("PIDFILE_STRICT", value)
            .run();
        assert_eq!(second.status, exited(3), "{value:?}");
        let about = second
            .stderr
            .lines()
            .filter(|line| line.contains("PIDFILE_STRICT="));
        assert_eq!(about.count(), complaints, "{value:?}: {}", second.stderr);
    }
}
