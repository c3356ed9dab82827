//! Programs that look through all memory of the process and know of all its threads: sanitizers, garbage collectors.

use crate::common::{NOTHING, TestDir, exited, killed_by, library, wait_for};
use crate::names::daemon_of;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program is an owner, ends by itself and by a deletion; and it becomes a daemon that inherits.
#[track_caller]
fn lives_as_ever(dir: &TestDir, program: &Path, preload: &str) {
    let what = program.display();
    let start = || dir.program(program).env("LD_PRELOAD", preload);
    let mut host = start().spawn_owner();
    host.close_stdin();
    let ended = host.wait();
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (exited(0), ""),
        "{what}"
    );
    assert_eq!(dir.leftovers(), NOTHING, "{what}");

    let host = start().spawn_owner();
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{what}");

    let mut launcher = start().arg("daemon").spawn();
    launcher.wait_until(|host| host.stdout().contains("ready"), "a daemon");
    let daemon = daemon_of(dir, &launcher);
    launcher.close_stdin();
    let ended = launcher.wait();
    wait_for(|| daemon.has_ended(), "the daemon has ended");
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (exited(0), ""),
        "{what}"
    );
    assert_eq!(dir.leftovers(), NOTHING, "{what}");
}

#[test]
fn program_that_scans_libraries_lives_as_ever() {
    let dir = TestDir::new();
    let program = dir.host_path("scans_libraries");
    lives_as_ever(&dir, &program, &library().display().to_string());
}

fn cc(arguments: &[&str]) -> String {
    let output = Command::new("cc").args(arguments).output().expect("cc");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn sanitized(dir: &TestDir, by: &str) -> PathBuf {
    let built = dir.path(format!("bin/{by}"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c-tests/hostile/has_threads.c");
    let sanitizer = format!("-fsanitize={by}");
    let [source, to] = [&source, &built].map(|path| path.to_str().unwrap());
    cc(&["-g", "-pthread", &sanitizer, "-o", to, source]);
    built
}

#[test]
fn sanitized_programs_live_as_ever() {
    let ours = library().display().to_string();
    // The address sanitizer insists on being the first of all libraries.
    let first = format!("{}:{ours}", cc(&["-print-file-name=libasan.so"]));
    for (by, preload) in [
        ("thread", &ours),
        ("leak", &ours),
        ("undefined", &ours),
        ("address", &first),
    ] {
        let dir = TestDir::new();
        let program = sanitized(&dir, by);
        lives_as_ever(&dir, &program, preload);
    }
}

/// A child may not allocate before all fork handlers of the host have run, wherever libc has stacks of ended threads.
#[test]
fn daemon_whose_heap_is_locked_around_fork_runs() {
    for tunables in ["", "glibc.pthread.stack_cache_size=0"] {
        for follow in ["auto", "fork", "off"] {
            for watch in ["auto", "poll", "off"] {
                let what = format!("{tunables} {follow} {watch}");
                let dir = TestDir::new();
                let host = dir.host("locks_its_heap").env("GLIBC_TUNABLES", tunables);
                let host = host.env("PIDFILE_FOLLOW", follow);
                let mut launcher = host.env("PIDFILE_WATCH", watch).spawn();
                let said = |word: &str| launcher.stdout().contains(word);
                wait_for(|| said("ready\n"), &format!("a daemon, {what}"));
                let inherits = follow != "off" && watch != "off";
                let daemon = inherits.then(|| daemon_of(&dir, &launcher));
                launcher.close_stdin();
                wait_for(
                    || launcher.stdout().contains("ends\n"),
                    &format!("its end, {what}"),
                );
                if let Some(daemon) = daemon {
                    wait_for(|| daemon.has_ended(), &format!("its end, {what}"));
                }
                assert_eq!(launcher.wait().status, exited(0), "{what}");
                assert_eq!(dir.leftovers(), NOTHING, "{what}");
            }
        }
    }
}

/// The loader allocates what a thread needs of many modules when the thread uses it: not in a handler of ours.
#[test]
fn heap_locked_around_fork_with_many_modules_runs() {
    let dir = TestDir::new();
    let module = dir.host_path("has_thread_data");
    let modules = (0..24).map(|number| {
        let copy = dir.path(format!("bin/{number}.so"));
        std::fs::copy(&module, &copy).unwrap();
        copy
    });
    let mut launcher = dir.host("locks_its_heap").args(modules).spawn();
    let said = |word: &str| launcher.stdout().contains(word);
    wait_for(|| said("ready\n"), "a daemon");
    let daemon = daemon_of(&dir, &launcher);
    launcher.close_stdin();
    wait_for(|| daemon.has_ended(), "its end");
    assert_eq!(launcher.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}
