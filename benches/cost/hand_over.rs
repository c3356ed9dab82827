//! A launcher that leaves a daemon: how long its end takes.

use crate::common::TestDir;
use crate::table::{Row, Table, Target, Unit};
use crate::ways::{Times, Way, in_turns};

pub fn measure(table: &mut Table) {
    const MILLISECOND: f64 = 1e6;
    for (how, what) in [
        (
            "when ready",
            "launcher that waits for its daemon: end → reaped",
        ),
        ("at once", "launcher that leaves at once: end → reaped"),
    ] {
        let end = in_turns(80, &[Way::Plain, Way::Active], |way| {
            let dir = TestDir::new();
            let mut launcher = way.start(&dir, &["leaves_a_daemon", how]);
            // The daemon ends when this does.
            let _input = launcher.take_stdin();
            Times::of(&dir, launcher).between("end", "reaped")
        });
        table.add(Row {
            what: what.to_owned(),
            unit: Unit::Nanoseconds,
            ours: end[&Way::Active].figure(),
            against: Way::Plain.name().to_owned(),
            theirs: Some(end[&Way::Plain].figure()),
            target: Target::Plus(MILLISECOND),
        });
    }
}
