//! `pidfile-run`: starts a program with a PID file, and says so beforehand where that cannot work.

mod common;

use common::{
    Host, NOTHING, PIDFILE_RUN, SHELLS, Scene, base_system, exited, killed_by, launcher, library,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// With the file of the scene, up to the command.
fn starter<'scene>(scene: &'scene Scene, shell: &str) -> Host<'scene> {
    launcher(scene, shell)
        .arg("-p")
        .arg(scene.pidfile())
        .arg("--")
}

/// It ends with this status, leaves no file, and says one line that holds all these words.
#[track_caller]
fn refuses(scene: &Scene, host: Host, status: i32, words: &[&str]) {
    let ended = host.run();
    assert_eq!(ended.status, exited(status), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.starts_with("pidfile-run: "), "{ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    assert_eq!(scene.leftovers(), NOTHING);
}

fn environment_of(pid: i32) -> Vec<String> {
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let mut variables: Vec<String> = environment.split_terminator('\0').map(Into::into).collect();
    variables.sort();
    variables
}

fn script(scene: &Scene, name: &str, text: &str) -> PathBuf {
    let draft = scene.path("data").join(name);
    fs::write(&draft, text).unwrap();
    scene.copy(&draft, "755")
}

// ---- what it does for the program ----

#[test]
fn the_program_runs_in_its_place_and_owns_the_file() {
    for shell in SHELLS {
        let scene = Scene::new();
        let mut host = starter(&scene, shell)
            .arg(scene.host_path("waits_for_eof"))
            .spawn();
        host.wait_until_ready();
        assert_eq!(scene.content(), host.pid_line(), "{shell}");
        assert!(!scene.an_outsider_can_lock(), "{shell}");
        let arguments = fs::read(format!("/proc/{}/cmdline", host.pid())).unwrap();
        let expected = format!("{}\0", scene.host_path("waits_for_eof").display());
        assert_eq!(String::from_utf8_lossy(&arguments), expected);
        host.close_stdin();
        let ended = host.wait();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
        assert_eq!(scene.leftovers(), NOTHING);
    }
}

#[test]
fn arguments_output_and_status_are_the_programs() {
    for shell in SHELLS {
        let scene = Scene::new();
        let ended = starter(&scene, shell)
            .args(["printf", "<%s>", "a b", "", "--pidfile", "$x*"])
            .run();
        assert_eq!(ended.stdout, "<a b><><--pidfile><$x*>", "{shell}");
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
        let ended = starter(&scene, shell)
            .arg(scene.host_path("returns_status"))
            .arg("42")
            .run();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(42), ""));
    }
}

/// No file(1), no readelf(1), no getconf(1).
#[test]
fn a_base_system_is_enough() {
    for shell in SHELLS {
        let scene = Scene::new();
        let starter =
            || starter(&scene, &format!("/bin/{shell}")).env("PATH", base_system(&scene, &[]));
        let host = starter().arg(scene.host_path("waits_for_eof_static"));
        refuses(&scene, host, 125, &["static program"]);
        let script = script(
            &scene,
            "service",
            "#!/usr/bin/env sh\necho ready; read -r x\n",
        );
        let host = starter().arg(script).spawn();
        host.wait_until_ready();
        assert_eq!(scene.content(), host.pid_line(), "{shell}");
    }
}

