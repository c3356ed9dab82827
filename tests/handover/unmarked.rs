//! Children that were started without the variable that the library hands on at exec, while their owner ends.

use crate::common::{
    Descendants, NOTHING, TestDir, exited, go_program, is_at_work, killed_by, library, output_pids,
    rounds, wait_for,
};
use std::fs;

/// Between the removal of the file and the end of the owner the path is free.
#[test]
fn child_without_mark_at_owners_end_is_inert() {
    for _ in 0..rounds(10) {
        let dir = TestDir::new();
        let mut host = dir.host("leaves_unmarked_child").arg("end").spawn();
        host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
        host.write_stdin(b"\n");
        let ended = host.wait();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
        assert_eq!(ended.stdout, "threads 1, file none\n");
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// The stale file names the leader of its session.
#[test]
fn child_without_mark_of_killed_leader_is_inert() {
    for _ in 0..rounds(10) {
        let dir = TestDir::new();
        let program = dir.host_path("leaves_unmarked_child");
        let mut host = dir.program("setsid").arg(program).arg("after").spawn();
        host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
        let stale = dir.content();
        host.write_stdin(b"\n");
        let output = dir.path("out");
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGKILL), "{}", ended.stderr);
        let told = || {
            let files = fs::read_dir(&output).unwrap();
            let mut texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
            texts.find(|text| text.contains("threads"))
        };
        wait_for(|| told().is_some(), "the child has said what it found");
        assert_eq!(told().unwrap(), format!("threads 1, file {stale}"));
        assert_eq!(dir.content(), stale);
    }
}

/// Starts a real program of Go, linked to libc as cgo does: its runtime hands on no variable.
#[test]
fn child_of_ending_go_program_is_inert() {
    let built = TestDir::new();
    let program = go_program(&built, "tests/handover/starts_a_child.go");
    for _ in 0..rounds(10) {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let child = dir.host_path("daemonizes");
        let go = dir.program("setsid").arg(&program).arg(child);
        let mut host = go.spawn();
        host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
        let stale = dir.content();
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(3), "{ended:?}");
        wait_for(
            || {
                output_pids(&dir, "child")
                    .iter()
                    .any(|pid| is_at_work(*pid))
            },
            "the child works",
        );
        assert_eq!(dir.content(), stale);
    }
}

/// A shell leaves a service in the background and is gone before that begins: it is no descendant of an owner for that.
#[test]
fn orphan_started_by_a_script_is_owner() {
    for _ in 0..rounds(10) {
        let dir = TestDir::new();
        let script = "(LD_PRELOAD=\"$1\" PIDFILE=\"$2\" \"$3\" <\"$4\" &)";
        let input = dir.fifo("data/input");
        let ended = dir
            .program("setsid")
            .plain()
            .args(["dash", "-c", script, "sh"])
            .args([library(), dir.pidfile()])
            .arg(dir.host_path("waits_for_eof"))
            .arg(&input)
            .run();
        assert_eq!(ended.status, exited(0));
        let input = fs::File::options().write(true).open(input).unwrap();
        wait_for(|| dir.pidfile().exists(), "a file");
        drop(input);
        wait_for(|| !dir.pidfile().exists(), "no file");
    }
}
