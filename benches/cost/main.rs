//! What the library costs, and how fast it is, beside other ways to get the same: one table.
//!
//! Everything that is compared is measured in one run, in turns, so that whatever else the machine does hits all alike.
//! Each figure is a median, with the minimum in brackets. On a busy machine the minimum tells what the program does,
//! and the median what the machine did to it.

#[path = "../../tests/common/mod.rs"]
mod common;

mod calls;
mod crowd;
mod deletion;
mod figure;
mod hand_over;
mod idle;
mod instructions;
mod picture;
mod pressure;
mod start_and_end;
mod table;
mod ways;

use table::Table;

type Measurement = (&'static str, fn(&mut Table));

const MEASUREMENTS: [Measurement; 6] = [
    ("start", start_and_end::measure),
    ("deletion", deletion::measure),
    ("hand_over", hand_over::measure),
    ("calls", calls::measure),
    ("crowd", crowd::measure),
    ("instructions", instructions::measure),
];

/// Measures all, or what the arguments name.
fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    let mut table = Table::default();
    let quiet = pressure::wait_until_quiet();
    let idle = is_chosen("idle").then(idle::Idle::begin);
    for (name, measure) in MEASUREMENTS {
        if is_chosen(name) {
            measure_in_quiet(&mut table, name, measure);
        }
    }
    if let Some(idle) = idle {
        idle.measure(&mut table);
    }
    table.print();
    if quiet && chosen.is_empty() {
        table.draw(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.svg"));
    }
}

/// Measures again, some times, what a busy machine has disturbed.
fn measure_in_quiet(table: &mut Table, name: &str, measure: fn(&mut Table)) {
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        let mut rows = Table::default();
        pressure::wait_until_quiet();
        measure(&mut rows);
        // A crowd is a load itself.
        if name == "crowd" || pressure::has_stayed_quiet() {
            return table.append(rows);
        }
    }
    eprintln!("{name}: measured on a busy machine {TRIES} times, and left out");
}