/// Also variables that the launcher has uses of its own for.
#[test]
fn the_environment_is_otherwise_as_it_was() {
    let names = [
        "file",
        "state",
        "pid",
        "library",
        "program",
        "force",
        "sub",
        "rest",
        "directory",
        "unit",
        "bytes",
        "found",
        "status",
        "self",
        "LIBPIDFILE_X",
    ];
    for shell in SHELLS {
        let scene = Scene::new();
        let mut starter = starter(&scene, shell)
            .arg(scene.host_path("waits_for_eof"))
            .env("PWD", scene.path("data"))
            .env("PIDFILE", "/the program's own")
            // bash has these in any case.
            .env("SHLVL", "5")
            .env("_", "x")
            .env("OLDPWD", "/");
        for name in names {
            starter = starter.env(name, "as it was");
        }
        let host = starter.spawn();
        host.wait_until_ready();
        let mut expected = vec![
            "LANG=C.UTF-8".to_owned(),
            "OLDPWD=/".to_owned(),
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            "PIDFILE=/the program's own".to_owned(),
            format!("LD_PRELOAD={}", library().display()),
            format!("LIBPIDFILE={}", library().display()),
            format!("PIDFILE_PATH={}", scene.pidfile().display()),
            format!("PWD={}", scene.path("data").display()),
        ];
        expected.extend(names.map(|name| format!("{name}=as it was")));
        expected.sort();
        let mut environment = environment_of(host.pid());
        environment.retain(|line| !line.starts_with("_=") && !line.starts_with("SHLVL="));
        assert_eq!(environment, expected, "{shell}");
    }
}

#[test]
fn what_is_preloaded_already_stays() {
    for shell in SHELLS {
        let scene = Scene::new();
        let old = "/nowhere/libpidfile.so:libm.so.6 libdl.so.2";
        let host = starter(&scene, shell)
            .arg(scene.host_path("waits_for_eof"))
            .env("LD_PRELOAD", old)
            .spawn();
        host.wait_until_ready();
        let preload = format!("LD_PRELOAD=libm.so.6:libdl.so.2:{}", library().display());
        assert!(environment_of(host.pid()).contains(&preload), "{shell}");
        let maps = fs::read_to_string(format!("/proc/{}/maps", host.pid())).unwrap();
        assert!(maps.contains("libm.so.6"), "{shell}");
        assert_eq!(scene.content(), host.pid_line());
    }
}

#[test]
fn options_are_settings() {
    let options = [
        ("--exe=waits_for_eof", "PIDFILE_EXE=waits_for_eof"),
        ("--follow=off", "PIDFILE_FOLLOW=off"),
        ("--signal=INT", "PIDFILE_SIGNAL=INT"),
        ("--kill-after=2.5", "PIDFILE_KILL_AFTER=2.5"),
        ("--watch=poll:0.1", "PIDFILE_WATCH=poll:0.1"),
        ("--strict", "PIDFILE_STRICT=1"),
        ("--log=syslog", "PIDFILE_LOG=syslog"),
    ];
    for shell in SHELLS {
        let scene = Scene::new();
        for separate in [false, true] {
            let mut starter = launcher(&scene, shell);
            for (option, _) in options {
                let (name, value) = option.split_once('=').unwrap_or((option, ""));
                starter = match separate {
                    true if !value.is_empty() => starter.args([name, value]),
                    _ => starter.arg(option),
                };
            }
            let host = starter
                .arg(format!("--pidfile={}", scene.pidfile().display()))
                .arg(scene.host_path("waits_for_eof"))
                .spawn();
            host.wait_until_ready();
            let environment = environment_of(host.pid());
            for (option, variable) in options {
                assert!(environment.contains(&variable.to_owned()), "{option}");
            }
            assert_eq!(scene.content(), host.pid_line());
        }
    }
}

#[test]
fn a_relative_file_counts_from_the_directory_of_the_start() {
    let scene = Scene::new();
    let script = script(&scene, "moves", "#!/bin/sh\ncd /; exec \"$@\"\n");
    let host = launcher(&scene, "dash")
        .args(["-p", "../run/a.pid", "-e", "waits_for_eof"])
        .arg(script)
        .arg(scene.host_path("waits_for_eof"))
        .spawn();
    host.wait_until_ready();
    assert_eq!(scene.content(), host.pid_line());
}

