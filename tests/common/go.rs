//! Programs of Go's runtime, linked to libc as cgo does.

use super::TestDir;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a program of one file, below the project's own directory.
#[track_caller]
pub fn go_program(dir: &TestDir, source: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let program = dir.path("bin").join(source.file_stem().unwrap());
    let built = Command::new("go")
        .args(["build", "-o"])
        .args([&program, &source])
        .env("GOCACHE", dir.path("data/cache"))
        .env("GO111MODULE", "off")
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "go build {}",
        source.display()
    );
    program
}
