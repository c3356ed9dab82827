//! The packages of `make dist`: what is in them, and that anybody can make the same again.

use crate::common::{TestDir, killed_by, library, pidfile_run};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn dist() -> PathBuf {
    tree().join("target/dist")
}

/// The one file in `target/dist` for a machine that ends so.
pub fn package_for(machine: &str, ending: &str) -> PathBuf {
    let of_debian = match machine {
        "aarch64" => "_arm64.",
        "x86_64" => "_amd64.",
        other => panic!("{other}: there are no packages for it"),
    };
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(ending) && (name.contains(machine) || name.contains(of_debian))
    };
    let found: Vec<PathBuf> = fs::read_dir(dist())
        .expect("`make dist` makes the packages")
        .map(|entry| entry.unwrap().path())
        .filter(is_it)
        .collect();
    assert_eq!(found.len(), 1, "{machine}, {ending}: {found:?}");
    found[0].clone()
}

pub fn package(ending: &str) -> PathBuf {
    package_for(std::env::consts::ARCH, ending)
}

/// What a command prints, which has to succeed.
pub fn says(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn unpack(dir: &TestDir) -> [PathBuf; 2] {
    unpack_for(std::env::consts::ARCH, dir)
}

pub fn unpack_for(machine: &str, dir: &TestDir) -> [PathBuf; 2] {
    let [tarball, deb] = ["tarball", "deb"].map(|name| dir.path("data").join(name));
    fs::create_dir(&tarball).unwrap();
    says(
        Command::new("tar")
            .args(["--extract", "--strip-components=1", "--file"])
            .arg(package_for(machine, ".tar.gz"))
            .arg("--directory")
            .arg(&tarball),
    );
    says(
        Command::new("dpkg-deb")
            .arg("--extract")
            .arg(package_for(machine, ".deb"))
            .arg(&deb),
    );
    [tarball, deb.join("usr")]
}

#[test]
fn packages_hold_what_make_install_installs() {
    let dir = TestDir::new();
    let installed = dir.path("data/installed");
    says(
        without_make(&mut Command::new("make"))
            .arg("install")
            .arg(format!("LIB={}", library().display()))
            .arg(format!("COMMAND={}", pidfile_run().display()))
            .arg("PREFIX=")
            .arg("MUSL_LIB=")
            .arg(format!("DESTDIR={}", installed.display()))
            .current_dir(tree()),
    );
    let [tarball, deb] = unpack(&dir);
    let files = |root: &Path| -> Vec<String> {
        let found = says(
            Command::new("find")
                .args([".", "-type", "f"])
                .current_dir(root),
        );
        found.lines().map(str::to_owned).collect()
    };
    for file in files(&installed) {
        let original = fs::read(installed.join(&file)).unwrap();
        assert!(
            fs::read(tarball.join(&file)).unwrap() == original,
            "tarball: {file}"
        );
        // Debian has its own name for the licence, and wants manual pages compressed.
        if file.ends_with("/LICENSE") {
            let copyright = fs::read(deb.join(file.replace("LICENSE", "copyright"))).unwrap();
            assert!(copyright.starts_with(&original), "deb: {file}");
        } else if file.contains("/man/") {
            assert!(deb.join(format!("{file}.gz")).exists(), "deb: {file}");
        } else {
            let place = file.replace("/site-functions/", "/vendor-completions/");
            let there = fs::read(deb.join(place)).unwrap();
            assert!(
                there == original || there == in_usr(&original),
                "deb: {file}"
            );
        }
    }
    for root in [tarball, deb] {
        let copy = root.join("lib/libpidfile.so");
        let host = dir
            .host("waits_for_eof")
            .env("LD_PRELOAD", &copy)
            .env("PIDFILE", dir.pidfile())
            .spawn_ready();
        assert_eq!(dir.content(), host.pid_line(), "{}", copy.display());
        dir.remove_pidfile();
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    }
}

/// A page, as it is where the library is in /usr/lib.
fn in_usr(page: &[u8]) -> Vec<u8> {
    let page = String::from_utf8_lossy(page);
    page.replace("/usr/local/lib/libpidfile.so", "/usr/lib/libpidfile.so")
        .replace("/usr/local/bin/pidfile-run", "/usr/bin/pidfile-run")
        .into_bytes()
}

/// Somebody follows the page literally.
#[test]
fn package_names_its_files_where_they_are() {
    let dir = TestDir::new();
    let [_, deb] = unpack(&dir);
    let grep = Command::new("grep")
        .args(["-rlE", "/usr/local/(lib/libpidfile.so|bin/pidfile-run)"])
        .arg(deb.join("share"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&grep.stdout), "");
}

#[test]
fn packages_name_every_licence_in_the_library() {
    let crates = says(
        Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--workspace"])
            .args(["--edges", "normal,no-proc-macro"])
            .args(["--prefix", "none", "--format", "{p}"])
            .current_dir(tree()),
    );
    let mut crates: Vec<String> = crates
        .lines()
        // Not ours, which say where they are.
        .filter(|line| !line.contains(" (/"))
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, version)| format!("\n{name} {}\n", version.trim_end_matches(" (*)")))
        .collect();
    crates.push("\nThe Rust standard library, ".into());
    crates.push("\nLLVM libunwind\n".into());
    assert!(crates.len() > 10, "{crates:?}");

    let dir = TestDir::new();
    let [tarball, deb] = unpack(&dir);
    for file in [
        tarball.join("share/doc/libpidfile/THIRD-PARTY-LICENCES"),
        deb.join("share/doc/libpidfile/copyright"),
    ] {
        let text = fs::read_to_string(&file).unwrap();
        for name in &crates {
            assert!(text.contains(name), "{}: {name:?}", file.display());
        }
    }
}