#[test]
fn with_trace_it_tells_what_happens() {
    let scene = Scene::new();
    let mut host = launcher(&scene, "dash")
        .arg("--trace")
        .arg("-p")
        .arg(scene.pidfile())
        .arg(scene.host_path("waits_for_eof"))
        .spawn();
    host.wait_until_ready();
    let pid = host.pid();
    host.close_stdin();
    let told = host.wait().stderr;
    assert!(told.contains(&format!("names PID {pid} now")), "{told}");
    assert!(told.contains("removed: the program ends"), "{told}");
}

#[test]
fn the_file_may_come_from_the_environment_or_the_command() {
    let scene = Scene::new();
    let path = scene.pidfile();
    let program = scene.host_path("waits_for_eof");
    let starter = || launcher(&scene, "dash").arg(&program);
    for starter in [
        starter().env("PIDFILE", &path),
        starter().env("PIDFILE_PATH", &path),
        starter().args(["-kernel", "pidfile", &format!("{path:?}")]),
    ] {
        let mut host = starter.spawn();
        host.wait_until_ready();
        assert_eq!(scene.content(), host.pid_line());
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0));
    }
    refuses(&scene, starter(), 125, &["no PID file", "-p FILE"]);
}

#[test]
fn wrong_use_is_told_from_the_start() {
    for shell in SHELLS {
        let scene = Scene::new();
        let wrong: [(&[&str], &str); 5] = [
            (&[], "no command"),
            (&["-p"], "-p wants a value"),
            (&["--follow"], "--follow wants a value"),
            (&["--nonsense", "true"], "--nonsense: no such option"),
            (&["-p", "a.pid", "--"], "no command"),
        ];
        for (words, told) in wrong {
            let host = launcher(&scene, shell).args(words);
            refuses(&scene, host, 125, &[told, "pidfile-run"]);
        }
    }
}

#[test]
fn a_command_may_have_the_name_of_a_sub_command() {
    let scene = Scene::new();
    script(&scene, "status", "#!/bin/sh\necho mine\n");
    let path = format!("{}:/usr/bin:/bin", scene.path("bin").display());
    let ended = starter(&scene, "dash")
        .arg("status")
        .env("PATH", path)
        .run();
    assert_eq!((ended.status, ended.stdout.as_str()), (exited(0), "mine\n"));
}

// ---- what it says no to ----

#[test]
fn a_static_program_is_refused() {
    for shell in SHELLS {
        let scene = Scene::new();
        let program = scene.host_path("waits_for_eof_static");
        let host = starter(&scene, shell).arg(&program);
        refuses(&scene, host, 125, &["static program", "--force"]);
    }
}

#[test]
fn with_force_it_is_started_all_the_same() {
    for shell in SHELLS {
        let scene = Scene::new();
        let mut host = launcher(&scene, shell)
            .arg("--force")
            .arg("-p")
            .arg(scene.pidfile())
            .arg(scene.host_path("waits_for_eof_static"))
            .spawn();
        host.wait_until_ready();
        assert_eq!(scene.leftovers(), NOTHING);
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0));
        assert!(ended.stderr.contains("static program"), "{}", ended.stderr);
    }
}

/// A launcher may be anything that hands on the environment.
#[test]
fn a_static_launcher_is_fine_where_another_program_is_named() {
    let scene = Scene::new();
    let host = launcher(&scene, "dash")
        .args(["-e", "waits_for_eof", "-p"])
        .arg(scene.pidfile())
        .arg(scene.host_path("waits_for_eof_static"))
        .spawn();
    host.wait_until_ready();
    let host = launcher(&scene, "dash")
        .args(["-e", "waits_for_eof_static", "-p"])
        .arg(scene.pidfile())
        .arg(scene.host_path("waits_for_eof_static"));
    refuses(&scene, host, 125, &["static program"]);
    let host = launcher(&scene, "dash")
        .arg("-e")
        .arg(scene.host_path("waits_for_eof_static"))
        .arg("-p")
        .arg(scene.pidfile())
        .args(["sh", "-c", "exec \"$PIDFILE_EXE\""]);
    refuses(&scene, host, 125, &["static program"]);
}

