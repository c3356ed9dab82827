//! `pidfile-run systemd UNIT`: a drop-in that gives a service a PID file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli;
use crate::library::Library;
use crate::output::{Failure, quoted, say, shown, status};

const NAME: &str = "pidfile.conf";
const PLACE: &str = "/etc/systemd/system";
const OTHER_KINDS: [&str; 7] = [
    "socket", "timer", "target", "path", "mount", "slice", "scope",
];

pub fn run(asked: cli::Systemd, words: &[OsString]) -> Result<u8, Failure> {
    let unit = unit(&asked.unit)?;
    let drop_in = Path::new(PLACE).join(format!("{unit}.d")).join(NAME);
    if asked.remove {
        return remove(&unit, &drop_in);
    }
    let text = drop_in_for(&unit, &asked, words)?;
    if asked.install {
        install(&unit, &drop_in, &text)?;
    } else {
        say(text.trim_end());
    }
    Ok(status::DONE)
}

fn unit(name: &str) -> Result<String, Failure> {
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

fn drop_in_for(unit: &str, asked: &cli::Systemd, words: &[OsString]) -> Result<String, Failure> {
    let settings = &asked.settings;
    let usage = |what: &str, why: &str| Failure::new(status::USAGE, what, why);
    let Some(path) = settings
        .pidfile
        .as_ref()
        .map(|path| path.to_string_lossy().into_owned())
    else {
        return Err(usage("", "no PID file").help("pidfile-run systemd UNIT --pidfile FILE"));
    };
    if !path.starts_with('/') {
        let help = format!("--pidfile /run/{}/{path}", stem(unit));
        return Err(usage(
            &shown(&path),
            "a service has no current directory that this could count from",
        )
        .help(help));
    }
    if path.contains(char::is_control) {
        return Err(usage(&shown(&path), "has a control character in it").help("name another file"));
    }
    let library = Library::find(settings.library.as_deref())?;
    let service = properties(unit);
    let property = |name: &str| service.get(name).map(String::as_str).unwrap_or_default();
    let kind = match &asked.kind {
        Some(kind) => kind.as_str(),
        None if property("LoadState") == "loaded" => property("Type"),
        None => {
            return Err(
                Failure::new(status::NOT_DONE, unit, "systemd here does not know it")
                    .help("look at the name: systemctl list-unit-files")
                    .help("or say what it is: --type simple"),
            );
        }
    };
    let user = Some(property("User")).filter(|user| !matches!(*user, "" | "root" | "0"));
    let directory = directory_for(unit, &path, user, property("RuntimeDirectory"))?;

    let mut text = format!(
        "# A PID file for {unit}. To put this in its place, as root:\n\
         #   mkdir -p {PLACE}/{unit}.d\n\
         #   pidfile-run{} >{PLACE}/{unit}.d/{NAME}\n\
         #   systemctl daemon-reload && systemctl restart {unit}\n\
         [Service]\n",
        words[1..]
            .iter()
            .filter(|word| *word != "--install")
            .map(|word| format!(" {}", quoted(word)))
            .collect::<String>()
    );
    match directory {
        Directory::Make(name) if name.chars().all(is_plain) => {
            let _ = writeln!(text, "RuntimeDirectory={name}");
        }
        // A list: a space needs quotes.
        Directory::Make(name) => {
            let _ = writeln!(text, "RuntimeDirectory=\"{}\"", escaped(&name));
        }
        Directory::Shared(name) => {
            let user = user.unwrap_or("the user of the service");
            let _ = writeln!(
                text,
                "# /run/{name} is there already: {user} must be able to write in it."
            );
        }
        Directory::There => {}
    }
    let preloaded = preloaded_by(property("Environment"));
    let mut set = |name: &str, value: &str| {
        let _ = writeln!(text, "Environment=\"{name}={}\"", escaped(value));
    };
    set(
        "LD_PRELOAD",
        &library
            .preload(preloaded.map(AsRef::as_ref))
            .to_string_lossy(),
    );
    for (name, value) in settings.variables()? {
        set(name, &value.to_string_lossy());
    }
    // It has to be told who is the service, and reads it there.
    if kind == "forking" {
        let _ = writeln!(text, "PIDFile={path}");
    }
    Ok(text)
}

enum Directory {
    There,
    /// systemd is to make it, for as long as the service runs.
    Make(String),
    /// It belongs to somebody: systemd would remove it with the service.
    Shared(String),
}

fn directory_for(
    unit: &str,
    path: &str,
    user: Option<&str>,
    made: &str,
) -> Result<Directory, Failure> {
    let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
    let below_run = directory.strip_prefix("/var").unwrap_or(directory);
    if let Some(name) = below_run.strip_prefix("/run/") {
        let is_made = made.split(' ').any(|made| made == name);
        return Ok(if !is_made && Path::new("/run").join(name).is_dir() {
            Directory::Shared(name.to_owned())
        } else {
            Directory::Make(name.to_owned())
        });
    }
    match user {
        Some(user) if below_run == "/run" => {
            let why = format!("{unit} runs as {user}, who may not create it");
            let help = format!(
                "take --pidfile /run/{}/{file}, for which systemd makes the directory",
                stem(unit)
            );
            Err(Failure::new(status::NOT_DONE, path, why).help(help))
        }
        _ => Ok(Directory::There),
    }
}

fn stem(unit: &str) -> &str {
    unit.strip_suffix(".service").unwrap_or(unit)
}

/// What systemd knows of the unit; nothing where it does not run.
fn properties(unit: &str) -> HashMap<String, String> {
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

/// Runs systemctl(1), which is nobody's owner.
fn systemctl(words: &[&str]) -> std::io::Result<std::process::Output> {
    Command::new("systemctl")
        .args(words)
        .env_remove("LD_PRELOAD")
        .stdin(Stdio::null())
        .output()
}

/// `A=b LD_PRELOAD=libm.so.6 "C=d e"`
fn preloaded_by(environment: &str) -> Option<&str> {
    let words = environment.split(' ').map(|word| word.trim_matches('"'));
    words
        .filter_map(|word| word.strip_prefix("LD_PRELOAD="))
        .next_back()
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_./:@%+-".contains(letter)
}

/// A value inside of double quotes, for Environment=.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Whether a drop-in is one of these.
fn is_ours(text: &str, unit: &str) -> bool {
    text.starts_with(&format!("# A PID file for {unit}."))
}

fn install(unit: &str, drop_in: &Path, text: &str) -> Result<(), Failure> {
    match fs::read_to_string(drop_in) {
        Ok(present) if !is_ours(&present, unit) => {
            let failure = Failure::new(
                status::NOT_DONE,
                shown(drop_in),
                "is there, and was made by somebody else",
            );
            return Err(failure.help("look at it, and move it out of the way"));
        }
        _ => {}
    }
    let directory = drop_in.parent().unwrap_or(Path::new(PLACE));
    let draft = directory.join(format!(".{NAME}.new"));
    let written = fs::create_dir_all(directory)
        .and_then(|()| fs::write(&draft, text))
        .and_then(|()| fs::rename(&draft, drop_in));
    written.map_err(|error| {
        let _ = fs::remove_file(&draft);
        not_written(drop_in, &error)
    })?;
    reload(drop_in)?;
    say(format_args!(
        "{}: written; now: systemctl restart {unit}",
        shown(drop_in)
    ));
    Ok(())
}

fn remove(unit: &str, drop_in: &Path) -> Result<u8, Failure> {
    match fs::read_to_string(drop_in) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            say(format_args!("{}: there is none", shown(drop_in)));
            return Ok(status::DONE);
        }
        Err(error) => return Err(not_written(drop_in, &error)),
        Ok(present) if !is_ours(&present, unit) => {
            let failure = Failure::new(
                status::NOT_DONE,
                shown(drop_in),
                "was made by somebody else, and is left alone",
            );
            return Err(failure.help("look at it"));
        }
        Ok(_) => fs::remove_file(drop_in).map_err(|error| not_written(drop_in, &error))?,
    }
    if let Some(directory) = drop_in.parent() {
        // It stays where there is more in it.
        let _ = fs::remove_dir(directory);
    }
    reload(drop_in)?;
    say(format_args!(
        "{}: removed; now: systemctl restart {unit}",
        shown(drop_in)
    ));
    Ok(status::DONE)
}

fn not_written(drop_in: &Path, error: &std::io::Error) -> Failure {
    let text = error.to_string();
    let why = text.split(" (os error").next().unwrap_or(&text).to_owned();
    let status = match error.kind() {
        std::io::ErrorKind::PermissionDenied => status::NOT_ALLOWED,
        _ => status::NOT_DONE,
    };
    Failure::new(status, shown(PathBuf::from(drop_in)), why).help("do it as root")
}

fn reload(drop_in: &Path) -> Result<(), Failure> {
    match systemctl(&["daemon-reload"]) {
        Ok(done) if done.status.success() => Ok(()),
        // On a machine that builds images.
        _ => {
            Failure::new(
                0,
                shown(drop_in),
                "is changed, and systemd does not know yet",
            )
            .help("systemctl daemon-reload")
            .tell_as_note();
            Ok(())
        }
    }
}
