//! Starts a program with a PID file; asks, signals and stops whoever owns one. The manual is pidfile-run(1).
//!
//! `main` is what libc calls, not the standard library's. That one opens what is closed of the descriptors 0 to 2 and
//! ignores SIGPIPE, and the program that this one becomes would find it so.

#![cfg_attr(not(test), no_main)]
#![cfg_attr(test, allow(dead_code))]

mod cli;
mod commands;
mod exec;
mod inspect;
mod library;
mod location;
mod misuse;
mod output;
mod owner;
mod settings;
mod signals;

use std::ffi::{OsString, c_char, c_int};

use clap::Parser;

use cli::{Cli, Sub};
use output::Failure;

#[cfg_attr(not(test), unsafe(export_name = "main"))]
extern "C" fn entry(_argc: c_int, _argv: *const *const c_char) -> c_int {
    let words: Vec<OsString> = std::env::args_os().collect();
    let status = run(words).unwrap_or_else(|failure| {
        failure.tell();
        failure.status
    });
    c_int::from(status)
}

fn run(mut words: Vec<OsString>) -> Result<u8, Failure> {
    match words.get(1).and_then(|word| word.to_str()) {
        None if words.len() < 2 => {
            let _ = std::io::Write::write_all(&mut anstream::stderr(), cli::FIRST_STEPS.as_bytes());
            return Ok(output::status::NOT_STARTED);
        }
        // For `make install`.
        Some("--completion") => return commands::completion::run(words.get(2)),
        // As kill(1) takes it: no option.
        Some("signal") => {
            if let Some(name) = words.get_mut(2).filter(|name| is_signal(name)) {
                *name = name.to_string_lossy().trim_start_matches('-').into();
            }
        }
        _ => {}
    }
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) if error.exit_code() == 0 => {
            let _ = error.print();
            return Ok(output::status::DONE);
        }
        Err(error) => return Err(misuse::failure(&error, &words)),
    };
    match cli.sub {
        None => commands::start::run(cli.start),
        Some(Sub::Status(status)) => commands::status::run(status),
        Some(Sub::Stop(stop)) => commands::stop::run(stop),
        Some(Sub::Signal(signal)) => commands::signal::run(signal),
        Some(Sub::Wait(wait)) => commands::wait::run(wait),
        Some(Sub::List(list)) => commands::list::run(list),
        Some(Sub::Check(check)) => commands::check::run(check),
        Some(Sub::Systemd(systemd)) => commands::systemd::run(systemd, &words),
    }
}

fn is_signal(word: &OsString) -> bool {
    word.to_str()
        .is_some_and(|word| word.starts_with('-') && signals::number(word).is_some())
}
