//! Many owners of one user.

use crate::common::{TestDir, children_of, exited, library, private_dirty, wait_until_idle};
use crate::figure::Samples;
use crate::table::{Row, Table, Target, Unit};
use crate::ways::{end_of, now};
use std::fs;

const RUNS: usize = 3;

#[derive(Default)]
struct Crowd {
    /// Nanoseconds until one is ready.
    start: Samples,
    memory: Samples,
    /// Nanoseconds from the removal of the directory until all have ended.
    end: Samples,
}

pub fn measure(table: &mut Table) {
    let mut crowds = [10, 100, 1000].map(|count| (count, Crowd::default()));
    for _ in 0..RUNS {
        for (count, samples) in &mut crowds {
            samples.add(*count);
        }
    }
    let [(_, few), (_, some), (_, many)] = &crowds;
    let mut add = |what: &str, unit, ours: &Samples, against: &str, theirs, target| {
        table.add(Row {
            what: format!("1,000 owners: {what}"),
            unit,
            ours: ours.figure(),
            against: against.to_owned(),
            theirs: Some(theirs),
            target,
        });
    };
    for (name, other) in [("10 owners", few), ("100 owners", some)] {
        let (start, memory) = (other.start.figure(), other.memory.figure());
        let (time, flat) = (Unit::Nanoseconds, Target::Times(1.5));
        add("start of each", time, &many.start, name, start, flat);
        let flat = Target::Times(1.1);
        add(
            "memory of each",
            Unit::KiB,
            &many.memory,
            name,
            memory,
            flat,
        );
    }
    add(
        "`rm -r` of the directory → all have ended",
        Unit::Nanoseconds,
        &many.end,
        "polling every 5 s",
        5e9.into(),
        Target::Below,
    );
}

impl Crowd {
    fn add(&mut self, count: usize) {
        let (start, memory, end) = crowd(count);
        self.start.0.push(start);
        self.memory.0.push(memory);
        self.end.0.push(end);
    }
}

fn crowd(count: usize) -> (f64, f64, f64) {
    let scene = TestDir::new();
    let starter = scene
        .host("starts_many")
        .plain()
        .arg(count.to_string())
        .args([&scene.path("run"), &library()])
        .arg(scene.host_path("waits_for_signal"))
        .spawn();
    starter.wait_until(|starter| starter.stdout().contains("ready "), "ready");
    let said = starter.stdout();
    let start: f64 = said["ready ".len()..].trim().parse().unwrap();
    wait_until_idle(&starter);
    let owners = children_of(starter.pid());
    assert_eq!(owners.len(), count);
    let memory: u64 = owners.into_iter().map(private_dirty).sum();
    let deleted = now();
    fs::remove_dir_all(scene.path("run")).unwrap();
    let end = end_of(&starter) - deleted;
    let ended = starter.wait();
    assert_eq!(ended.status, exited(0));
    assert!(
        ended
            .stdout
            .contains(&format!("\n{count} ended by SIGTERM\n")),
        "{}",
        ended.stdout
    );
    let each = |all: f64| all / count as f64;
    (each(start), each(memory as f64), end)
}
