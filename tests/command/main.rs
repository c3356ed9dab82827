//! `pidfile-run`, its manual page, its help and its completion.

#[path = "../common/mod.rs"]
mod common;

mod background;
mod completion;
mod help;
mod library;
mod listing;
mod man_pages;
mod obstacles;
mod odd_inputs;
mod output;
mod owners;
mod refuses;
mod run;
mod scripts;
mod stop;
mod stop_identity;
mod sub_commands;
