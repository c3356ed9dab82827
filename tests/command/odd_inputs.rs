//! The table of odd inputs, `odd_inputs.txt`: what is typed, the exit status, and what is said.

use crate::common::{TestDir, elf, install, library, machine_here, pidfile_run};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const TABLE: &str = include_str!("odd_inputs.txt");

struct Row<'table> {
    line: usize,
    status: i32,
    command: &'table str,
    says: Vec<&'table str>,
}

fn rows() -> Vec<Row<'static>> {
    let lines = TABLE.lines().enumerate();
    let rows = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    rows.map(|(number, line)| {
        let (status, rest) = line.split_once(" ; ").expect(line);
        let (command, says) = rest.rsplit_once(" ;").expect(line);
        let says = says.strip_prefix(' ').unwrap_or(says);
        Row {
            line: number + 1,
            status: status.parse().expect(line),
            command,
            says: says.split(" & ").collect(),
        }
    })
    .collect()
}

/// The programs that the table names.
fn programs(dir: &TestDir) -> PathBuf {
    let directory = dir.path("data/odd");
    let place = |name: &str| directory.join(name);
    let tells = dir.host_path("tells_its_file");
    for name in ["w", "w space", "-dash"] {
        install(&tells, &place(name), "755");
    }
    install(&tells, &place("wnox"), "644");
    install(
        &dir.host_path("waits_for_eof_static"),
        &place("wstatic"),
        "755",
    );
    symlink("w", place("wlink")).unwrap();
    fs::create_dir(place("d")).unwrap();

    let musl = Command::new("musl-gcc")
        .arg("-o")
        .arg(place("wmusl"))
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/c-tests/command/tells_its_file.c"
        ))
        .status();
    assert!(musl.is_ok_and(|status| status.success()), "musl-gcc");

    let loader = Path::new("/bin/sh");
    let other = if machine_here(dir) == 3 { 40 } else { 3 };
    let started = "cat \"$PIDFILE_PATH\" | grep -qx $$ && echo mine\nexit 5\n";
    let whole = fs::read(&tells).unwrap();
    let interpreter = format!("#!{}\n", place("wstatic").display());
    let endless = format!("#!{}\n", place("wloop").display());
    let files: [(&str, Vec<u8>); 15] = [
        ("w32", elf(32, false, other, Some(loader))),
        ("wtrunc", whole[..100].to_vec()),
        ("whalf", whole[..whole.len() / 4].to_vec()),
        ("wempty", Vec::new()),
        ("wtext", b"echo hello\n".to_vec()),
        ("wloop", endless.into_bytes()),
        ("wscript", format!("#!/bin/sh\n{started}").into_bytes()),
        ("wenv", format!("#!/usr/bin/env sh\n{started}").into_bytes()),
        (
            "wenvS",
            format!("#!/usr/bin/env -S sh -u\n{started}").into_bytes(),
        ),
        (
            "wenvi",
            format!("#!/usr/bin/env -iS sh\n{started}").into_bytes(),
        ),
        (
            "wenvword",
            format!("#!/usr/bin/env sh -e\n{started}").into_bytes(),
        ),
        ("wsstatic", interpreter.into_bytes()),
        ("wnoenv", b"#!/usr/bin/env nosuch\n".to_vec()),
        ("wnoint", b"#!/no/such/sh\n".to_vec()),
        ("wcrlf", b"#!/bin/sh\r\necho\r\n".to_vec()),
    ];
    for (name, content) in files {
        let draft = dir.path("data/draft");
        fs::write(&draft, content).unwrap();
        install(&draft, &place(name), "755");
    }
    directory
}

#[test]
fn odd_inputs_have_status_and_message_of_the_table() {
    let dir = TestDir::new();
    let programs = programs(&dir);
    let bin = dir.path("bin");
    symlink(pidfile_run(), bin.join("pidfile-run")).unwrap();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", bin.display());
    let rows = rows();
    assert!(rows.len() >= 60, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let run = dir.path(format!("run/{}", row.line));
        fs::create_dir(&run).unwrap();
        let ended = dir
            .program("/bin/sh")
            .plain()
            .args(["-c", row.command])
            .env("PATH", &path)
            .env("LIBPIDFILE", library())
            .env("L", library())
            .env("R", &run)
            .current_dir(&programs)
            .run();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        let is_said = row.says.iter().all(|part| match part.strip_prefix('!') {
            Some(part) => !said.contains(part),
            None => said.contains(part),
        });
        // A shell may say more of its own.
        if ended.status.code() != Some(row.status) || !is_said || said.contains("panicked") {
            wrong.push(format!(
                "line {}: {}\n{:?}\n{said}",
                row.line, row.command, ended.status
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
