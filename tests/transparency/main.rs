//! What the program, its children and its operator see of the library: nothing but the file.

#[path = "../common/mod.rs"]
mod common;

mod children;
mod descriptors;
mod environment;
mod exports;
mod functions;
mod imports;
mod inert;
mod instruction_counts;
mod threads;
mod valgrind;
mod visibility;
