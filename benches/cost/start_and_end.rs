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
        Way::Naive,
        Way::Env,
        Way::Command,
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
        target: Target::Times(1.6),
    });
    table.add(Row {
        what: "start, active: what it adds to exec → main".to_owned(),
        unit: Unit::Nanoseconds,
        ours: start[&Way::Active].above(&start[&Way::Plain]),
        against: Way::Naive.name().to_owned(),
        theirs: Some(start[&Way::Naive].above(&start[&Way::Plain])),
        target: Target::Times(1.25),
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
    active(Way::Plain, Target::None);
    for against in [Way::Shell, Way::StartStopDaemon, Way::Daemonize] {
        active(against, Target::Below);
    }

    for (against, target) in [
        (Way::Env, Target::Plus(2000.0 * MICROSECONDS)),
        (Way::StartStopDaemon, Target::Below),
        (Way::Daemonize, Target::Below),
    ] {
        table.add(Row {
            what: "start by `pidfile-run`: exec → main".to_owned(),
            unit: Unit::Nanoseconds,
            ours: start[&Way::Command].figure(),
            against: against.name().to_owned(),
            theirs: Some(start[&against].figure()),
            target,
        });
    }

    let dir = TestDir::new();
    let life = in_turns(150, &[Way::Inert, Way::Active], |way| {
        let process = way.start(&dir, &["tells_the_time", "1000"]);
        Times::of(&dir, process).between("exec", "reaped")
    });
    table.add(Row {
        what: "a process that lives 1 ms: exec → reaped".to_owned(),
        unit: Unit::Nanoseconds,
        ours: life[&Way::Active].figure(),
        against: Way::Inert.name().to_owned(),
        theirs: Some(life[&Way::Inert].figure()),
        target: Target::Plus(300.0 * MICROSECONDS),
    });
    end(table, &dir);
}

/// From exec to main.
pub fn starts(ways: &[Way]) -> BTreeMap<Way, Samples> {
    let dir = TestDir::new();
    in_turns(200, ways, |way| {
        let process = way.start(&dir, &["tells_the_time", "0"]);
        Times::of(&dir, process).between("exec", "main")
    })
}

/// The end of a process that has a watch. The kernel takes its time to close one.
fn end(table: &mut Table, dir: &TestDir) {
    let end = in_turns(60, &[Way::Naive, Way::Active], |way| {
        let mut process = way.start(dir, &["tells_the_time", "eof"]);
        process.wait_until(|process| is_watching(process.pid()), "watching");
        process.close_stdin();
        Times::of(dir, process).between("end", "reaped")
    });
    let [ours, theirs] = [Way::Active, Way::Naive].map(|way| Samples::figure(&end[&way]));
    table.add(Row {
        what: "main returns → reaped".to_owned(),
        unit: Unit::Nanoseconds,
        ours,
        against: Way::Naive.name().to_owned(),
        theirs: Some(theirs),
        target: Target::Times(0.6),
    });
}
