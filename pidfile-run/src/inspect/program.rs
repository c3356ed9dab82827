//! Tells whether a program takes a preloaded library.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::elf::{self, Elf, architecture};
use super::{Inspection, Role, is_called, rights};
use crate::output::{Failure, shown, status};

impl Inspection<'_> {
    /// Looks at an ELF file. `what` is how a message calls it.
    ///
    /// # Errors
    ///
    /// The program would not even start with the library.
    pub(super) fn examine_elf(
        &mut self,
        program: &Path,
        what: &str,
        elf: &Elf,
    ) -> Result<(), Failure> {
        let fail = |why: String| Failure::new(status::NOT_STARTED, what, why);
        let is_command = shown(program) == what;
        let or_name_it = |failure: Failure| {
            if is_command {
                failure
            } else {
                failure.help("or name the program that the script starts (-e NAME)")
            }
        };
        if is_called(program, &["sudo", "doas"]) {
            let name = shown(program.file_name().unwrap_or_default());
            let finding = fail("does not hand on LD_PRELOAD".into());
            self.findings
                .push(finding.help(format_args!("put it first: {name} pidfile-run ... COMMAND")));
            return Ok(());
        }
        if let Some((kind, remedy)) = rights::more_rights(program) {
            let why = format!("is {kind}, so that the loader preloads nothing into it");
            self.findings.push(fail(why).help(remedy));
            return Ok(());
        }
        let Some(loader) = &elf.loader else {
            // The loader itself, as a command: it loads what it is told to.
            let name = program.file_name().unwrap_or_default().as_bytes();
            if self.role == Role::Owner
                && !(name.starts_with(b"ld") && name.windows(3).any(|part| part == b".so"))
            {
                let finding =
                    fail("is a static program, into which nothing can be preloaded".into());
                self.findings
                    .push(or_name_it(finding.help("use a dynamically linked build")));
            }
            return Ok(());
        };
        let libc = libc_of(loader);
        match libc {
            // It would not even start, so that there is nothing to insist on.
            Libc::Musl if !self.library.is_for_musl() => {
                return Err(fail(
                    "is made for musl, and would not start with a library for glibc".into(),
                )
                .help(
                    "use a build for glibc, or install the library for musl (make musl install)",
                ));
            }
            Libc::Missing => {
                let why = format!("needs the loader {}, which is not there", shown(loader));
                let failure = Failure::new(status::NOT_FOUND, what, why);
                return Err(failure.help("install the C library that it was built for"));
            }
            Libc::Musl | Libc::Glibc(_) | Libc::Other => {}
        }
        if self.role == Role::Launcher {
            return Ok(());
        }
        let (is, wanted) = (
            (elf.bits, elf.machine),
            (self.library.elf.bits, self.library.elf.machine),
        );
        let library = shown(&self.library.path);
        if is != wanted {
            let why = format!(
                "is for {}, and {library} for {}",
                architecture(is.0, is.1),
                architecture(wanted.0, wanted.1)
            );
            let help = "name a library that was built for it (--library FILE or LIBPIDFILE=FILE)";
            self.findings.push(or_name_it(fail(why).help(help)));
            return Ok(());
        }
        if self.library.is_for_musl() {
            if matches!(libc, Libc::Musl) {
                self.note(program, what, elf);
            } else {
                let finding = fail(format!("is not made for musl, and {library} is"));
                self.findings
                    .push(or_name_it(finding.help("use a build for musl")));
            }
            return Ok(());
        }
        let Libc::Glibc(offered) = libc else {
            let why = format!(
                "is made for a C library that is not glibc (its loader is {})",
                shown(loader)
            );
            self.findings
                .push(or_name_it(fail(why).help("use a build for glibc")));
            return Ok(());
        };
        let needed = self.library.elf.needs.iter().next_back();
        if let (Some(has), Some(needs)) = (offered, needed)
            && has < *needs
        {
            let why = format!(
                "has glibc {}.{}, and would not start with {library}, which needs {}.{}",
                has.0, has.1, needs.0, needs.1
            );
            return Err(fail(why)
                .help("build the library on this system (make), or on an older one (make dist)"));
        }
        self.note(program, what, elf);
        Ok(())
    }

    fn note(&mut self, program: &Path, what: &str, elf: &Elf) {
        if !elf.starts_through_libc {
            let why =
                "does not start through libc, and may end without it: then the file stays behind";
            self.notes.push(
                Failure::new(0, what, why)
                    .help("look at it after the end: pidfile-run status FILE"),
            );
        }
        if let Some((whose, remedy)) = rights::confined(program) {
            let why = format!("is confined by {whose}");
            self.notes.push(Failure::new(0, what, why).help(remedy));
        }
    }
}

enum Libc {
    /// With the newest version of its symbols, if that is known.
    Glibc(Option<elf::Version>),
    Musl,
    Other,
    Missing,
}

/// Returns whose loader it is.
fn libc_of(loader: &Path) -> Libc {
    if loader
        .file_name()
        .unwrap_or_default()
        .as_bytes()
        .starts_with(b"ld-musl-")
    {
        return Libc::Musl;
    }
    let Ok(real) = fs::canonicalize(loader) else {
        return Libc::Missing;
    };
    if elf::read(&real).is_ok_and(|elf| elf.is_of_glibc) {
        // glibc is one package: its libc lies beside its loader.
        let libc = elf::read(&real.with_file_name("libc.so.6")).ok();
        return Libc::Glibc(libc.and_then(|libc| libc.offers.into_iter().next_back()));
    }
    let bytes = fs::read(&real).unwrap_or_default();
    if bytes.windows(9).any(|part| part == b"musl libc") {
        Libc::Musl
    } else {
        Libc::Other
    }
}
