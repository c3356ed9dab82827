//! Writes a drop-in to its place, and takes it away again.

use std::fs;
use std::path::{Path, PathBuf};

use super::unit::systemctl;
use crate::output::{Failure, say, shown, status};

/// The name of the drop-in.
pub const NAME: &str = "pidfile.conf";
/// The directory of the units that an administrator makes.
pub const PLACE: &str = "/etc/systemd/system";

/// Returns whether a drop-in was made by this command.
fn is_ours(text: &str, unit: &str) -> bool {
    text.starts_with(&format!("# A PID file for {unit}."))
}

/// Writes the drop-in to its place, and has systemd read it.
pub fn install(unit: &str, drop_in: &Path, text: &str) -> Result<(), Failure> {
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

/// Removes the drop-in, and has systemd forget it.
pub fn remove(unit: &str, drop_in: &Path) -> Result<u8, Failure> {
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

/// Returns why the drop-in cannot be written or removed.
fn not_written(drop_in: &Path, error: &std::io::Error) -> Failure {
    let text = error.to_string();
    let why = text.split(" (os error").next().unwrap_or(&text).to_owned();
    let status = match error.kind() {
        std::io::ErrorKind::PermissionDenied => status::NOT_ALLOWED,
        _ => status::NOT_DONE,
    };
    Failure::new(status, shown(PathBuf::from(drop_in)), why).help("do it as root")
}

/// Has systemd read its units again.
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