#[test]
fn a_musl_program_is_refused_in_any_case() {
    for shell in SHELLS {
        let scene = Scene::new();
        let program = musl_program(&scene);
        // So it is without us: the loader does not find the C library that ours needs.
        let naked = scene.program(&program).run();
        assert_ne!(naked.status, exited(0), "{naked:?}");
        assert_eq!(scene.program(&program).plain().run().status, exited(0));

        for force in ["--strict", "--force"] {
            let host = launcher(&scene, shell)
                .arg(force)
                .arg("-p")
                .arg(scene.pidfile())
                .arg(&program);
            refuses(&scene, host, 125, &["musl", "build for glibc"]);
        }
        let script = script(&scene, "script", &format!("#!{}\n", program.display()));
        let host = starter(&scene, shell).arg(script);
        refuses(&scene, host, 125, &["script: its interpreter", "musl"]);
    }
}

fn musl_program(scene: &Scene) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/c-tests/returns_status.c");
    let program = scene.path("bin/for_musl");
    let built = Command::new("musl-gcc")
        .arg("-o")
        .arg(&program)
        .arg(source)
        .status();
    assert!(built.is_ok_and(|status| status.success()), "musl-gcc");
    program
}

/// As nobody, who may read copies of the launcher and the library. `before` is what runs the shell.
fn as_nobody<'scene>(scene: &'scene Scene, before: &[&str], shell: &str) -> Host<'scene> {
    let script = scene.copy(Path::new(PIDFILE_RUN), "755");
    let library = scene.copy(&library(), "755");
    chown(scene.path("run"), Some(65534), None).unwrap();
    let words: Vec<&str> = before.iter().copied().chain(shell.split(' ')).collect();
    scene
        .program(words[0])
        .args(&words[1..])
        .arg(script)
        .plain()
        .env("LIBPIDFILE", library)
        .arg("-p")
        .arg(scene.pidfile())
        .run_by_nobody()
}

#[test]
fn a_setuid_or_setgid_program_is_refused() {
    for shell in SHELLS {
        for (mode, kind, remedy) in [
            ("4755", "setuid", "run it as its owner (user ID 0)"),
            ("2755", "setgid", "(group ID 0)"),
        ] {
            let scene = Scene::new();
            let program = scene.copy(&scene.host_path("returns_status"), mode);
            let host = as_nobody(&scene, &[], shell).arg(&program).arg("9");
            refuses(&scene, host, 125, &[kind, remedy, "--force"]);
            // Where nobody may gain rights the kernel ignores the bits.
            let host = as_nobody(&scene, &["setpriv", "--no-new-privs"], shell);
            let ended = host.arg(&program).arg("9").run();
            assert_eq!((ended.status, ended.stderr.as_str()), (exited(9), ""));
            assert!(scene.directory_has_changed(), "there was a PID file");
        }
    }
}

/// It is not secure mode for whoever has these rights already.
#[test]
fn the_owner_of_a_setuid_program_may_start_it() {
    let scene = Scene::new();
    let program = scene.copy(&scene.host_path("waits_for_eof"), "6755");
    let host = starter(&scene, "dash").arg(&program).spawn();
    host.wait_until_ready();
    assert_eq!(scene.content(), host.pid_line());
}

#[test]
fn a_program_with_capabilities_is_refused() {
    let scene = Scene::new();
    let program = scene.copy(&scene.host_path("waits_for_eof"), "755");
    let set = Command::new("setcap")
        .arg("cap_net_bind_service=ep")
        .arg(&program)
        .status();
    assert!(set.is_ok_and(|status| status.success()), "setcap");
    for shell in SHELLS {
        for path in [
            "/usr/sbin:/usr/bin:/sbin:/bin",
            // Where there is no getcap.
            base_system(&scene, &["tar"]).to_str().unwrap(),
        ] {
            let host = as_nobody(&scene, &[], &format!("/bin/{shell}"))
                .arg(&program)
                .env("PATH", path);
            refuses(&scene, host, 125, &["file capabilities", "setcap -r"]);
        }
    }
    // Root has them without, and so it is not secure mode.
    let host = starter(&scene, "dash").arg(&program).spawn();
    host.wait_until_ready();
    assert_eq!(scene.content(), host.pid_line());
}

