//! Asks systemd about a service.

use std::collections::HashMap;
use std::process::{Command, Stdio};

use crate::output::{Failure, shown, status};

const OTHER_KINDS: [&str; 7] = [
    "socket", "timer", "target", "path", "mount", "slice", "scope",
];

/// Returns the full name of the service that `name` stands for.
pub fn full_name(name: &str) -> Result<String, Failure> {
    let is_name = !name.is_empty()
        && !name.starts_with('-')
        && !name.contains('/')
        && !name.contains(char::is_whitespace);
    if !is_name {
        return Err(
            Failure::new(status::USAGE, shown(name), "is no name of a unit")
                .help("name the service"),
        );
    }
    match name.rsplit_once('.') {
        Some((_, "service")) => Ok(name.to_owned()),
        Some((_, kind)) if OTHER_KINDS.contains(&kind) => {
            Err(Failure::new(status::USAGE, name, "is no service").help("name the service"))
        }
        _ => Ok(format!("{name}.service")),
    }
}

/// Returns the name of a service without its ending.
pub fn stem(unit: &str) -> &str {
    unit.strip_suffix(".service").unwrap_or(unit)
}

/// Returns what systemd knows of the unit; nothing where systemd does not run.
pub fn properties(unit: &str) -> HashMap<String, String> {
    let shown = systemctl(&[
        "show",
        "-p",
        "LoadState,Type,User,RuntimeDirectory,Environment",
        "--",
        unit,
    ]);
    let text = shown.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Runs systemctl(1), without the library in it.
pub fn systemctl(words: &[&str]) -> std::io::Result<std::process::Output> {
    Command::new("systemctl")
        .args(words)
        .env_remove("LD_PRELOAD")
        .stdin(Stdio::null())
        .output()
}
