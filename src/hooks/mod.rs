//! What the host calls: the exported C symbols and the fork handlers.

pub mod fork;