#[test]
fn a_program_for_another_architecture_is_refused() {
    let scene = Scene::new();
    let loader = scene.copy(&loader(), "755");
    for (bits, big, machine, name) in [
        (32, false, 3, "32-bit x86"),
        (32, false, 40, "32-bit ARM"),
        (64, true, 22, "s390x"),
        (64, false, 258, "another architecture"),
    ] {
        let program = executable(&scene, &elf(bits, big, machine, Some(&loader)));
        for shell in SHELLS {
            let host = starter(&scene, shell).arg(&program);
            refuses(&scene, host, 125, &[name, "--library", "--force"]);
        }
        let program = executable(&scene, &elf(bits, big, machine, None));
        let host = starter(&scene, "dash").arg(&program);
        refuses(&scene, host, 125, &["static program"]);
        let program = executable(
            &scene,
            &elf(bits, big, machine, Some(Path::new("/no/ld.so"))),
        );
        let host = starter(&scene, "dash").arg(&program);
        refuses(&scene, host, 127, &["/no/ld.so", "install"]);
    }
}

#[test]
fn a_program_for_another_c_library_is_refused() {
    let scene = Scene::new();
    let loader = script(&scene, "linker64", "not the one of glibc\n");
    let program = executable(&scene, &elf(64, false, machine_here(&scene), Some(&loader)));
    for shell in SHELLS {
        let host = starter(&scene, shell).arg(&program);
        refuses(&scene, host, 125, &["linker64", "build for glibc"]);
    }
}

/// The loader of the programs here.
fn loader() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| path.contains("/ld-"))
        .expect("this test has a loader");
    path.into()
}

fn machine_here(scene: &Scene) -> u16 {
    let header = fs::read(scene.host_path("waits_for_eof")).unwrap();
    u16::from_le_bytes([header[18], header[19]])
}

