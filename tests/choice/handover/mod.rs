//! The library's own code that chooses, and what it knows of the owner's descent.

#[path = "../../../src/handover/choose.rs"]
pub mod choose;
#[path = "../../../src/handover/looks.rs"]
pub mod looks;
#[path = "../../../src/handover/relation.rs"]
pub mod relation;

/// What the fork handlers of the owner have seen.
pub mod lineage {
    use crate::kernel;

    pub fn forked_as_leader() -> Option<u32> {
        kernel::with(|world| {
            let owner = world.process(world.owner);
            (owner.session_begun != 0).then_some(owner.forked)
        })
    }
}
