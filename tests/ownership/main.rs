//! What holds of the file and its owner while there is one: how it is claimed, what is in it, who may touch it, what its deletion leads to.

#[path = "../common/mod.rs"]
mod common;

mod bad_paths;
mod creation;
mod crowds;
mod foreign_hands;
mod other_tools;
mod real_programs;
mod rights_lost;
mod second_instance;
mod watching;
