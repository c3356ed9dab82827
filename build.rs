//! How the library is linked: nothing but libc is needed at run time, and it is never unloaded.

use std::{collections::BTreeSet, env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");

    // std asks the linker for the shared libgcc_s, which costs every process of every host some
    // 100 µs. A linker script of that name, found first, answers with the static unwinder.
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("libgcc_s.so"), "GROUP ( -lgcc_eh -lgcc -lc )\n")?;
    println!("cargo:rustc-link-search=native={}", out.display());

    // dlclose() must not take the code away from under our threads and handlers.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");

    // What the loader writes to begins at a page, and so lies in two pages less, each of which every
    // process would have to copy. LLD does that, GNU ld ignores it; zig refuses it, and is the one
    // linker here that is named.
    if env::var_os("RUSTC_LINKER").is_none() {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,separate-loadable-segments");
    }

    // The program, or another preload, must not be bound to what we call by its C name.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-Bsymbolic");

    // See src/isolation/wrap.rs.
    println!("cargo:rerun-if-changed=src/isolation");
    let is_musl = env::var("CARGO_CFG_TARGET_ENV")? == "musl";
    let mut wrapped = BTreeSet::new();
    for directory in ["src/isolation", "src/isolation/libc"] {
        for file in fs::read_dir(directory)? {
            let path = file?.path();
            if path.is_file() && (is_musl || !path.ends_with("libc/musl.rs")) {
                wrapped.extend(wrapped_in(&fs::read_to_string(path)?));
            }
        }
    }
    for name in wrapped {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap={name}");
    }
    Ok(())
}

/// The functions of a source file that stand in for libc's: the arguments of `wrap!(…)`, and what
/// `system_calls!` lists as `name(…) => SYS_…`.
fn wrapped_in(source: &str) -> Vec<String> {
    let lists = source.split("wrap!(").skip(1);
    let listed = lists.filter_map(|rest| rest.split_once(')'));
    let calls = source.lines().filter_map(|line| {
        let (name, rest) = line.split_once('(')?;
        rest.contains("=> SYS_").then_some(name)
    });
    let names = listed.flat_map(|(names, _)| names.split(',')).chain(calls);
    let is_name = |name: &&str| {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        !name.is_empty() && name.chars().all(is_part)
    };
    names
        .map(str::trim)
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}
