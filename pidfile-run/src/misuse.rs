//! Tells what is wrong with a command line.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::output::{Failure, quoted, status};
use crate::signals;

/// Returns the status of a mistake on the command line: 125 where a program was to be started.
fn status_of(words: &[OsString]) -> u8 {
    match words.get(1).and_then(|word| word.to_str()) {
        Some("status") => status::NOT_KNOWN,
        Some("stop" | "signal" | "wait" | "list" | "systemd") => status::USAGE,
        _ => status::NOT_STARTED,
    }
}

/// Says what is wrong with a command line as all other failures are said.
pub fn failure(error: &clap::Error, words: &[OsString]) -> Failure {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg).unwrap_or_default();
    // `--follow <HOW>`, or `[FILE]`
    let option = argument
        .split([' ', '='])
        .next()
        .unwrap_or_default()
        .trim_matches(['[', ']', '<', '>'])
        .to_owned();
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    let sub = words.get(1).and_then(|word| word.to_str());
    let is_sub = sub.is_some_and(|sub| {
        !sub.starts_with('-') && status_of(words) != status::NOT_STARTED || sub == "check"
    });
    let help = if is_sub {
        format!("pidfile-run {} --help", sub.unwrap_or_default())
    } else {
        "pidfile-run --help".to_owned()
    };
    let fail = |what: &str, why: String| Failure::new(status_of(words), what, why);
    let failure = match error.kind() {
        ErrorKind::UnknownArgument if option.starts_with('-') => {
            fail(&option, "no such option".into())
        }
        ErrorKind::UnknownArgument => fail(&argument, "one word too many".into()),
        ErrorKind::InvalidValue if value.is_empty() => fail(&option, "wants a value".into()),
        ErrorKind::InvalidValue => {
            let valid = text(ContextKind::ValidValue).unwrap_or_default();
            fail(
                &format!("{option} {value}"),
                format!("is not one of {valid}"),
            )
        }
        ErrorKind::ValueValidation => {
            use std::error::Error;
            let why = error.source().map(ToString::to_string);
            let why = why.unwrap_or_else(|| first_line(error));
            let what = if option.starts_with('-') {
                format!("{option} {value}")
            } else {
                value
            };
            fail(&what, why)
        }
        ErrorKind::TooManyValues => fail(&option, "takes no value".into()),
        ErrorKind::ArgumentConflict => {
            let other = text(ContextKind::PriorArg).unwrap_or_default();
            let other = other.split([' ', '=']).next().unwrap_or_default();
            match (option.as_str(), other) {
                (one, other) if one == other || other.is_empty() => {
                    fail(one, "is there twice".into())
                }
                (one, other) => fail(one, format!("does not go together with {other}")),
            }
        }
        ErrorKind::MissingRequiredArgument if sub == Some("check") => fail("", "no command".into()),
        ErrorKind::MissingRequiredArgument if sub == Some("systemd") => fail("", "no unit".into()),
        ErrorKind::MissingRequiredArgument if argument.contains("NAME") => {
            fail("", "no signal and no PID file".into())
        }
        ErrorKind::MissingRequiredArgument => fail("", "no PID file".into()),
        _ => fail("", first_line(error)),
    };
    // `signal FILE HUP`
    if let (Some("signal"), Some(file), Some(name)) = (sub, words.get(2), words.get(3))
        && name
            .to_str()
            .is_some_and(|name| signals::number(name).is_some())
    {
        return failure.help(format_args!(
            "pidfile-run signal {} {}",
            quoted(name),
            quoted(file)
        ));
    }
    let failure = match text(ContextKind::SuggestedArg).or(text(ContextKind::SuggestedValue)) {
        Some(similar) => failure.help(format_args!("is it {similar}?")),
        None => failure,
    };
    failure.help(help)
}

/// Returns the first line of what the parser says.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}
