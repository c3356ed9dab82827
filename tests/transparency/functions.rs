//! Each function that we interpose does what libc's does: result, errno, system calls.

use crate::common::{Mode, TestDir, calls_in, exited, library};
use std::fs;
use std::process::Command;

/// What the host prints for each call, in a directory of its own.
fn table(mode: Mode, settings: &[(&str, &str)]) -> String {
    let dir = TestDir::new();
    let host = dir.host("calls_each_function").mode(mode);
    let host = host.arg(dir.path("data"));
    let host = settings
        .iter()
        .fold(host, |host, (name, value)| host.env(name, value));
    let ended = host.run();
    assert_eq!(ended.status, exited(0), "{mode:?}: {}", ended.stderr);
    ended.stdout
}

#[test]
fn results_and_errno_are_those_of_libc() {
    let plain = table(Mode::Plain, &[]);
    assert!(plain.lines().count() > 500, "{plain}");
    let watch = [[("PIDFILE_WATCH", "auto")], [("PIDFILE_WATCH", "off")]];
    for (mode, settings) in [
        (Mode::Inert, &watch[0]),
        (Mode::Active, &watch[0]),
        (Mode::Active, &watch[1]),
    ] {
        let ours = table(mode, settings);
        let differences: Vec<String> = plain
            .lines()
            .zip(ours.lines())
            .filter(|(theirs, ours)| theirs != ours)
            .map(|(theirs, ours)| format!("{ours}, but libc: {theirs}"))
            .collect();
        assert!(differences.is_empty(), "{mode:?}: {differences:#?}");
        assert_eq!(plain.lines().count(), ours.lines().count(), "{mode:?}");
    }
}

/// The system calls of each function in a forked child of the program that `words` start.
fn calls_in_child(
    what: &str,
    preload: bool,
    settings: &[&str],
    words: &[&str],
) -> Vec<Vec<String>> {
    let dir = TestDir::new();
    let log = dir.path("out/strace");
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--quiet=all", "--signal=none", "--output"]);
    strace.arg(&log);
    if preload {
        strace.arg(format!("--env=LD_PRELOAD={}", library().display()));
        strace.arg(format!("--env=PIDFILE={}", dir.pidfile().display()));
        strace.args(settings.iter().map(|setting| format!("--env={setting}")));
    }
    strace.args(words);
    strace.arg(dir.host_path("calls_each_function_once"));
    strace.arg(what).arg(dir.path("data"));
    let output = strace.output().expect("strace");
    assert!(output.status.success(), "{output:?}");
    let log = fs::read_to_string(log).unwrap();
    let mark = |line: &&str| line.contains("close(-7");
    let line = log.lines().find(mark).expect("the child");
    let child = line.split_whitespace().next().unwrap();
    let mut calls = Vec::new();
    let of_child: String = log
        .lines()
        .filter(|line| line.split_whitespace().next() == Some(child))
        .skip_while(|line| !mark(line))
        .map(|line| format!("{}\n", line.replace("close(-7", "mark(")))
        .collect();
    for (_, name) in calls_in(&of_child) {
        if name == "mark" {
            calls.push(Vec::new());
        } else {
            calls.last_mut().unwrap().push(name.to_owned());
        }
    }
    calls
}

/// Such a process may be in a sandbox that knows no other call than what its program makes.
#[test]
fn who_is_no_owner_makes_the_system_calls_of_libc() {
    // Without a file; in a child of an owner; in a program that an owner runs. A child that may inherit does so by
    // setsid(2), and only then calls more.
    let through_a_shell = ["dash", "-c", "\"$@\"; exit $?", "sh"];
    let runs: [(&str, &[&str], &[&str]); 6] = [
        ("all", &["PIDFILE="], &[]),
        ("all", &["PIDFILE_FOLLOW=off"], &[]),
        ("all", &["PIDFILE_WATCH=off"], &[]),
        ("all", &[], &through_a_shell),
        ("all but setsid", &[], &[]),
        ("all but setsid", &["PIDFILE_WATCH=poll"], &[]),
    ];
    for (what, settings, words) in runs {
        let plain = calls_in_child(what, false, &[], &[]);
        assert!(plain.len() > 40, "{plain:?}");
        let ours = calls_in_child(what, true, settings, words);
        assert_eq!(ours, plain, "{what} {settings:?} {words:?}");
    }
}
