//! The finished file: what it brings into a process, and what it needs there.

use crate::common::library;
use std::process::Command;

/// The functions of libc that we stand in front of, and nothing else: any other name could be taken for the host's own.
const INTERPOSED: [&str; 43] = [
    "_Exit",
    // By which a second copy in the same process finds the first.
    "__libpidfile",
    "__register_atfork",
    "__sysv_signal",
    "_exit",
    "bsd_signal",
    "capset",
    "daemon",
    "execl",
    "execle",
    "execlp",
    "execv",
    "execve",
    "execveat",
    "execvp",
    "execvpe",
    "fexecve",
    "flock",
    "initgroups",
    "posix_spawn",
    "posix_spawnp",
    "prctl",
    "remove",
    "rename",
    "renameat",
    "setegid",
    "seteuid",
    "setgid",
    "setgroups",
    "setregid",
    "setresgid",
    "setresuid",
    "setreuid",
    "setsid",
    "setuid",
    "sigaction",
    "siginterrupt",
    "signal",
    "sigset",
    "ssignal",
    "sysv_signal",
    "unlink",
    "unlinkat",
];

/// What a tool of binutils says about the library.
fn says(tool: &str, options: &[&str]) -> String {
    let output = Command::new(tool)
        .args(options)
        .arg(library())
        .output()
        .unwrap_or_else(|error| panic!("{tool}, from Debian's binutils: {error}"));
    assert!(output.status.success(), "{tool}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The part in brackets of each line of the dynamic section with this tag.
fn dynamic(tag: &str) -> Vec<String> {
    says("readelf", &["--wide", "--dynamic"])
        .lines()
        .filter(|line| line.contains(tag))
        .map(|line| line.rsplit_once(['[', ':']).expect(tag).1.replace(']', ""))
        .collect()
}

#[test]
fn library_exports_only_interposed_functions() {
    let symbols = says(
        "nm",
        &["--dynamic", "--defined-only", "--format=just-symbols"],
    );
    let mut names: Vec<&str> = symbols.lines().collect();
    names.sort_unstable();
    assert_eq!(names, INTERPOSED);
}

/// Before glibc 2.34, threads and dlopen(3) are in files of their own, and who asks for nothing newer has to name them.
#[test]
fn library_needs_only_libc_and_loader() {
    let mut libc = vec!["libc.so.6"];
    if !says("readelf", &["--wide", "--version-info"]).contains("GLIBC_2.34") {
        libc.extend(["libpthread.so.0", "libdl.so.2"]);
    }
    let needed = dynamic("(NEEDED)");
    assert!(needed.iter().any(|name| name == libc[0]), "{needed:?}");
    let is_expected = |name: &String| libc.contains(&name.as_str()) || name.starts_with("ld-linux");
    assert!(needed.iter().all(is_expected), "{needed:?}");
}

/// Every process of every host maps it, and an image of a container may carry it. It holds the unwinder of the compiler: that of
/// GCC 13 and newer has 10 KiB more.
#[test]
fn library_file_is_small() {
    let size = std::fs::metadata(library()).unwrap().len();
    assert!(size <= 616 * 1024, "{size} bytes");
}

#[test]
fn library_cannot_be_unloaded() {
    let flags = dynamic("(FLAGS_1)").concat();
    assert!(flags.contains("NODELETE"), "{flags}");
}

#[test]
fn library_has_no_writable_code() {
    let segments = says("readelf", &["--wide", "--segments"]);
    assert!(segments.contains("GNU_STACK"), "{segments}");
    assert!(!segments.contains("RWE"), "{segments}");
    assert_eq!(dynamic("(TEXTREL)"), [""; 0]);
}
