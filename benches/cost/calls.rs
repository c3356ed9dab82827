//! What an owner pays for calls that the library sees, and for children that have nothing to do with it.

use crate::common::{Mode, Scene, exited};
use crate::figure::Samples;
use crate::table::{Row, Table, Target, Unit};
use crate::ways::in_turns;
use std::collections::BTreeMap;

const RUNS: usize = 12;
/// In each run. They are short, so that the processor has nothing else to do in some of them.
const ROUNDS: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Of(Mode),
    /// Without us, but with two threads that sleep.
    Threaded,
}

const PLAIN: Host = Host::Of(Mode::Plain);
const INERT: Host = Host::Of(Mode::Inert);
const ACTIVE: Host = Host::Of(Mode::Active);

pub fn measure(table: &mut Table) {
    let fork = cost("fork", 3);
    let start = cost("fork+exec", 1);
    let mut add = |what: &str, ours, against: &str, theirs, target| {
        table.add(Row {
            what: what.to_owned(),
            unit: Unit::Nanoseconds,
            ours,
            against: against.to_owned(),
            theirs: Some(theirs),
            target,
        });
    };
    for (other, name, target) in [
        (PLAIN, "no library", Target::Times(1.05)),
        (INERT, "the library without a setting", Target::None),
        (Host::Threaded, "two idle threads", Target::None),
    ] {
        let (ours, theirs) = (fork[&ACTIVE].figure(), fork[&other].figure());
        add("fork and wait", ours, name, theirs, target);
    }
    add(
        "fork, exec and wait: what it adds",
        start[&ACTIVE].above(&start[&PLAIN]),
        "the library without a setting",
        start[&INERT].above(&start[&PLAIN]),
        Target::Times(1.1),
    );
    for call in ["sigaction", "signal"] {
        let samples = cost(call, 1000);
        let (ours, theirs) = (samples[&ACTIVE].figure(), samples[&PLAIN].figure());
        add(call, ours, "no library", theirs, Target::Plus(30.0));
    }
}

/// Nanoseconds for one call, of the least disturbed round of each run.
fn cost(call: &str, calls: usize) -> BTreeMap<Host, Samples> {
    in_turns(RUNS, &[PLAIN, INERT, ACTIVE, Host::Threaded], |host| {
        let scene = Scene::new();
        let program = scene.host("repeats_a_call");
        let program = match host {
            Host::Of(mode) => program.mode(mode),
            Host::Threaded => {
                let threads = scene.host_path("has_two_idle_threads");
                program.inert().env("LD_PRELOAD", threads)
            }
        };
        let mut program = program.args([call, &calls.to_string(), &ROUNDS.to_string()]);
        if call == "fork+exec" {
            program = program.arg(scene.host_path("returns_status")).arg("0");
        }
        let ended = program.run();
        assert_eq!(ended.status, exited(0), "{call}: {}", ended.stderr);
        let numbers = ended.stdout.lines().map(|line| line.parse().unwrap());
        Samples(numbers.collect()).figure().least
    })
}
