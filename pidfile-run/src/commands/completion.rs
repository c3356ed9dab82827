//! Prints what a shell completes the command line with, for `make`.

use std::ffi::OsString;
use std::io::Write as _;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::output::{Failure, status};

/// What clap_complete does not do for bash: a command line inside of the command line, and `--option=value`.
const BASH: &str = include_str!("completion.bash");

pub fn run(shell: Option<&OsString>) -> Result<u8, Failure> {
    let shell = shell.and_then(|shell| shell.to_str()?.parse::<Shell>().ok());
    let Some(shell) = shell else {
        let failure = Failure::new(status::USAGE, "--completion", "for which shell?");
        return Err(failure.help("pidfile-run --completion bash"));
    };
    let mut command = Cli::command();
    let mut text = Vec::new();
    if shell == Shell::Bash {
        text = for_bash(&mut command).into_bytes();
    } else {
        clap_complete::generate(shell, &mut command, "pidfile-run", &mut text);
    }
    let _ = std::io::stdout().write_all(&text);
    Ok(status::DONE)
}

fn for_bash(command: &mut Command) -> String {
    // clap_complete 4.6 takes a dash in the name for a sub-command.
    let mut generated = Vec::new();
    clap_complete::generate(Shell::Bash, command, "pidfile_run", &mut generated);
    let generated = String::from_utf8_lossy(&generated).into_owned();
    let generated = generated.replace("_pidfile_run() {", "_pidfile_run_options() {");
    // It ends with a `complete`, and another one comes below.
    let end = generated
        .rfind("\n}\n")
        .map_or(generated.len(), |at| at + 3);
    let generated = &generated[..end];
    let subs = command.get_subcommands().map(Command::get_name);
    // After `check` there is a command too.
    let subs: Vec<&str> = subs.filter(|name| *name != "check").collect();
    let valued = command
        .get_opts()
        .filter(|option| option.get_action().takes_values());
    let valued: Vec<String> = valued
        .flat_map(|option| {
            let short = option.get_short().map(|letter| format!("-{letter}"));
            let long = option.get_long().map(|name| format!("--{name}"));
            short.into_iter().chain(long)
        })
        .collect();
    let rest = BASH
        .replace("@SUBS@", &subs.join(" | "))
        .replace("@VALUED@", &valued.join(" | "));
    format!("{generated}{rest}")
}