/// A program file with a header, and no program: enough to look at.
fn elf(bits: u8, big: bool, machine: u16, loader: Option<&Path>) -> Vec<u8> {
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

fn executable(scene: &Scene, bytes: &[u8]) -> PathBuf {
    let draft = scene.path("data/made");
    fs::write(&draft, bytes).unwrap();
    scene.copy(&draft, "755")
}

#[test]
fn a_script_is_what_its_interpreter_is() {
    for shell in SHELLS {
        let scene = Scene::new();
        let path = format!("{}:/usr/bin:/bin", scene.path("bin").display());
        let program = scene.copy(&scene.host_path("waits_for_eof_static"), "755");
        let direct = format!("#!{}\n", program.display());
        let nested = format!("#!{}\n", scene.path("bin/direct").display());
        for (name, text) in [
            ("direct", direct.as_str()),
            ("nested", nested.as_str()),
            ("by_env", "#! /usr/bin/env waits_for_eof_static\n"),
            (
                "by_env_s",
                "#!/usr/bin/env -S x=y waits_for_eof_static -x\n",
            ),
        ] {
            let script = script(&scene, name, text);
            let host = starter(&scene, shell).arg(script).env("PATH", &path);
            let words = ["its interpreter", "static program", "-e NAME"];
            refuses(&scene, host, 125, &words);
        }
    }
}

#[test]
fn a_script_owns_the_file_by_its_interpreter() {
    for (name, line) in [
        ("sh", "#!/bin/sh"),
        ("bash", "#!/usr/bin/env bash"),
        ("busybox", "#!/bin/busybox sh"),
        ("dash", "#! /usr/bin/env -S dash -u"),
    ] {
        let scene = Scene::new();
        let script = script(&scene, name, &format!("{line}\necho ready\nread -r x\n"));
        let mut host = starter(&scene, "dash").arg(script).spawn();
        host.wait_until_ready();
        assert_eq!(scene.content(), host.pid_line(), "{line}");
        host.write_stdin(b"\n");
        assert_eq!(host.wait().status, exited(0), "{line}");
    }
}

#[test]
fn a_script_that_cannot_start_is_refused() {
    let scene = Scene::new();
    let endless = format!("#!{}\n", scene.path("bin/endless").display());
    for (name, text, status, words) in [
        ("gone", "#!/no/such/sh\n", 127, "/no/such/sh is not there"),
        ("no_env", "#!/usr/bin/env no-such\n", 127, "not on the PATH"),
        ("windows", "#!/bin/sh\r\necho\r\n", 127, "sed -i"),
        ("endless", endless.as_str(), 126, "without end"),
        ("plain", "echo\n", 126, "/bin/sh "),
        ("empty", "", 126, "/bin/sh "),
    ] {
        let script = script(&scene, name, text);
        for shell in SHELLS {
            refuses(
                &scene,
                starter(&scene, shell).arg(&script),
                status,
                &[words],
            );
        }
    }
}

#[test]
fn what_is_no_program_is_refused() {
    let scene = Scene::new();
    let data = scene.copy(&scene.host_path("waits_for_eof"), "644");
    for (command, status, words) in [
        (Path::new("no-such-program"), 127, "on the PATH"),
        (Path::new("./no-such-program"), 127, "look at the path"),
        (&scene.path("bin"), 126, "is a directory"),
        (&data, 126, "chmod a+x"),
    ] {
        for shell in SHELLS {
            let host = starter(&scene, shell).arg(command);
            refuses(&scene, host, status, &[words]);
        }
    }
}

#[test]
fn sudo_is_refused() {
    let scene = Scene::new();
    let host = starter(&scene, "dash").args(["sudo", "true"]);
    refuses(&scene, host, 125, &["sudo pidfile-run"]);
}

// ---- the library ----

#[test]
fn a_library_that_cannot_be_preloaded_is_told() {
    let scene = Scene::new();
    let spaced = scene.path("data/a b");
    fs::create_dir(&spaced).unwrap();
    fs::copy(library(), spaced.join("libpidfile.so")).unwrap();
    let colon = scene.path("data/a:b.so");
    fs::copy(library(), &colon).unwrap();
    let text = scene.path("data/text.so");
    fs::write(&text, "text").unwrap();
    for (library, words) in [
        (spaced.join("libpidfile.so"), "space, a colon"),
        (colon, "space, a colon"),
        (text, "is no library"),
        (scene.path("data/none.so"), "no such library"),
    ] {
        for shell in SHELLS {
            let host = starter(&scene, shell)
                .arg("true")
                .env("LIBPIDFILE", &library);
            refuses(&scene, host, 125, &[words, "LIBPIDFILE=FILE"]);
        }
    }
}

#[test]
fn a_library_for_a_newer_glibc_is_refused() {
    let scene = Scene::new();
    let mut bytes = fs::read(library()).unwrap();
    let mut newer = 0;
    for at in 0..bytes.len() - 11 {
        if bytes[at..].starts_with(b"GLIBC_2.") && bytes[at + 10] == 0 {
            bytes[at + 8..at + 10].copy_from_slice(b"99");
            newer += 1;
        }
    }
    assert!(newer > 0, "the library says which glibc it needs");
    let library = scene.path("data/libpidfile.so");
    fs::write(&library, bytes).unwrap();
    for shell in SHELLS {
        for force in ["--strict", "--force"] {
            let host = launcher(&scene, shell)
                .env("LIBPIDFILE", &library)
                .arg(force)
                .arg("-p")
                .arg(scene.pidfile())
                .arg(scene.host_path("waits_for_eof"));
            refuses(&scene, host, 125, &["has glibc 2.", "needs 2.99", "(make)"]);
        }
        let host = starter(&scene, &format!("/bin/{shell}"))
            .env("LIBPIDFILE", &library)
            .arg(scene.host_path("waits_for_eof"))
            .env("PATH", base_system(&scene, &[]));
        refuses(&scene, host, 125, &["has glibc 2.", "needs 2.99"]);
    }
}

/// Their loaders do not say which glibc they belong to. Something else does.
#[test]
fn on_an_old_system_the_library_is_refused() {
    for (name, says) in [
        ("getconf", "echo glibc 2.5"),
        ("ldd", "echo 'ldd (GNU libc) 2.5'; echo 'Copyright 2.99'"),
    ] {
        let scene = Scene::new();
        let loader = script(&scene, "ld.so", "#!/bin/sh\n# GLIBC_PRIVATE\nexit 127\n");
        let program = executable(&scene, &elf(64, false, machine_here(&scene), Some(&loader)));
        script(&scene, name, &format!("#!/bin/sh\n{says}\n"));
        let base = base_system(&scene, &[]);
        let path = format!("{}:{}", scene.path("bin").display(), base.display());
        for shell in SHELLS {
            let host = starter(&scene, &format!("/bin/{shell}"))
                .arg(&program)
                .env("PATH", &path);
            refuses(&scene, host, 125, &["has glibc 2.5,", "(make)"]);
        }
    }
}

#[test]
fn it_finds_the_library_that_came_with_it() {
    let scene = Scene::new();
    let root = scene.path("data/root");
    for (script, library_at) in [
        ("usr/local/bin/pidfile-run", "usr/local/lib/libpidfile.so"),
        (
            "usr/bin/pidfile-run",
            "usr/lib/x86_64-linux-gnu/libpidfile.so",
        ),
        ("opt/bin/pidfile-run", "opt/lib64/libpidfile.so"),
        (
            "src/scripts/pidfile-run",
            "src/target/release/libpidfile.so",
        ),
    ] {
        for (from, to) in [(Path::new(PIDFILE_RUN), script), (&library(), library_at)] {
            fs::create_dir_all(root.join(to).parent().unwrap()).unwrap();
            let done = Command::new("install")
                .arg(from)
                .arg(root.join(to))
                .status();
            assert!(done.unwrap().success());
        }
        if script.starts_with("src") {
            fs::write(root.join("src/Cargo.toml"), "").unwrap();
        }
        let link = scene.path("bin").join(script.replace('/', "-"));
        symlink(root.join(script), &link).unwrap();
        for command in [root.join(script), link] {
            let ended = scene
                .program(command)
                .plain()
                .arg("-p")
                .arg(scene.pidfile())
                .args(["sh", "-c", "echo \"$LD_PRELOAD\""])
                .run();
            let expected = format!("{}\n", root.join(library_at).display());
            assert_eq!((ended.stdout, ended.stderr), (expected, String::new()));
        }
    }
}

#[test]
fn what_is_installed_works() {
    let scene = Scene::new();
    let root = scene.path("data/root");
    let installed = Command::new("make")
        .args([
            "--silent",
            "--no-print-directory",
            "install",
            "PREFIX=/opt/x",
        ])
        .arg(format!("DESTDIR={}", root.display()))
        .arg(format!("LIB={}", library().display()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(installed.status.success(), "{installed:?}");
    for (file, mode) in [
        ("bin/pidfile-run", 0o755),
        ("lib/libpidfile.so", 0o644),
        ("share/man/man1/pidfile-run.1", 0o644),
        ("share/man/man7/libpidfile.7", 0o644),
        ("share/bash-completion/completions/pidfile-run", 0o644),
    ] {
        let path = root.join("opt/x").join(file);
        let metadata = fs::metadata(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{file}");
    }
    let host = scene
        .program(root.join("opt/x/bin/pidfile-run"))
        .plain()
        .arg("-p")
        .arg(scene.pidfile())
        .arg(scene.host_path("waits_for_signal"))
        .spawn();
    host.wait_until_ready();
    assert_eq!(scene.content(), host.pid_line());
    host.signal(libc::SIGTERM);
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}
