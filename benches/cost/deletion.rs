//! From the deletion of the file to the host's handler of SIGTERM.

use crate::common::{Process, TestDir, children_of, is_watching, status_line, wait_for};
use crate::figure::Figure;
use crate::table::{Row, Table, Target, Unit};
use crate::ways::{Times, Way, in_turns, now};
use std::fs;
use std::thread::sleep;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Watcher {
    Ours,
    Naive,
    Shell,
}

pub fn measure(table: &mut Table) {
    let dir = TestDir::new();
    let watchers = [Watcher::Ours, Watcher::Naive, Watcher::Shell];
    let latency = in_turns(100, &watchers, |watcher| latency(&dir, watcher));
    let mut add = |against: &str, theirs, target| {
        table.add(Row {
            what: "deletion → SIGTERM taken".to_owned(),
            unit: Unit::Nanoseconds,
            ours: latency[&Watcher::Ours].figure(),
            against: against.to_owned(),
            theirs: Some(theirs),
            target,
        });
    };
    add(
        Way::Naive.name(),
        latency[&Watcher::Naive].figure(),
        Target::Times(1.15),
    );
    add(
        "`inotifywait f; kill`",
        latency[&Watcher::Shell].figure(),
        Target::Below,
    );
    // It takes no measurement: any moment of the interval is as likely as any other.
    add(
        "polling every 5 s (expected)",
        Figure::from(2.5e9),
        Target::Below,
    );
}

fn latency(dir: &TestDir, watcher: Watcher) -> f64 {
    let way = match watcher {
        Watcher::Ours => Way::Active,
        Watcher::Naive => Way::Naive,
        Watcher::Shell => Way::Plain,
    };
    let host = way.start(dir, &["tells_the_time", "SIGTERM"]);
    host.wait_until(|host| host.stdout().contains("main "), "in main");
    let other = (watcher == Watcher::Shell).then(|| watch(dir, host.pid()));
    let watching = other.as_ref().unwrap_or(&host).pid();
    wait_for(
        || is_watching(watching) || children_are_watching(watching),
        "the file is watched",
    );
    wait_for(
        || status_line(host.pid(), "State").starts_with('S'),
        "the host sleeps",
    );
    // Everybody shall be where they will wait; who is not there yet is only faster.
    sleep(Duration::from_millis(2));
    let deleted = now();
    dir.remove_pidfile();
    let times = Times::of(dir, host);
    if let Some(other) = other {
        other.wait();
    }
    times.at("taken") - deleted
}

fn watch(dir: &TestDir, host: i32) -> Process {
    fs::write(dir.pidfile(), format!("{host}\n")).unwrap();
    let script = "inotifywait -qq -e delete_self \"$0\"; kill \"$1\"";
    let command = dir.program("sh").arg("-c").arg(script);
    let command = command.plain().arg(dir.pidfile());
    command.arg(host.to_string()).spawn()
}

fn children_are_watching(pid: i32) -> bool {
    children_of(pid).into_iter().any(is_watching)
}
