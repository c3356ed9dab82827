//! Runs `pidfile-run systemd UNIT`: writes a drop-in that gives a service a PID file.

mod directory;
mod place;
mod unit;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use crate::cli;
use crate::library::Library;
use crate::output::{Failure, quoted, say, shown, status};
use directory::{Directory, directory_for};
use place::{NAME, PLACE, install, remove};
use unit::{full_name, properties, stem};

pub fn run(asked: cli::Systemd, words: &[OsString]) -> Result<u8, Failure> {
    let unit = full_name(&asked.unit)?;
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

/// Returns the LD_PRELOAD in a list like `A=b LD_PRELOAD=libm.so.6 "C=d e"`.
fn preloaded_by(environment: &str) -> Option<&str> {
    let words = environment.split(' ').map(|word| word.trim_matches('"'));
    words
        .filter_map(|word| word.strip_prefix("LD_PRELOAD="))
        .next_back()
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_./:@%+-".contains(letter)
}

/// Writes a value so that it can stand in double quotes after `Environment=`.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}
