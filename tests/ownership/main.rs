//! What holds of the file and its owner while there is one: how it is claimed, what is in it, who may touch it, what its deletion leads to.

#[path = "../common/mod.rs"]
mod common;

mod bad_file_systems;
mod bad_paths;
mod bad_rights;
mod creation;
mod crowds;
mod foreign_hands;
mod host_writes_file;
mod inner_service;
mod other_tools;
mod real_programs;
mod rights_lost;
mod second_instance;
mod second_instance_strict;
mod watched_name;
mod watching;
