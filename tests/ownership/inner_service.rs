//! A service that an owner starts, and that is told another path, has a file of its own.

use crate::common::{NOTHING, Process, TestDir, exited, is_watching, killed_by, wait_for};
use std::fs;

/// An outer service with a file of its own, and an inner one with another.
fn nested(dir: &TestDir) -> (Process, i32) {
    let script = "PIDFILE=\"$2\" \"$1\" & echo \"inner $!\"; wait; echo waited; read line; exit 5";
    let outer = dir
        .program("dash")
        .args(["-c", script, "sh"])
        .arg(dir.host_path("waits_for_signal"))
        .arg(dir.path("run/inner.pid"))
        .spawn_ready();
    let said = outer.stdout();
    let inner = said.lines().find_map(|line| line.strip_prefix("inner "));
    let inner: i32 = inner.unwrap().parse().unwrap();
    assert_eq!(dir.content(), outer.pid_line());
    let content = fs::read_to_string(dir.path("run/inner.pid"));
    assert_eq!(content.unwrap(), format!("{inner}\n"));
    (outer, inner)
}

#[test]
fn inner_service_has_its_own_file() {
    let dir = TestDir::new();
    let (mut outer, inner) = nested(&dir);
    let before = dir.identity();
    wait_for(|| is_watching(inner), "the inner one is watching");
    fs::remove_file(dir.path("run/inner.pid")).unwrap();
    outer.wait_until(|outer| outer.stdout().contains("waited\n"), "alone");
    assert_eq!(dir.identity(), before);
    assert_eq!(dir.leftovers(), ["a.pid"]);
    outer.close_stdin();
    assert_eq!(outer.wait().status, exited(5));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn inner_service_outlives_outer_owner() {
    let dir = TestDir::new();
    let (outer, inner) = nested(&dir);
    outer.wait_until(|outer| is_watching(outer.pid()), "watching");
    dir.remove_pidfile();
    assert_eq!(outer.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.leftovers(), ["inner.pid"]);
    let content = fs::read_to_string(dir.path("run/inner.pid"));
    assert_eq!(content.unwrap(), format!("{inner}\n"));
    wait_for(|| is_watching(inner), "the inner one is watching");
    fs::remove_file(dir.path("run/inner.pid")).unwrap();
    wait_for(
        || !crate::common::is_alive(inner),
        "the inner one has ended",
    );
    assert_eq!(dir.leftovers(), NOTHING);
}

/// A descendant of both is a bystander of both.
#[test]
fn child_of_inner_service_owns_neither_file() {
    let dir = TestDir::new();
    // By the time the last command runs, both services have gone.
    let leftover = "read line <go; \"$1\" 0; PIDFILE=\"$2\" \"$1\" 0; ls \"$2\" \"$3\"";
    let inner = format!("( {leftover} >report 2>&1; echo done >>report ) & exit 0");
    let outer = "PIDFILE=\"$3\" dash -c \"$0\" sh \"$@\"; exit 5";
    fs::write(dir.path("data/report"), "").unwrap();
    let go = dir.fifo("data/go");
    let ended = dir
        .program("dash")
        .args(["-c", outer, &inner])
        .arg(dir.host_path("returns_status"))
        .args([dir.pidfile(), dir.path("run/inner.pid")])
        .run();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(5), ""));
    fs::write(go, "go\n").unwrap();
    let report = || fs::read_to_string(dir.path("data/report")).unwrap();
    wait_for(
        || report().ends_with("done\n"),
        "the rest of the script has run",
    );
    assert_eq!(report().matches("No such file").count(), 2, "{}", report());
    assert!(!report().contains("libpidfile"), "{}", report());
    assert_eq!(dir.leftovers(), NOTHING);
}
