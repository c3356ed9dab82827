//! What a start and an end cost, in instructions: times say little on a busy machine, a count says the same each time.

use crate::common::{Preload, instructions};

/// What was counted last. When a count has changed for a good reason, the test tells what to write there.
const RECORDED: &str = include_str!("instruction_counts.txt");

/// Another compiler or libc moves the counts a little.
const PER_CENT_MORE: u64 = 15;

fn recorded(name: &str) -> u64 {
    let mut lines = RECORDED.lines().filter(|line| !line.starts_with('#'));
    let line = lines.find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}

/// Beside a library that has nothing in it: so what the loader and the program itself do does not count.
#[track_caller]
fn costs_no_more_than_before(name: &str, preload: Preload) {
    let limit = recorded(name) * (100 + PER_CENT_MORE) / 100;
    let empty = instructions(Preload::Empty);
    // On a busy machine a thread that waits for another one looks more often.
    let mut counts = (0..10).map(|_| instructions(preload) - empty);
    let first = counts.next().unwrap();
    let counted = counts.take_while(|_| first > limit).fold(first, u64::min);
    println!("{name} {counted}");
    assert!(
        counted <= limit,
        "{counted} instructions are more than {limit}; if they are worth it, write to tests/transparency/instruction_counts.txt:\n\
         {name} {counted}"
    );
}

#[test]
fn instruction_count_without_a_setting() {
    costs_no_more_than_before("inert", Preload::Inert);
}

#[test]
fn instruction_count_of_an_owner() {
    costs_no_more_than_before("active", Preload::Active);
}
