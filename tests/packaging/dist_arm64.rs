//! The packages for arm64, as far as they can be judged on another machine. `make dist` says why there are none.

use crate::common::TestDir;
use crate::dist::{package_for, says, unpack_for};
use crate::dist_portable::runs_on_the_oldest;
use std::path::Path;
use std::process::Command;

const MACHINE: &str = "aarch64";

fn assert_made_for_arm64(file: &Path) {
    let header = says(Command::new("readelf").arg("--file-header").arg(file));
    assert!(header.contains("AArch64"), "{}: {header}", file.display());
    runs_on_the_oldest(file);
}

#[test]
fn arm64_packages_hold_arm64_programs_for_old_glibc() {
    let dir = TestDir::new();
    for root in unpack_for(MACHINE, &dir) {
        assert_made_for_arm64(&root.join("lib/libpidfile.so"));
        assert_made_for_arm64(&root.join("bin/pidfile-run"));
    }
}

#[test]
fn arm64_deb_and_rpm_name_their_architecture() {
    let deb = package_for(MACHINE, ".deb");
    let field = says(
        Command::new("dpkg-deb")
            .arg("--field")
            .arg(deb)
            .arg("Architecture"),
    );
    assert_eq!(field, "arm64\n");
    let rpm = package_for(MACHINE, ".rpm");
    let tag = says(
        Command::new("rpm")
            .args(["-qp", "--queryformat", "%{ARCH}"])
            .arg(rpm),
    );
    assert_eq!(tag, MACHINE);
}

#[test]
fn lintian_finds_nothing_in_the_arm64_package() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--allow-root", "--fail-on", "error,warning"]);
    assert_eq!(says(lintian.arg(package_for(MACHINE, ".deb"))), "");
}
