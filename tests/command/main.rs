//! `pidfile-run`, its manual page, its help and its completion.

#[path = "../common/mod.rs"]
mod common;

mod library;
mod listing;
mod man_pages;
mod new_starts;
mod odd_inputs;
mod owners;
mod refuses;
mod run;
mod scripts;
mod stop;
mod sub_commands;
