//! What the library is bound to by name, and by whom such a name can be taken.

use crate::common::library;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// All that may be bound to a definition of somebody else's, with a reason each. The list may only shrink: another name
/// could be one that a program has for a function of its own.
const IMPORTS: &[(&str, &str)] = &[
    // Names that C reserves to the implementation: no program may define them.
    (
        "_ITM_deregisterTMCloneTable",
        "weak, of the compiler's start files",
    ),
    (
        "_ITM_registerTMCloneTable",
        "weak, of the compiler's start files",
    ),
    ("__gmon_start__", "weak, of the compiler's start files"),
    ("__cxa_finalize", "of the compiler's start files"),
    ("__cxa_atexit", "libc's list of what to call at exit(3)"),
    ("__environ", "libc's environment"),
    (
        "__errno_location",
        "libc's errno: the host's, which we put back",
    ),
    (
        "__pthread_key_create",
        "tells of the end of the main thread; has the linker name libpthread, where there is one",
    ),
    (
        "__register_atfork",
        "libc's list of what to call at fork(2)",
    ),
    #[cfg(target_arch = "aarch64")]
    (
        "__stack_chk_fail",
        "Debian's Rust for arm64: compiler-builtins, in C",
    ),
    #[cfg(target_arch = "aarch64")]
    (
        "__stack_chk_guard",
        "Debian's Rust for arm64: compiler-builtins, in C",
    ),
    (
        "__tls_get_addr",
        "the compiler's access to variables of a thread",
    ),
    (
        "_dl_find_object",
        "the unwinder: tables of a frame, without a lock",
    ),
    (
        "_r_debug",
        "the loader's list of objects, in which we look up the next definition of what we export",
    ),
];

fn symbols(options: &[&str]) -> Vec<String> {
    let mut nm = Command::new("nm");
    nm.args(["--dynamic", "--format=just-symbols"])
        .args(options);
    let output = nm
        .arg(library())
        .output()
        .expect("nm, from Debian's binutils");
    assert!(output.status.success(), "{output:?}");
    let names = String::from_utf8(output.stdout).unwrap();
    let without_version = |name: &str| name.split('@').next().unwrap().to_owned();
    names.lines().map(without_version).collect()
}

/// Each name is looked up in every process of every host.
const MOST: usize = 14;

#[test]
fn library_imports_only_reserved_names() {
    let allowed = |name: &String| IMPORTS.iter().any(|(known, _)| known == name);
    let imports = symbols(&["--undefined-only"]);
    assert!(imports.len() <= MOST, "{imports:?}");
    let others: Vec<String> = imports.into_iter().filter(|name| !allowed(name)).collect();
    assert!(
        others.is_empty(),
        "could be bound to functions of the host's: {others:?}; stand-ins are in src/isolation/libc"
    );
}

/// A call of ours by a name that we export would go to the definition of a program that has one.
#[test]
fn library_is_not_bound_to_its_own_exports_by_name() {
    let exported = symbols(&["--defined-only"]);
    let output = Command::new("readelf")
        .args(["--wide", "--relocs"])
        .arg(library())
        .output()
        .expect("readelf, from Debian's binutils");
    let relocations = String::from_utf8(output.stdout).unwrap();
    let bound: Vec<&String> = exported
        .iter()
        .filter(|name| {
            let mut words = relocations.split_whitespace();
            words.any(|word| word.split('@').next() == Some(name))
        })
        .collect();
    assert!(bound.is_empty(), "{bound:?}");
}

/// Two kinds of calls, never mixed: what the host has called goes on to the next definition of its name, what we call
/// ourselves goes to the kernel.
#[test]
fn only_hooks_call_next_definitions() {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut others = Vec::new();
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let is_user = fs::read_to_string(&path).unwrap().contains("NextFunction");
            found += usize::from(is_user);
            let is_allowed = path.parent().unwrap().ends_with("src/hooks")
                || path.ends_with("src/sys/function.rs");
            if is_user && !is_allowed {
                others.push(path);
            }
        }
    }
    assert!(found > 1 && others.is_empty(), "{others:?}");
}
