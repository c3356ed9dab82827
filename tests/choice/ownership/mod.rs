//! The library's own memory that an owner shares with its children.

#[path = "../../../src/ownership/candidate.rs"]
pub mod candidate;
#[path = "../../../src/ownership/candidates.rs"]
pub mod candidates;
#[path = "../../../src/ownership/child.rs"]
pub mod child;
#[path = "../../../src/ownership/children.rs"]
pub mod children;
#[path = "../../../src/ownership/shared.rs"]
pub mod shared;

/// What the owner knows of itself.
pub mod state {
    use crate::{kernel, sys::clock};
    use std::time::Duration;

    pub fn owner_age() -> Duration {
        clock::age(kernel::with(|world| world.process(world.owner).owner_since))
    }
}
