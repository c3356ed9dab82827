//! Reads what matters to a preloaded library in an ELF file.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use object::elf::{
    DF_1_PIE, DT_FLAGS_1, DT_VERDEF, DT_VERNEED, ET_DYN, FileHeader32, FileHeader64, PT_DYNAMIC,
    PT_LOAD,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::read::{SectionIndex, StringTable};
use object::{Endianness, ReadCache, ReadRef};

/// A program or a library.
#[derive(Debug, Default)]
pub struct Elf {
    pub bits: u8,
    pub machine: u16,
    /// The loader that it asks for; `None`: it is static, or a library.
    pub loader: Option<PathBuf>,
    pub is_library: bool,
    /// All that is to be loaded is there.
    is_whole: bool,
    /// The versions of glibc's symbols that it asks for: `2.17`.
    pub needs: BTreeSet<Version>,
    /// The versions of glibc's symbols that it has.
    pub offers: BTreeSet<Version>,
    /// Whether it has the private symbols of glibc.
    pub is_of_glibc: bool,
    /// Whether it is started by libc: programs of Go and of bare assembly may not be.
    pub starts_through_libc: bool,
}

pub type Version = (u32, u32);

#[derive(Debug)]
pub enum NotElf {
    /// The file does not begin as an ELF file.
    Other,
    /// The file begins as an ELF file, but not all of it is there.
    Damaged,
}

/// Reads a file. Only the parts that matter are read.
///
/// # Errors
///
/// See [`NotElf`].
pub fn read(path: &Path) -> Result<Elf, NotElf> {
    let file = File::open(path).map_err(|_| NotElf::Other)?;
    let cache = ReadCache::new(file);
    let start = (&cache).read_bytes_at(0, 5).map_err(|()| NotElf::Other)?;
    if !start.starts_with(b"\x7fELF") {
        return Err(NotElf::Other);
    }
    let elf = match start[4] {
        1 => parse::<FileHeader32<Endianness>, _>(&cache, 32),
        _ => parse::<FileHeader64<Endianness>, _>(&cache, 64),
    };
    elf.ok().filter(|elf| elf.is_whole).ok_or(NotElf::Damaged)
}

fn parse<'data, Header, Data>(data: Data, bits: u8) -> object::Result<Elf>
where
    Header: FileHeader<Endian = Endianness>,
    Data: ReadRef<'data>,
    Header: 'data,
{
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let mut elf = Elf {
        bits,
        machine: header.e_machine(endian),
        is_whole: true,
        ..Elf::default()
    };
    let mut is_pie = false;
    let mut has_versions = false;
    for segment in header.program_headers(endian, data)? {
        if let Some(name) = segment.interpreter(endian, data)? {
            elf.loader = Some(std::ffi::OsString::from_vec(name.to_vec()).into());
        }
        if segment.p_type(endian) == PT_LOAD {
            let (from, size) = segment.file_range(endian);
            let end = from.checked_add(size);
            elf.is_whole &= end.is_some_and(|end| data.len().is_ok_and(|length| end <= length));
        }
        if segment.p_type(endian) != PT_DYNAMIC {
            continue;
        }
        for entry in segment.dynamic(endian, data)?.unwrap_or_default() {
            match entry.tag32(endian) {
                Some(DT_FLAGS_1) => {
                    is_pie = entry
                        .val32(endian)
                        .is_some_and(|flags| flags & DF_1_PIE != 0)
                }
                Some(DT_VERNEED | DT_VERDEF) => has_versions = true,
                _ => {}
            }
        }
    }
    elf.is_library = header.e_type(endian) == ET_DYN && !is_pie;
    // Some tools take the section headers away. Then these things are not known, and nothing is said of them.
    elf.starts_through_libc = true;
    if let Ok(sections) = header.sections(endian, data)
        && !sections.is_empty()
    {
        if has_versions {
            let _ = versions::<Header, _>(&mut elf, &sections, endian, data);
        }
        // libc has a loader too, and is no program.
        if elf.loader.is_some() && elf.offers.is_empty() {
            let known = names_libc_start::<Header, _>(&sections, endian, data);
            elf.starts_through_libc = known.ok().flatten().unwrap_or(true);
        }
    }
    Ok(elf)
}

/// Returns whether the dynamic symbols name libc's start; `None` if there are none.
fn names_libc_start<'data, Header, Data>(
    sections: &SectionTable<'data, Header, Data>,
    endian: Endianness,
    data: Data,
) -> object::Result<Option<bool>>
where
    Header: FileHeader<Endian = Endianness>,
    Data: ReadRef<'data>,
{
    let symbols = sections.symbols(endian, data, object::elf::SHT_DYNSYM)?;
    if symbols.is_empty() {
        return Ok(None);
    }
    let names = strings::<Header, _>(sections, symbols.string_section(), endian, data)?;
    let mut symbols = symbols.iter();
    Ok(Some(symbols.any(|symbol| {
        let name = symbol.name(endian, names);
        name.is_ok_and(|name| name == b"__libc_start_main")
    })))
}

fn versions<'data, Header, Data>(
    elf: &mut Elf,
    sections: &SectionTable<'data, Header, Data>,
    endian: Endianness,
    data: Data,
) -> object::Result<()>
where
    Header: FileHeader<Endian = Endianness>,
    Data: ReadRef<'data>,
{
    if let Some((mut needed, link)) = sections.gnu_verneed(endian, data)? {
        let strings = strings::<Header, _>(sections, link, endian, data)?;
        while let Some((_, mut versions)) = needed.next()? {
            while let Some(version) = versions.next()? {
                elf.needs
                    .extend(version.name(endian, strings).ok().and_then(glibc));
            }
        }
    }
    if let Some((mut defined, link)) = sections.gnu_verdef(endian, data)? {
        let strings = strings::<Header, _>(sections, link, endian, data)?;
        while let Some((_, mut names)) = defined.next()? {
            if let Some(name) = names.next()? {
                let name = name.name(endian, strings)?;
                elf.is_of_glibc |= name == b"GLIBC_PRIVATE";
                elf.offers.extend(glibc(name));
            }
        }
    }
    Ok(())
}

/// Reads a table of strings as a whole, and not each where it is asked for.
fn strings<'data, Header, Data>(
    sections: &SectionTable<'data, Header, Data>,
    index: SectionIndex,
    endian: Endianness,
    data: Data,
) -> object::Result<StringTable<'data>>
where
    Header: FileHeader<Endian = Endianness>,
    Data: ReadRef<'data>,
{
    let bytes = sections.section(index)?.data(endian, data)?;
    Ok(StringTable::new(bytes, 0, bytes.len() as u64))
}

/// Parses the name of a version of glibc, such as `GLIBC_2.3.4`.
fn glibc(name: &[u8]) -> Option<Version> {
    let name = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    let mut numbers = name.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Returns what a machine is called.
pub fn architecture(bits: u8, machine: u16) -> String {
    match (bits, machine) {
        (32, 3) => "32-bit x86".into(),
        (32, 62) => "x32".into(),
        (64, 62) => "x86-64".into(),
        (32, 40) => "32-bit ARM".into(),
        (64, 183) => "64-bit ARM".into(),
        (32, 243) => "32-bit RISC-V".into(),
        (64, 243) => "64-bit RISC-V".into(),
        (64, 21) => "64-bit POWER".into(),
        (64, 22) => "s390x".into(),
        _ => format!("another architecture ({bits} bits, machine {machine})"),
    }
}
