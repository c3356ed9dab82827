//! What the library costs, and how fast it is, beside other ways to get the same: one table.
//!
//! Everything that is compared is measured in one run, in turns, so that whatever else the machine does hits all alike. Each
//! figure is a median, with the minimum in brackets: on a busy machine the minimum tells what the program does, and the
//! median what the machine did to it.

#[path = "../../tests/common/mod.rs"]
mod common;

mod calls;
mod crowd;
mod deletion;
mod figure;
mod hand_over;
mod idle;
mod instructions;
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
    let idle = is_chosen("idle").then(idle::Idle::begin);
    for (name, measure) in MEASUREMENTS {
        if is_chosen(name) {
            measure(&mut table);
        }
    }
    if let Some(idle) = idle {
        idle.measure(&mut table);
    }
    table.print();
}
