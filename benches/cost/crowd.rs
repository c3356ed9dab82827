//! Many owners of one user.

use crate::common::{
    Descendant, TestDir, children_of, exited, library, private_dirty, wait_for, wait_until_idle,
};
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
    /// Nanoseconds from the removal of the directory until all have ended, for each.
    end: Samples,
    /// Nanoseconds from one deletion until that owner has ended.
    one: Samples,
}

/// How many owners at the most.
const MOST: usize = 10_000;

/// How many owners this machine holds, by half of its memory and half of its PIDs: each has three threads.
fn most() -> usize {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(usize::MAX);
    let by_memory = free / 2 / MEMORY_OF_EACH;
    let by_threads =
        number("/proc/sys/kernel/threads-max").min(number("/proc/sys/kernel/pid_max")) / 2 / 3;
    MOST.min(by_memory).min(by_threads).max(1000)
}

/// A limit of this machine; no limit where it cannot be read.
fn number(path: &str) -> usize {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().parse().unwrap_or(usize::MAX)
}

/// KiB, with what the kernel keeps of three threads.
const MEMORY_OF_EACH: usize = 512;

pub fn measure(table: &mut Table) {
    let most = most();
    let mut crowds = [10, 1000, most].map(|count| (count, Crowd::default()));
    for _ in 0..RUNS {
        for (count, samples) in &mut crowds {
            samples.add(*count);
        }
    }
    let [(_, few), _, (_, many)] = &crowds;
    let mut add = |what: &str, unit, ours: &Samples, theirs: &Samples, target| {
        table.add(Row {
            what: format!("{most} owners: {what}"),
            unit,
            ours: ours.figure(),
            against: "10 owners".to_owned(),
            theirs: Some(theirs.figure()),
            target,
        });
    };
    let (time, flat) = (Unit::Nanoseconds, Target::Times(1.5));
    add("start of each", time, &many.start, &few.start, flat);
    add(
        "memory of each",
        Unit::KiB,
        &many.memory,
        &few.memory,
        Target::Times(1.1),
    );
    add("`rm -r` → ended, for each", time, &many.end, &few.end, flat);
    // An owner without an inotify instance looks once a second.
    if number("/proc/sys/fs/inotify/max_user_instances") >= most {
        add(
            "one deletion → that owner has ended",
            time,
            &many.one,
            &few.one,
            flat,
        );
    }
}

impl Crowd {
    fn add(&mut self, count: usize) {
        let [start, memory, end, one] = crowd(count);
        self.start.0.push(start);
        self.memory.0.push(memory);
        self.end.0.push(end);
        self.one.0.push(one);
    }
}

fn crowd(count: usize) -> [f64; 4] {
    let dir = TestDir::new();
    let starter = dir
        .host("starts_many")
        .plain()
        .arg(count.to_string())
        .args([&dir.path("run"), &library()])
        .arg(dir.host_path("waits_for_signal"))
        .spawn();
    starter.wait_until(|starter| starter.stdout().contains("ready "), "ready");
    let said = starter.stdout();
    let start: f64 = said["ready ".len()..].trim().parse().unwrap();
    wait_until_idle(&starter);
    let owners = children_of(starter.pid());
    assert_eq!(owners.len(), count);
    let memory: u64 = owners.into_iter().map(private_dirty).sum();
    let one = dir.path("run/0.pid");
    let owner = fs::read_to_string(&one).unwrap().trim().parse().unwrap();
    let owner = Descendant::new(owner);
    let deleted = now();
    fs::remove_file(one).unwrap();
    wait_for(|| owner.has_ended(), "the one owner has ended");
    let one = now() - deleted;
    let deleted = now();
    fs::remove_dir_all(dir.path("run")).unwrap();
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
    [each(start), each(memory as f64), each(end), one]
}