#[test]
fn package_checksums_are_right() {
    let sums = dist().join("SHA256SUMS");
    let checked = says(
        Command::new("sha256sum")
            .args(["--check", "--strict"])
            .arg(&sums)
            .current_dir(sums.parent().unwrap()),
    );
    let packages = fs::read_dir(dist()).unwrap().count() - 1;
    assert_eq!(checked.matches(": OK\n").count(), packages, "{checked}");
}

/// A make of its own, not a part of the one that may have started this test.
fn without_make(command: &mut Command) -> &mut Command {
    for variable in ["MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS"] {
        command.env_remove(variable);
    }
    command
}

/// Another directory, another place for cargo's sources, another umask, language and time zone.
#[test]
fn second_build_makes_the_same_bytes() {
    let dir = TestDir::new();
    let elsewhere = dir.path("data/somewhere else/entirely");
    fs::create_dir_all(elsewhere.join("target/portable")).unwrap();
    says(
        Command::new("sh")
            .args([
                "-c",
                "git ls-files -z | xargs -0 cp --parents -t \"$1\"",
                "sh",
            ])
            .arg(&elsewhere)
            .current_dir(tree()),
    );
    // What is downloaded need not be downloaded again.
    for place in ["target/portable/tools", "target/arm64"] {
        symlink(tree().join(place), elsewhere.join(place)).unwrap();
    }
    let cargo_home = dir.path("data/another cargo home");
    fs::create_dir(&cargo_home).unwrap();
    symlink(
        real_cargo_home().join("registry"),
        cargo_home.join("registry"),
    )
    .unwrap();

    let commit = says(
        Command::new("git")
            .args(["log", "-1", "--format=%ct"])
            .current_dir(tree()),
    );
    says(
        without_make(&mut Command::new("sh"))
            .args(["-c", "umask 077; exec scripts/dist"])
            .current_dir(&elsewhere)
            .env("CARGO_HOME", &cargo_home)
            .env("SOURCE_DATE_EPOCH", commit.trim())
            .env("RUSTFLAGS", "-Cdebuginfo=2")
            .env("LANG", "C.UTF-8")
            .env("TZ", "Asia/Tokyo"),
    );
    let theirs = fs::read_to_string(elsewhere.join("target/dist/SHA256SUMS")).unwrap();
    let ours = fs::read_to_string(dist().join("SHA256SUMS")).unwrap();
    assert_eq!(theirs, ours);
}

fn real_cargo_home() -> PathBuf {
    match std::env::var_os("CARGO_HOME") {
        Some(home) => home.into(),
        None => Path::new(&std::env::var_os("HOME").expect("HOME")).join(".cargo"),
    }
}
