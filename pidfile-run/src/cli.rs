//! Defines the command line. The parser, the help and the completion are made of what is here; a test holds the manual
//! against it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, ArgGroup, Args, Parser, Subcommand, ValueHint};

use crate::settings::{Seconds, Text};

const ABOUT: &str = "A PID file for any program, by libpidfile(7)";
const USAGE: &str = "\
  pidfile-run -p FILE [OPTION]... [--] COMMAND [ARGUMENT]...
  pidfile-run SUB-COMMAND ...";
const AFTER: &str = "Manual: man pidfile-run, man libpidfile";

/// What `pidfile-run` alone says.
pub const FIRST_STEPS: &str = "\
pidfile-run: no command: what is to be started?
  pidfile-run -p /run/legacy.pid -- COMMAND   start it with a PID file
  pidfile-run status /run/legacy.pid          does it run?
  pidfile-run stop /run/legacy.pid            stop it
  pidfile-run --help                          all of it
";

#[derive(Debug, Parser)]
#[command(
    name = "pidfile-run",
    about = ABOUT,
    override_usage = USAGE,
    after_help = AFTER,
    version = concat!(env!("CARGO_PKG_VERSION"), " (libpidfile)"),
    args_conflicts_with_subcommands = true,
    disable_version_flag = true,
    subcommand_help_heading = "Sub-commands",
    subcommand_value_name = "SUB-COMMAND",
)]
pub struct Cli {
    #[command(subcommand)]
    pub sub: Option<Sub>,
    #[command(flatten)]
    pub start: Start,
    /// Show the version
    #[arg(short = 'V', long, short_alias = 'v', action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub enum Sub {
    /// Does the owner of FILE run? 0: yes, 1: no, 3: no file, 4: not known
    Status(Status),
    /// Delete FILE, and wait until its owner has ended
    Stop(Stop),
    /// Send the owner of FILE a signal: HUP, SIGHUP, 1, RTMIN+3
    Signal(Signal),
    /// Wait until the owner of FILE has ended
    Wait(Wait),
    /// List the PID files below a directory (/run), and who owns them
    List(List),
    /// Say whether COMMAND could have a PID file; start nothing
    Check(Check),
    /// Give a service of systemd a PID file, by a drop-in
    Systemd(Systemd),
}

/// What becomes a setting of the library.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// The PID file (default: PIDFILE_PATH or PIDFILE)
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub pidfile: Option<PathBuf>,
    /// Only the program of this name or path owns the file
    #[arg(short, long, value_name = "NAME", value_hint = ValueHint::ExecutablePath)]
    pub exe: Option<PathBuf>,
    /// Which child may inherit it: auto, fork, off
    #[arg(long, value_name = "HOW", value_parser = words(&["auto", "fork", "off"]), hide_possible_values = true)]
    pub follow: Option<String>,
    /// What a deletion sends the program (TERM)
    #[arg(long, value_name = "NAME", value_parser = Text::signal(), hide_possible_values = true)]
    pub signal: Option<String>,
    /// Then SIGKILL, if it still runs; 0: never
    #[arg(long, value_name = "SECS", value_parser = Text::seconds())]
    pub kill_after: Option<String>,
    /// How it is noticed: auto, inotify, poll, off
    #[arg(long, value_name = "HOW", value_parser = Text::watch(), hide_possible_values = true)]
    pub watch: Option<String>,
    /// No file, no program: for a start that is the default
    #[arg(long)]
    pub strict: bool,
    /// A second process removes the file after SIGKILL
    #[arg(long)]
    pub guard: bool,
    /// Messages: auto, stderr, syslog, off
    #[arg(long, value_name = "WHERE", value_parser = words(&["auto", "stderr", "syslog", "off"]), hide_possible_values = true)]
    pub log: Option<String>,
    /// A line on stderr for whatever happens to the file
    #[arg(long, overrides_with = "log")]
    pub trace: bool,
    /// This libpidfile.so (default: LIBPIDFILE, or its own)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub library: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Start {
    #[command(flatten)]
    pub settings: Settings,
    /// Into the background; return when it has its file
    #[arg(short, long)]
    pub background: bool,
    /// Start COMMAND even if it can have no PID file
    #[arg(short, long)]
    pub force: bool,
    /// The program, and its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments, hide = true)]
    pub command: Vec<OsString>,
}

/// The file of a sub-command: by itself, or after -p as at the start.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("the file").required(true).multiple(false).args(["named", "option"])))]
pub struct FileArg {
    /// The PID file
    #[arg(id = "named", value_name = "FILE", value_hint = ValueHint::FilePath)]
    named: Option<PathBuf>,
    /// The same, as at the start
    #[arg(id = "option", short = 'p', long = "pidfile", value_name = "FILE", value_hint = ValueHint::FilePath)]
    option: Option<PathBuf>,
}

impl FileArg {
    pub fn path(self) -> PathBuf {
        self.named.or(self.option).unwrap_or_default()
    }
}

#[derive(Args, Debug)]
pub struct Status {
    #[command(flatten)]
    pub file: FileArg,
    /// For machines: see the manual
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Stop {
    #[command(flatten)]
    pub file: FileArg,
    /// How long to wait for the end
    #[arg(
        short = 't',
        long = "timeout",
        value_name = "SECONDS",
        default_value = "60"
    )]
    pub seconds: Seconds,
    /// Then send SIGKILL, and wait again
    #[arg(short, long)]
    pub kill: bool,
}

#[derive(Args, Debug)]
pub struct Signal {
    /// HUP, SIGHUP, 1, RTMIN+3
    #[arg(value_name = "NAME", value_parser = Text::signal(), hide_possible_values = true)]
    pub name: String,
    #[command(flatten)]
    pub file: FileArg,
}

#[derive(Args, Debug)]
pub struct Wait {
    #[command(flatten)]
    pub file: FileArg,
    /// How long at most; without it for ever
    #[arg(short = 't', long = "timeout", value_name = "SECONDS")]
    pub seconds: Option<Seconds>,
}

#[derive(Args, Debug)]
pub struct List {
    /// Directories, or PID files
    #[arg(value_name = "DIRECTORY", default_value = "/run", value_hint = ValueHint::DirPath)]
    pub places: Vec<PathBuf>,
    /// For machines: see the manual
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Check {
    #[command(flatten)]
    pub settings: Settings,
    /// For machines: see the manual
    #[arg(long)]
    pub json: bool,
    /// The program, and its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").args(["install", "remove"])))]
pub struct Systemd {
    /// The service
    #[arg(value_name = "UNIT")]
    pub unit: String,
    #[command(flatten)]
    pub settings: Settings,
    /// Where systemd cannot tell: simple, forking, ...
    #[arg(long = "type", value_name = "TYPE", value_parser = words(&[
        "simple", "exec", "forking", "notify", "notify-reload", "dbus", "idle", "oneshot",
    ]), hide_possible_values = true)]
    pub kind: Option<String>,
    /// Write the drop-in to its place, and reload systemd
    #[arg(long)]
    pub install: bool,
    /// Take it away again
    #[arg(long)]
    pub remove: bool,
}

fn words(words: &'static [&'static str]) -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(words.iter().map(PossibleValue::new))
}
