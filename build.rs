//! How the library is linked: nothing but libc is needed at run time, and it is never unloaded.

use std::{env, error::Error, fs, path::PathBuf};

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

    // See src/isolation/heap.rs and src/isolation/wrap.rs.
    let wrapped = [
        "malloc",
        "calloc",
        "realloc",
        "posix_memalign",
        "free",
        "getenv",
        "inotify_add_watch",
        "__cxa_thread_atexit_impl",
    ];
    for name in wrapped {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap={name}");
    }
    Ok(())
}
