//! Runs `pidfile-run list [DIRECTORY]...`: prints the PID files there, and who owns them.

use std::fs;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::status::as_json;
use crate::cli;
use crate::output::{Failure, say_json, shown, status};
use crate::owner::locks::Locks;
use crate::owner::{self, Look, PAUSE, State, process};

/// How many looks those get that may be amid a hand-over or an exec(2).
const LOOKS: usize = 3;
const HEAD: [&str; 5] = ["FILE", "PID", "ALIVE", "AGE", "COMMAND"];

pub fn run(asked: cli::List) -> Result<u8, Failure> {
    let mut files = Vec::new();
    for place in &asked.places {
        match fs::metadata(place) {
            Ok(found) if found.is_dir() => find(place, &mut files),
            Ok(_) => files.push(place.clone()),
            Err(_) => {
                let fail =
                    Failure::new(status::NOT_DONE, shown(place), "there is no such directory");
                return Err(fail.help("name the one where the PID files are"));
            }
        }
    }
    files.sort();
    files.dedup();
    let looks = look_at_all(files);
    if asked.json {
        say_json(&Value::Array(
            looks
                .iter()
                .map(|(path, look)| as_json(path, look))
                .collect(),
        ));
    } else {
        let rows = looks.iter().map(|(path, look)| row(path, look)).collect();
        // As with `| head`: nobody may want all of it.
        let _ = print(rows);
    }
    Ok(status::DONE)
}

/// Finds what is called like a PID file; symbolic links are not followed.
fn find(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let name = entry.file_name();
        if kind.is_dir() {
            find(&entry.path(), files);
        } else if kind.is_file() && (name == "pid" || name.to_string_lossy().ends_with(".pid")) {
            files.push(entry.path());
        }
    }
}

/// Looks at a file, and closes it: there may be more of them than descriptors.
fn look_at(path: &Path, locks: &Locks) -> (Look, bool) {
    let (mut look, is_sure) = owner::look_once(path, locks);
    look.location = None;
    look.seen = None;
    (look, is_sure)
}

/// Looks at each; once more at those that were not sure, all together.
fn look_at_all(files: Vec<PathBuf>) -> Vec<(PathBuf, Look)> {
    let locks = Locks::unread();
    let first_looks = files.into_iter().map(|path| {
        let (look, is_sure) = look_at(&path, &locks);
        (path, look, is_sure)
    });
    let mut looks: Vec<(PathBuf, Look, bool)> = first_looks.collect();
    for _ in 1..LOOKS {
        if looks.iter().all(|(_, _, is_sure)| *is_sure) {
            break;
        }
        std::thread::sleep(PAUSE);
        let locks = Locks::unread();
        for (path, look, is_sure) in looks.iter_mut().filter(|(_, _, is_sure)| !is_sure) {
            (*look, *is_sure) = look_at(path, &locks);
        }
    }
    looks.retain(|(_, look, _)| !matches!(look.state, State::Absent));
    looks
        .into_iter()
        .map(|(path, look, _)| (path, look))
        .collect()
}

struct Row {
    cells: [String; 5],
    style: Style,
}

fn row(path: &Path, look: &Look) -> Row {
    let plain = Style::new();
    let (alive, style) = match look.state {
        State::Owned(_) | State::Unlocked(_) => ("yes", AnsiColor::Green.on_default()),
        State::Stale => ("no", AnsiColor::Yellow.on_default()),
        // Another system's: its process runs, and there is no lock.
        State::Foreign { .. } => ("other", plain),
        State::NotAPidFile => ("-", plain),
        _ => ("?", AnsiColor::Red.on_default()),
    };
    let pid = look.pid();
    let or_none = |text: Option<String>| {
        text.filter(|text| !text.is_empty())
            .unwrap_or_else(|| "-".into())
    };
    let command = match &look.state {
        State::NotAPidFile => "(no PID file)".into(),
        State::Unknown(failure) => format!("({})", failure.why),
        _ => or_none(pid.map(process::command)),
    };
    // One word for each column, so that tools can take it apart.
    let file = shown(path).replace(' ', "?");
    let cells = [
        file,
        or_none(look.named.map(|pid| pid.to_string())),
        alive.to_owned(),
        or_none(pid.and_then(process::age).map(age)),
        command,
    ];
    Row { cells, style }
}

/// Writes a time in its two largest units: `3d4h`, `5h12m`, `7m3s`, `9s`.
fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (1.., ..) => format!("{days}d{}h", hours % 24),
        (_, 1.., _) => format!("{hours}h{}m", minutes % 60),
        (.., 1..) => format!("{minutes}m{}s", seconds % 60),
        _ => format!("{seconds}s"),
    }
}

fn print(rows: Vec<Row>) -> std::io::Result<()> {
    let head = Row {
        cells: HEAD.map(Into::into),
        style: Style::new().bold(),
    };
    let table: Vec<Row> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        table
            .iter()
            .map(|row| row.cells[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    let is_terminal = std::io::stdout().is_terminal();
    let mut text = String::new();
    for (at, row) in table.iter().enumerate() {
        let [file, pid, alive, age, command] = &row.cells;
        let [files, pids, alives, ages] = widths;
        let style = row.style;
        // The heading as a whole, of the others the column that it is about.
        let line = if at == 0 {
            format!(
                "{style}{file:files$}  {pid:pids$}  {alive:alives$}  {age:ages$}  {command}{style:#}"
            )
        } else {
            format!(
                "{file:files$}  {pid:pids$}  {style}{alive:alives$}{style:#}  {age:ages$}  {command}"
            )
        };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes())?;
    if is_terminal { out.flush() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_has_two_units() {
        for (seconds, text) in [
            (9, "9s"),
            (423, "7m3s"),
            (18_720, "5h12m"),
            (273_600, "3d4h"),
        ] {
            assert_eq!(age(seconds), text);
        }
    }
}
