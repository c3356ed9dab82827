//! From exec to main, from the return of main to the reaping, and a short life as a whole.

use crate::common::{TestDir, is_watching};
use crate::figure::Samples;
use crate::table::{Row, Table, Target, Unit};
use crate::ways::{Times, Way, in_turns};
use std::collections::BTreeMap;

const MICROSECONDS: f64 = 1e3;

pub fn measure(table: &mut Table) {
    let ways = [
        Way::Plain,
        Way::EmptyLibrary,
        Way::Inert,
        Way::Active,
        Way::Shell,
        Way::StartStopDaemon,
        Way::Daemonize,
    ];
    let start = starts(&ways);
    table.add(Row {
        what: "start, no setting: what it adds to exec → main".to_owned(),
        unit: Unit::Nanoseconds,
        ours: start[&Way::Inert].above(&start[&Way::Plain]),
        against: Way::EmptyLibrary.name().to_owned(),
        theirs: Some(start[&Way::EmptyLibrary].above(&start[&Way::Plain])),
        target: Target::Times(3.0),
    });
    let mut active = |against: Way, target| {
        table.add(Row {
            what: "start, active: exec → main".to_owned(),
            unit: Unit::Nanoseconds,
            ours: start[&Way::Active].figure(),
            against: against.name().to_owned(),
            theirs: Some(start[&against].figure()),
            target,
        });
    };
    active(Way::Plain, Target::Plus(250.0 * MICROSECONDS));
    for against in [Way::Shell, Way::StartStopDaemon, Way::Daemonize] {
        active(against, Target::Below);
    }

    let scene = TestDir::new();
    let life = in_turns(150, &[Way::Inert, Way::Active], |way| {
        let process = way.start(&scene, &["tells_the_time", "1000"]);
        Times::of(&scene, process).between("exec", "reaped")
    });
    table.add(Row {
        what: "a process that lives 1 ms: exec → reaped".to_owned(),
        unit: Unit::Nanoseconds,
        ours: life[&Way::Active].figure(),
        against: Way::Inert.name().to_owned(),
        theirs: Some(life[&Way::Inert].figure()),
        target: Target::Plus(300.0 * MICROSECONDS),
    });
    end(table, &scene);
}

/// From exec to main.
pub fn starts(ways: &[Way]) -> BTreeMap<Way, Samples> {
    let scene = TestDir::new();
    in_turns(200, ways, |way| {
        let process = way.start(&scene, &["tells_the_time", "0"]);
        Times::of(&scene, process).between("exec", "main")
    })
}

/// The end of a process that has a watch. The kernel takes its time to close one.
fn end(table: &mut Table, scene: &TestDir) {
    let watched = scene.path("data/watched");
    std::fs::write(&watched, "").unwrap();
    let watched = watched.to_str().unwrap();
    let end = in_turns(60, &[Way::Plain, Way::Active], |way| {
        let mut program = vec!["tells_the_time", "eof"];
        if way == Way::Plain {
            program.push(watched);
        }
        let mut process = way.start(scene, &program);
        process.wait_until(|process| is_watching(process.pid()), "watching");
        process.close_stdin();
        Times::of(scene, process).between("end", "reaped")
    });
    let [ours, theirs] = [Way::Active, Way::Plain].map(|way| Samples::figure(&end[&way]));
    table.add(Row {
        what: "main returns → reaped".to_owned(),
        unit: Unit::Nanoseconds,
        ours,
        against: "a C program that holds an inotify watch".to_owned(),
        theirs: Some(theirs),
        target: Target::Times(1.2),
    });
}
