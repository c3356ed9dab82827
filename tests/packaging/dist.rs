//! The packages of `make dist`: what is in them, that an old system can use it, and that anybody can make the same again.

use crate::common::{NOTHING, TestDir, killed_by, library, pidfile_run};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// RHEL 7's glibc.
const OLDEST: &str = "2.17";

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The one file in `target/dist` that ends so.
fn package(ending: &str) -> PathBuf {
    let found: Vec<PathBuf> = fs::read_dir(tree().join("target/dist"))
        .expect("`make dist` makes the packages")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    assert_eq!(found.len(), 1, "{ending}: {found:?}");
    found[0].clone()
}

/// What a command prints, which has to succeed.
fn says(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn unpack(dir: &TestDir) -> [PathBuf; 2] {
    let [tarball, deb] = ["tarball", "deb"].map(|name| dir.path("data").join(name));
    fs::create_dir(&tarball).unwrap();
    says(
        Command::new("tar")
            .args(["--extract", "--strip-components=1", "--file"])
            .arg(package(".tar.gz"))
            .arg("--directory")
            .arg(&tarball),
    );
    says(
        Command::new("dpkg-deb")
            .arg("--extract")
            .arg(package(".deb"))
            .arg(&deb),
    );
    [tarball, deb.join("usr")]
}

/// The versions of libc's symbols that a file asks for.
fn versions_needed(file: &Path) -> Vec<String> {
    let said = says(
        Command::new("readelf")
            .args(["--wide", "--version-info"])
            .arg(file),
    );
    let names = said.lines().filter_map(|line| {
        let (_, name) = line.split_once("Name: ")?;
        name.split_whitespace().next().map(str::to_owned)
    });
    names.collect()
}

/// `GLIBC_2.3.4` as numbers. Whatever else is there (`GLIBC_ABI_DT_RELR`, `GLIBC_PRIVATE`), an old libc has not got it.
fn numbers(version: &str) -> Vec<u32> {
    let number = version.strip_prefix("GLIBC_").unwrap_or(version);
    let parts = number.split('.').map(|part| {
        part.parse()
            .unwrap_or_else(|_| panic!("{version} is not a version of glibc"))
    });
    parts.collect()
}

fn runs_on_the_oldest(file: &Path) {
    let needed = versions_needed(file);
    let newest = needed.iter().map(|version| numbers(version)).max();
    let newest = newest.expect("a file that needs libc names versions of it");
    assert!(newest <= numbers(OLDEST), "{}: {needed:?}", file.display());
}

#[test]
fn portable_library_needs_no_newer_glibc() {
    runs_on_the_oldest(&library());
}

/// It is started before each program, and on the same systems.
#[test]
fn portable_command_is_small_and_as_portable() {
    runs_on_the_oldest(&pidfile_run());
    let size = fs::metadata(pidfile_run()).unwrap().len();
    assert!(size < 2 * 1024 * 1024, "{size}");
}

/// Compact relocations need the loader of glibc 2.36; the old hash table is for loaders and tools that know no other.
#[test]
fn portable_library_is_readable_by_old_loader() {
    let dynamic = says(
        Command::new("readelf")
            .args(["--wide", "--dynamic"])
            .arg(library()),
    );
    for tag in ["(HASH)", "(GNU_HASH)", "(RELA)"] {
        assert!(dynamic.contains(tag), "{tag}: {dynamic}");
    }
    assert!(!dynamic.contains("RELR"), "{dynamic}");
}

#[test]
fn portable_library_serves_program_of_oldest_glibc() {
    let dir = TestDir::new();
    let program = dir.path("bin/linked_on_the_oldest");
    let machine = std::env::consts::ARCH;
    says(
        Command::new(tree().join("target/portable/tools/bin/python"))
            .args(["-m", "ziglang", "cc", "-target"])
            .arg(format!("{machine}-linux-gnu.{OLDEST}"))
            .args(["-pthread", "-o"])
            .arg(&program)
            .arg("-I")
            .arg(tree().join("c-tests"))
            .arg(tree().join("c-tests/plain/waits_for_eof.c"))
            .env(
                "ZIG_GLOBAL_CACHE_DIR",
                tree().join("target/portable/cache/zig"),
            ),
    );
    runs_on_the_oldest(&program);
    let host = dir.program(&program).spawn_owner();
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.leftovers(), NOTHING);
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
fn lintian_finds_nothing_in_the_package() {
    let found = says(
        Command::new("lintian")
            .arg("--allow-root")
            .args(["--fail-on", "error,warning"])
            .arg(package(".deb")),
    );
    assert_eq!(found, "");
}

/// What it says of every package that has a library and no soname, or of one that nobody has signed. It knows SUSE's rules
/// for shared libraries alone.
const OF_RPMLINT: [&str; 10] = [
    "executable-in-library-package",
    "invalid-license MIT",
    "manpage-not-compressed bz2",
    "no-changelogname-tag",
    "no-manual-page-for-binary",
    "no-signature",
    "no-soname",
    "no-url-tag",
    "non-versioned-file-in-library-package",
    "outside-libdir-files",
];

#[test]
fn rpmlint_finds_nothing_new_in_the_package() {
    let output = Command::new("rpmlint").arg(package(".rpm")).output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(output.contains(" 1 packages "), "{output}");
    let found = output
        .lines()
        .filter(|line| line.contains(": E: ") || line.contains(": W: "))
        .filter(|line| !OF_RPMLINT.iter().any(|known| line.contains(known)));
    assert_eq!(found.collect::<Vec<_>>(), NOTHING);
}

/// Into a root of its own, without what it depends on.
#[test]
#[ignore = "needs root"]
fn rpm_is_installed_and_removed_without_a_trace() {
    let dir = TestDir::new();
    let root = dir.path("data/root");
    fs::create_dir(&root).unwrap();
    let rpm = |arguments: &[&str]| {
        let mut rpm = Command::new("rpm");
        says(rpm.arg("--root").arg(&root).args(arguments))
    };
    let files = || {
        let mut find = Command::new("find");
        let found = says(find.args(["usr", "-mindepth", "1"]).current_dir(&root));
        let files = found
            .lines()
            .filter(|file| !file.starts_with("usr/lib/sysimage"));
        let mut files: Vec<String> = files.map(str::to_owned).collect();
        files.sort();
        files
    };
    let before = [
        "usr",
        "usr/bin",
        "usr/lib",
        "usr/lib64",
        "usr/share",
        "usr/share/doc",
    ];
    for directory in before {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    rpm(&["--install", "--nodeps", package(".rpm").to_str().unwrap()]);
    let copy = root.join("usr/lib64/libpidfile.so");
    assert!(fs::read(&copy).unwrap() == fs::read(library()).unwrap());
    let page = fs::read_to_string(root.join("usr/share/doc/libpidfile/README.md")).unwrap();
    assert!(page.contains("/usr/lib64/libpidfile.so"), "{page}");
    assert!(!page.contains("/usr/lib/libpidfile.so"), "{page}");
    // The command of the package finds the library of the package.
    let command = root.join("usr/bin/pidfile-run");
    let host = dir
        .program(&command)
        .plain()
        .arg("-p")
        .arg(dir.pidfile())
        .arg("--")
        .arg(dir.host_path("waits_for_eof"))
        .spawn_ready();
    assert_eq!(dir.content(), host.pid_line(), "{}", host.stderr());
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    rpm(&["--erase", "libpidfile"]);
    let left = files();
    let left = left.iter().filter(|file| file.contains("pidfile"));
    assert_eq!(left.collect::<Vec<_>>(), NOTHING);
}

#[test]
fn package_checksums_are_right() {
    let sums = package("SHA256SUMS");
    let checked = says(
        Command::new("sha256sum")
            .args(["--check", "--strict"])
            .arg(&sums)
            .current_dir(sums.parent().unwrap()),
    );
    assert_eq!(checked.matches(": OK\n").count(), 3, "{checked}");
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
    symlink(
        tree().join("target/portable/tools"),
        elsewhere.join("target/portable/tools"),
    )
    .unwrap();
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
    let ours = fs::read_to_string(package("SHA256SUMS")).unwrap();
    assert_eq!(theirs, ours);
}

fn real_cargo_home() -> PathBuf {
    match std::env::var_os("CARGO_HOME") {
        Some(home) => home.into(),
        None => Path::new(&std::env::var_os("HOME").expect("HOME")).join(".cargo"),
    }
}
