//! Finds out who makes the directory of a service's PID file.

use std::path::Path;

use super::unit::stem;
use crate::output::{Failure, status};

/// Who makes the directory of the file.
pub enum Directory {
    /// The directory is there, or the administrator makes it.
    There,
    /// systemd is to make it, for as long as the service runs.
    Make(String),
    /// The directory belongs to somebody: systemd would remove it with the service.
    Shared(String),
}

/// Returns who makes the directory of `path` for a service that runs as `user`; `made` lists what systemd makes already.
pub fn directory_for(
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
