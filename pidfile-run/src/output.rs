//! Writes what a person or a machine gets to read: failures, notes, and text that is safe on a terminal.

use std::fmt::{self, Display, Write as _};
use std::path::Path;

use anstyle::{AnsiColor, Style};

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();

/// Exit statuses; the table is in pidfile-run(1).
pub mod status {
    pub const DONE: u8 = 0;
    pub const NOT_DONE: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const NOT_ALLOWED: u8 = 4;
    pub const NOT_RUNNING: u8 = 7;
    /// Of `status`.
    pub const LEFT_OVER: u8 = 1;
    pub const NO_FILE: u8 = 3;
    pub const NOT_KNOWN: u8 = 4;
    /// Of a start.
    pub const NOT_STARTED: u8 = 125;
    pub const NOT_EXECUTABLE: u8 = 126;
    pub const NOT_FOUND: u8 = 127;
}

/// Why this command does not do what it was told to, and what to do about it.
#[derive(Clone, Debug)]
pub struct Failure {
    pub status: u8,
    pub what: String,
    pub why: String,
    pub help: Vec<String>,
}

impl Failure {
    pub fn new(status: u8, what: impl Display, why: impl Display) -> Self {
        Self {
            status,
            what: what.to_string(),
            why: why.to_string(),
            help: Vec::new(),
        }
    }

    pub fn help(mut self, help: impl Display) -> Self {
        self.help.push(help.to_string());
        self
    }

    /// Changes the exit status and keeps the reason, for another command.
    pub fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    pub fn tell(&self) {
        self.tell_as("", RED);
    }

    /// Says it as something that may matter, but stops nothing.
    pub fn tell_as_note(&self) {
        self.tell_as("note: ", YELLOW);
    }

    fn tell_as(&self, kind: &str, style: Style) {
        let subject = if self.what.is_empty() {
            String::new()
        } else {
            format!("{}: ", self.what)
        };
        let mut text = format!("{style}pidfile-run:{style:#} {kind}{subject}{}\n", self.why);
        for help in &self.help {
            let _ = writeln!(text, "{CYAN}help:{CYAN:#} {help}");
        }
        // One write, so that lines of other programs do not come between. Nobody may be there to read it.
        let _ = std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes());
    }
}

/// Prints a line on the standard output.
pub fn say(line: impl Display) {
    let _ = std::io::Write::write_all(&mut anstream::stdout(), format!("{line}\n").as_bytes());
}

/// Prints a JSON value, indented.
pub fn say_json(value: &serde_json::Value) {
    say(format_args!("{value:#}"));
}

/// Shows a path or another foreign text in one line: control characters become escapes, and bytes that are no text
/// the replacement character.
pub fn shown(text: impl AsRef<Path>) -> String {
    let mut line = String::new();
    for letter in text.as_ref().to_string_lossy().chars() {
        if letter.is_control() {
            let _ = write!(line, "{}", letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

/// Shows a word as a shell takes it, for commands that are there to be copied.
pub fn quoted(word: impl AsRef<Path>) -> String {
    let word = shown(word);
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_./:=@%+-,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What a system call says, without the number: "No such file or directory".
pub struct Errno(pub rustix::io::Errno);

impl Display for Errno {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::io::Error::from(self.0).to_string();
        to.write_str(text.split(" (os error").next().unwrap_or(&text))
    }
}
