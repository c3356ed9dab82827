use super::test_dir::TestDir;
use std::fs;
use std::path::Path;

/// What the header of a program for this machine says.
pub fn machine_here(dir: &TestDir) -> u16 {
    let header = fs::read(dir.host_path("waits_for_eof")).unwrap();
    u16::from_le_bytes([header[18], header[19]])
}

/// A program file with a header, and no program: enough to look at.
pub fn elf(bits: u8, big: bool, machine: u16, loader: Option<&Path>) -> Vec<u8> {
    let wide = bits == 64;
    let mut file = vec![0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }];
    file.extend([if big { 2 } else { 1 }, 1]);
    file.resize(16, 0);
    let mut put = |value: u64, size: usize| {
        let bytes = value.to_le_bytes();
        let bytes = bytes[..size].iter().copied();
        if big {
            file.extend(bytes.rev());
        } else {
            file.extend(bytes);
        }
    };
    let (word, header, entry) = if wide { (8, 64, 56) } else { (4, 52, 32) };
    let name = loader.map(|path| format!("{}\0", path.display()));
    // Type, machine, version, entry, place of the program headers, of the section headers, flags.
    for (value, size) in [(2, 2), (u64::from(machine), 2), (1, 4), (0, word)] {
        put(value, size);
    }
    for (value, size) in [(header, word), (0, word), (0, 4), (header, 2)] {
        put(value, size);
    }
    for value in [entry, 2, 0, 0, 0] {
        put(value, 2);
    }
    let place = header + 2 * entry;
    let length = name.as_ref().map_or(0, String::len) as u64;
    // A segment of another kind, then the one with the loader's name.
    for kind in [6, if name.is_some() { 3 } else { 1 }] {
        put(kind, 4);
        if wide {
            put(4, 4);
        }
        for value in [place, 0, 0, length, length] {
            put(value, word);
        }
        if !wide {
            put(4, 4);
        }
        put(1, word);
    }
    assert_eq!(file.len() as u64, place);
    file.extend(name.unwrap_or_default().bytes());
    file
}
