//! `--background` returns once a file names the daemon, and `wait` once its owner has ended. A held file refuses a
//! second instance. Signals and descriptors reach the program as they were.

use crate::common::{
    NOTHING, TestDir, answer, exited, is_alive, is_one_failure, launcher, library, owner,
    pidfile_run, refuses, starter,
};
use std::fs;
use std::path::Path;

fn in_background(dir: &TestDir, program: &Path) -> (i32, String) {
    let start = launcher(dir).args(["--background", "-p"]);
    answer(start.arg(dir.pidfile()).arg(program))
}

#[test]
fn background_returns_when_the_file_names_the_daemon() {
    let dir = TestDir::new();
    assert_eq!(
        in_background(&dir, &dir.host_path("waits_for_signal")),
        (0, String::new())
    );
    let pid: i32 = dir.content().trim().parse().unwrap();
    assert!(is_alive(pid));
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).unwrap();
    for number in 0..3 {
        assert_eq!(link(&format!("fd/{number}")), Path::new("/dev/null"));
    }
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    assert_eq!((open, link("cwd").as_path()), (3, Path::new("/")));
    // SAFETY: plain call.
    assert_eq!(unsafe { libc::getsid(pid) }, pid);
    let stop = launcher(&dir).arg("stop").arg(dir.pidfile());
    assert_eq!(answer(stop), (0, String::new()));
    assert!(!is_alive(pid));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// Though the daemon's directory is another one.
#[test]
fn background_finds_a_relative_command() {
    let dir = TestDir::new();
    dir.copy(&dir.host_path("waits_for_signal"), "755");
    let start = launcher(&dir).current_dir(dir.path("bin"));
    let start = start.args(["--background", "-p", "../run/a.pid", "./waits_for_signal"]);
    assert_eq!(answer(start), (0, String::new()));
    let stop = launcher(&dir).arg("stop").arg(dir.pidfile());
    assert_eq!(answer(stop), (0, String::new()));
}

#[test]
fn background_waits_for_the_daemon_of_a_launcher() {
    let dir = TestDir::new();
    let script = dir.executable(
        "launcher",
        format!(
            "#!/bin/sh\nsetsid {} </dev/null >/dev/null 2>&1 &\nexit 0\n",
            dir.host_path("waits_for_signal").display()
        ),
    );
    let start = launcher(&dir).args(["-b", "-e", "waits_for_signal", "-p"]);
    let (status, told) = answer(start.arg(dir.pidfile()).arg(script));
    assert_eq!((status, told.as_str()), (0, ""));
    assert!(!dir.content().is_empty());
    answer(launcher(&dir).arg("stop").arg(dir.pidfile()));
}

#[test]
fn background_reports_a_program_that_ends() {
    let dir = TestDir::new();
    let start = launcher(&dir).args(["-b", "-p"]).arg(dir.pidfile());
    let (status, told) = answer(start.arg(dir.host_path("returns_status")).arg("42"));
    // It owned the file for an instant, in which the command may have looked.
    assert!(
        status == 42 && is_one_failure(&told) || status == 0,
        "{status}: {told}"
    );
    // Then the program may be about to end.
    crate::common::wait_for(|| dir.leftovers() == NOTHING, "no file is left");
    refuses(
        &dir,
        launcher(&dir).args(["-b", "-p", "a.pid", "./none"]),
        127,
        &["no such program"],
    );
}

#[test]
fn background_refuses_a_held_file() {
    let dir = TestDir::new();
    let host = owner(&dir);
    let (status, told) = in_background(&dir, &dir.host_path("waits_for_signal"));
    assert_eq!((status, is_one_failure(&told)), (125, true), "{told}");
    assert!(
        told.contains(&format!("is held by PID {}", host.pid())),
        "{told}"
    );
    assert!(told.contains("pidfile-run stop "), "{told}");
    assert_eq!(dir.content(), host.pid_line());
}

#[test]
fn held_file_refuses_a_second_instance() {
    let dir = TestDir::new();
    let host = owner(&dir);
    let (status, told) = answer(starter(&dir).arg("true"));
    assert_eq!((status, is_one_failure(&told)), (125, true), "{told}");
    let force = launcher(&dir).args(["--force", "-p"]).arg(dir.pidfile());
    let ended = force.args(["echo", "beside it"]).run();
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (exited(0), "beside it\n")
    );
    assert!(host.is_running());
    assert_eq!(dir.content(), host.pid_line());
}

#[test]
fn wait_ends_with_its_owner() {
    let dir = TestDir::new();
    let mut host = owner(&dir);
    let waits = launcher(&dir).arg("wait").arg(dir.pidfile()).spawn();
    let short = launcher(&dir).args(["wait", "-t", "0"]).arg(dir.pidfile());
    let (status, told) = answer(short);
    assert_eq!((status, is_one_failure(&told)), (1, true), "{told}");
    assert!(waits.is_running());
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(waits.wait().status, exited(0));
}

/// A shell that has started it, and becomes the command.
#[test]
fn wait_has_the_status_of_a_child() {
    for (end, status) in [("exit 42", 42), ("kill -KILL $$", 128 + libc::SIGKILL)] {
        let dir = TestDir::new();
        let go = dir.fifo("data/go");
        let script = r#"
            "$1" -p "$2" sh -c "read x <'$3'; $4" &
            until [ -s "$2" ]; do :; done
            exec "$1" wait "$2"
        "#;
        let waits = dir
            .program("/bin/sh")
            .plain()
            .env("LIBPIDFILE", library())
            .args(["-c", script, "sh"])
            .arg(pidfile_run())
            .arg(dir.pidfile())
            .arg(&go)
            .arg(end)
            .spawn();
        let descriptors = format!("/proc/{}/fd", waits.pid());
        let has_pidfd = || {
            let links = fs::read_dir(&descriptors).into_iter().flatten().flatten();
            let mut links = links.filter_map(|entry| fs::read_link(entry.path()).ok());
            links.any(|link| link.to_string_lossy().contains("pidfd"))
        };
        crate::common::wait_for(has_pidfd, "it waits");
        fs::write(&go, "\n").unwrap();
        assert_eq!(waits.wait().status, exited(status));
    }
}

/// The standard library would open what is closed, and change these.
#[test]
fn signals_and_descriptors_are_as_they_were() {
    let dir = TestDir::new();
    let script = r#"
        trap '' PIPE USR1
        show() { grep -E '^Sig(Blk|Ign)' /proc/self/status; ls -l /proc/self/fd | sed -n 's/.* \([0-9]* -> [^ ]*\)$/\1/p' | grep -v /proc/; }
        exec <&-
        "$@" sh -c "$(declare -f show); show"
    "#;
    let run = |words: &[&str]| {
        let host = dir
            .program("/bin/bash")
            .plain()
            .args(["-c", script, "bash"]);
        let ended = host.args(words).run();
        assert_eq!(ended.status, exited(0), "{ended:?}");
        // Which file of the test directory it is differs, and which pipe.
        let lines = ended
            .stdout
            .lines()
            .map(|line| line.split(['[', 'p']).next().unwrap().to_owned());
        lines.collect::<Vec<_>>()
    };
    let command = pidfile_run();
    let library = library();
    let file = dir.pidfile();
    let [command, library, file] = [&command, &library, &file].map(|path| path.to_str().unwrap());
    let with = run(&[command, "--library", library, "-p", file, "--"]);
    let without = run(&["env", "--"]);
    assert_eq!(with, without);
}
