use std::path::Path;
use std::process::Command;

/// Copies a program, a script or a library to where it can be run, and makes the directories on the way.
///
/// Another process makes the copy. Were it open for writing here, a program that another test starts at this moment
/// could inherit the descriptor. Then the kernel would refuse to run the copy ("text file busy").
#[track_caller]
pub fn install(file: &Path, to: &Path, mode: &str) {
    let done = Command::new("install")
        .args(["-D", "-m", mode])
        .arg(file)
        .arg(to)
        .status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "cannot install {}",
        to.display()
    );
}
