//! Who inherits, tried on a simulated kernel. The library's own code that chooses a successor (`handover/choose.rs`,
//! and what it needs) decides here for launchers, daemons, helpers and workers. They go on in any order, and may be
//! stalled at any moment.
//!
//! A wrong successor is wrong at any speed. Where nobody is stalled the right one inherits each time.
//!
//! `CHOICE_SEED=N` repeats one run of each scenario, and shows what happened in it.

#![expect(
    dead_code,
    reason = "the library's files offer more than a choice needs"
)]

mod handover;
mod helpers;
mod hooks;
mod kernel;
mod leaders;
mod life;
mod owner;
mod ownership;
mod pidfile;
mod scenario;
mod scenarios;
mod sys;

/// There is one file.
mod settings {
    pub mod exec_state {
        pub fn file() -> u64 {
            0
        }
    }
}

use handover::relation::Ending;
use helpers::HELPERS;
use kernel::{Blind, World, with};
use leaders::LEADERS;
use ownership::shared::SharedState;
use scenario::Scenario;
use scenarios::{DAEMONS, SCENARIOS};
use std::sync::{Mutex, PoisonError};

/// The library's code has variables that are there once in a process. The tests of this program run side by side.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs a scenario once. Returns the name of the process that the file names in the end; nothing if there is no file.
fn run(
    scenario: &Scenario,
    seed: u64,
    stalls: bool,
    blind: Option<Blind>,
) -> (Option<&'static str>, Vec<String>) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: numbers only, for which all zeroes are valid (`SharedState`).
    let shared: &'static SharedState = Box::leak(Box::new(unsafe { std::mem::zeroed() }));
    let mut world = World::new(seed, stalls, shared);
    world.follows_forks = scenario.follows_forks;
    world.blind = blind;
    let owner = world.create(None, "owner", scenario.steps);
    (world.owner, world.file) = (owner, owner);
    if scenario.has_run_for_long {
        world.process_mut(owner).owner_since = 0;
        world.clock += 60_000_000_000;
    }
    kernel::begin(world);
    owner::run(scenario.ending);
    let named = with(|world| {
        let file = world.file;
        (file != 0).then(|| world.process(file).name)
    });
    let trace = with(|world| std::mem::take(&mut world.trace));
    // SAFETY: leaked above, and nobody uses it any more: the next run has a world of its own.
    drop(unsafe { Box::from_raw(std::ptr::from_ref(shared).cast_mut()) });
    (named, trace)
}

/// Returns what is wrong in some of the runs of a scenario.
fn try_all(scenario: &Scenario, runs: u64, blind: Option<Blind>) -> Result<(), String> {
    let seeds = match std::env::var("CHOICE_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("a number");
            seed..seed + 1
        }
        Err(_) => 1..runs + 1,
    };
    for seed in seeds {
        for stalls in [false, true] {
            let (named, trace) = run(scenario, seed, stalls, blind);
            let is_right = named == scenario.named || named.is_none() && stalls;
            if !is_right {
                return Err(format!(
                    "{}: the file names {named:?}, where it should name {:?} (CHOICE_SEED={seed}, stalls: {stalls}):\n{}",
                    scenario.what,
                    scenario.named,
                    trace.join("\n")
                ));
            }
        }
    }
    Ok(())
}

fn runs() -> u64 {
    if cfg!(feature = "torture") {
        20_000
    } else {
        100
    }
}

#[test]
fn choice_is_right_in_any_order() {
    let all = [DAEMONS, SCENARIOS, LEADERS, HELPERS];
    for scenario in all.into_iter().flatten() {
        if let Err(what) = try_all(scenario, runs(), None) {
            panic!("{what}");
        }
    }
}

/// A leader ends between any two looks at it.
#[test]
fn launcher_with_a_handler_hands_over_in_any_order() {
    for ending in [Ending::OfInteractive, Ending::OfService] {
        for scenario in DAEMONS {
            let scenario = Scenario {
                ending,
                ..*scenario
            };
            if let Err(what) = try_all(&scenario, 5 * runs(), None) {
                panic!("{ending:?}: {what}");
            }
        }
    }
}

/// Without any one of its observations the choice goes wrong in some scenario.
#[test]
fn choice_needs_every_observation() {
    let all = [
        Blind::Parents,
        Blind::Sessions,
        Blind::Users,
        Blind::Execs,
        Blind::Running,
        Blind::Ages,
        Blind::Queues,
    ];
    for blind in all {
        let found = DAEMONS
            .iter()
            .chain(SCENARIOS)
            .chain(LEADERS)
            .find_map(|scenario| try_all(scenario, 300, Some(blind)).err());
        match found {
            Some(what) => println!("{blind:?}: {}", what.lines().next().unwrap_or_default()),
            None => panic!("nothing shows that {blind:?} are needed"),
        }
    }
}
