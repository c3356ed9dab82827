//! What is known of the daemons at the end, for a person to read.

use super::daemon::File;
use std::fmt::{self, Display, Formatter};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// What is known of one daemon. Nothing is known at first.
#[derive(Default)]
pub struct Row {
    pub name: &'static str,
    /// Whether the file named the daemon when the launcher had ended.
    pub hand_off: Option<&'static str>,
    pub is_right: bool,
    pub is_right_after_use: bool,
    pub sigterm: Option<End>,
    pub deletion: Option<End>,
}

pub struct End {
    pub status: ExitStatus,
    pub file: File,
}

impl Display for End {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let file = match self.file {
            File::Gone => "gone",
            File::Empty => "empty",
        };
        match self.status.code() {
            Some(code) => write!(f, "exit {code}, {file}"),
            None => write!(f, "signal {}, {file}", self.status.signal().unwrap_or(0)),
        }
    }
}

pub struct Table(pub Vec<Row>);

impl Display for Table {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let mut line = |cells: [&str; 6]| {
            let [
                name,
                hand_off,
                is_right,
                is_right_after_use,
                sigterm,
                deletion,
            ] = cells;
            writeln!(
                f,
                "{name:34} {hand_off:10} {is_right:9} {is_right_after_use:9} {sigterm:16} {deletion}"
            )
        };
        let (yes_or_no, unknown) = (|is| if is { "yes" } else { "NO" }, "-".to_owned());
        line([
            "daemon",
            "hand-off",
            "PID right",
            "after use",
            "SIGTERM",
            "deletion",
        ])?;
        for row in &self.0 {
            let [sigterm, deletion] = [&row.sigterm, &row.deletion]
                .map(|end| end.as_ref().map_or(unknown.clone(), End::to_string));
            line([
                row.name,
                row.hand_off.unwrap_or(&unknown),
                yes_or_no(row.is_right),
                yes_or_no(row.is_right_after_use),
                &sigterm,
                &deletion,
            ])?;
        }
        Ok(())
    }
}
