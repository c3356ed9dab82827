//! What calls cost that the library sees, and children that have nothing to do with it: in an owner, and in a bystander, which
//! is a program that an owner has started.

use crate::common::{TestDir, exited};
use crate::figure::{Figure, Samples};
use crate::start_and_end;
use crate::table::{Row, Table, Target, Unit};
use crate::ways::{Way, in_turns};
use std::collections::BTreeMap;

const RUNS: usize = 12;
/// In each run. They are short, so that the processor has nothing else to do in some of them.
const ROUNDS: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Plain,
    /// With a library that does nothing.
    EmptyLibrary,
    /// Without us, but with two threads that sleep.
    Threaded,
    Bystander,
    Owner,
}

const HOSTS: [Host; 5] = [
    Host::Plain,
    Host::EmptyLibrary,
    Host::Threaded,
    Host::Bystander,
    Host::Owner,
];

impl Host {
    fn name(self) -> &'static str {
        match self {
            Host::Plain => "no library",
            Host::EmptyLibrary => "an empty library",
            Host::Threaded => "two idle threads",
            Host::Bystander => "a bystander",
            Host::Owner => "an owner",
        }
    }
}

pub fn measure(table: &mut Table) {
    let mut add = |what: String, ours, against: &str, theirs, target| {
        table.add(Row {
            what,
            unit: Unit::Nanoseconds,
            ours,
            against: against.to_owned(),
            theirs: Some(theirs),
            target,
        });
    };
    let fork = cost("fork", 3);
    for (ours, other, target) in [
        (Host::Bystander, Host::Plain, Target::Times(1.05)),
        (Host::Bystander, Host::EmptyLibrary, Target::None),
        (Host::Owner, Host::Plain, Target::None),
        (Host::Owner, Host::Threaded, Target::None),
    ] {
        let what = format!("{}: fork and wait", ours.name());
        let (ours, theirs) = (fork[&ours].figure(), fork[&other].figure());
        add(what, ours, other.name(), theirs, target);
    }
    let fork_and_exec = cost("fork+exec", 1);
    let start = start_and_end::starts(&[Way::Plain, Way::Inert]);
    let start = start[&Way::Inert].above(&start[&Way::Plain]);
    for (ours, target) in [
        (Host::Bystander, Target::Times(1.0)),
        (Host::Owner, Target::None),
    ] {
        add(
            format!("{}: fork, exec and wait: what it adds", ours.name()),
            fork_and_exec[&ours].above(&fork_and_exec[&Host::Plain]),
            "a start without a setting: what it adds",
            start,
            target,
        );
    }
    for call in ["sigaction", "signal"] {
        let samples = cost(call, 1000);
        let figure = |host: Host| -> Figure { samples[&host].figure() };
        for ours in [Host::Bystander, Host::Owner] {
            let what = format!("{}: {call}", ours.name());
            let theirs = figure(Host::Plain);
            let target = Target::Plus(30.0);
            add(what, figure(ours), Host::Plain.name(), theirs, target);
        }
    }
}

/// Nanoseconds for one call, of the least disturbed round of each run.
fn cost(call: &str, calls: usize) -> BTreeMap<Host, Samples> {
    in_turns(RUNS, &HOSTS, |host| {
        let scene = TestDir::new();
        let preloaded = |name| {
            let library = scene.host_path(name);
            scene
                .host("repeats_a_call")
                .inert()
                .env("LD_PRELOAD", library)
        };
        let program = match host {
            Host::Plain => scene.host("repeats_a_call").plain(),
            Host::EmptyLibrary => preloaded("is_an_empty_library"),
            Host::Threaded => preloaded("has_two_idle_threads"),
            // The shell owns the file, and waits.
            Host::Bystander => {
                let path = scene.host_path("repeats_a_call");
                scene
                    .shell("sh")
                    .args(["-c", "\"$@\"; exit $?", "sh"])
                    .arg(path)
            }
            Host::Owner => scene.host("repeats_a_call"),
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
