//! What calls cost that the library sees, and children that have nothing to do with it. Both are measured in an owner,
//! and in a bystander, which is a program that an owner has started.

use crate::common::{TestDir, exited};
use crate::figure::{Figure, Samples};
use crate::table::{Row, Table, Target, Unit};
use crate::ways::in_turns;
use std::collections::BTreeMap;

const RUNS: usize = 12;
/// In each run. They are short, so that the processor has nothing else to do in some of them.
const ROUNDS: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Plain,
    /// With a library that does nothing.
    EmptyLibrary,
    /// With a naive preload, and a file of its own.
    Naive,
    Bystander,
    Owner,
}

const HOSTS: [Host; 5] = [
    Host::Plain,
    Host::EmptyLibrary,
    Host::Naive,
    Host::Bystander,
    Host::Owner,
];

impl Host {
    fn name(self) -> &'static str {
        match self {
            Host::Plain => "no library",
            Host::EmptyLibrary => "an empty library",
            Host::Naive => "a naive preload's owner",
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
        (Host::Bystander, Host::EmptyLibrary, Target::Times(1.0)),
        (Host::Owner, Host::Naive, Target::Times(1.1)),
    ] {
        let what = format!("{}: fork and wait", ours.name());
        let (ours, theirs) = (fork[&ours].figure(), fork[&other].figure());
        add(what, ours, other.name(), theirs, target);
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
        let dir = TestDir::new();
        let preloaded = |name| {
            let library = dir.host_path(name);
            dir.host("repeats_a_call")
                .inert()
                .env("LD_PRELOAD", library)
        };
        let program = match host {
            Host::Plain => dir.host("repeats_a_call").plain(),
            Host::EmptyLibrary => preloaded("is_an_empty_library"),
            Host::Naive => preloaded("is_naive_preload").env("PIDFILE", dir.pidfile()),
            // The shell owns the file, and waits.
            Host::Bystander => {
                let path = dir.host_path("repeats_a_call");
                dir.shell("sh")
                    .args(["-c", "\"$@\"; exit $?", "sh"])
                    .arg(path)
            }
            Host::Owner => dir.host("repeats_a_call"),
        };
        let program = program.args([call, &calls.to_string(), &ROUNDS.to_string()]);
        let ended = program.run();
        assert_eq!(ended.status, exited(0), "{call}: {}", ended.stderr);
        let numbers = ended.stdout.lines().map(|line| line.parse().unwrap());
        Samples(numbers.collect()).figure().least
    })
}
