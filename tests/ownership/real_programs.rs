//! The main job, on programs that people run. The PID is right, deleting the file ends the program the way SIGTERM
//! does, and the file is gone after every end.

use crate::common::{Children, HostCommand, NGINX, NOTHING, Process, TestDir, children_of};
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Starts a program and waits until it does its work.
fn start(host: HostCommand, is_up: impl Fn(&Process) -> bool) -> Process {
    let process = host.spawn();
    process.wait_until(is_up, "up");
    process
}

fn has_the_main_job_done(
    host: impl Fn(&TestDir) -> HostCommand<'_>,
    is_up: impl Fn(&TestDir, &Process) -> bool,
) {
    let dir = TestDir::new();
    let plain = start(host(&dir).plain(), |process| is_up(&dir, process));
    plain.signal(libc::SIGTERM);
    let as_usual = plain.wait().status;

    let dir = TestDir::new();
    let active = start(host(&dir), |process| is_up(&dir, process));
    assert_eq!(dir.content(), active.pid_line());
    active.signal(libc::SIGTERM);
    let ended = active.wait();
    assert_eq!(ended.status, as_usual, "after SIGTERM: {ended:?}");
    assert_eq!(dir.leftovers(), NOTHING, "after SIGTERM");

    let dir = TestDir::new();
    let active = start(host(&dir), |process| is_up(&dir, process));
    assert_eq!(dir.content(), active.pid_line());
    dir.remove_pidfile();
    let ended = active.wait();
    assert_eq!(ended.status, as_usual, "after the deletion: {ended:?}");
    assert_eq!(dir.leftovers(), NOTHING, "after the deletion");

    let dir = TestDir::new();
    let active = start(host(&dir), |process| is_up(&dir, process));
    assert!(!dir.an_outsider_can_lock());
    let children = Children::of(active.pid());
    active.signal(libc::SIGKILL);
    active.wait();
    // Although its children may still be there.
    assert!(dir.an_outsider_can_lock(), "after SIGKILL");
    drop(children);
}

/// A server that came from a package; without the package the test cannot say anything, and says that.
fn program<'dir>(dir: &'dir TestDir, path: &str, package: &str) -> HostCommand<'dir> {
    assert!(
        Path::new(path).exists(),
        "{path} is missing: apt-get install {package}"
    );
    dir.program(path)
}

fn accepts_connections(dir: &TestDir) -> bool {
    UnixStream::connect(dir.path("data/socket")).is_ok()
}

#[test]
fn redis_server_has_file_and_ends_by_deletion() {
    has_the_main_job_done(
        |dir| {
            program(dir, "/usr/bin/redis-server", "redis-server")
                .args(["--port", "0", "--unixsocket", "socket"])
                .args(["--daemonize", "no", "--save", "", "--appendonly", "no"])
        },
        |dir, _| accepts_connections(dir),
    );
}

#[test]
fn python3_has_file_and_ends_by_deletion() {
    has_the_main_job_done(
        |dir| {
            program(dir, "/usr/bin/python3", "python3").args([
                "-c",
                "import signal; print('ready', flush=True); signal.pause()",
            ])
        },
        |_, process| process.stdout().contains("ready\n"),
    );
}

/// Python turns SIGTERM into an exception only if it is asked to: then its own `atexit` runs, and the status is its own.
#[test]
fn python3_with_handler_and_threads_ends_in_order() {
    let script = "
import signal, sys, threading
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
threading.Thread(target=signal.pause, daemon=True).start()
print('ready', flush=True)
threading.Event().wait()
";
    has_the_main_job_done(
        |dir| program(dir, "/usr/bin/python3", "python3").args(["-c", script]),
        |_, process| process.stdout().contains("ready\n"),
    );
}

#[test]
fn jvm_has_file_and_ends_by_deletion() {
    let source = r#"
class Service {
    public static void main(String[] args) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("orderly")));
        System.out.println("ready");
        Thread.sleep(Long.MAX_VALUE);
    }
}
"#;
    has_the_main_job_done(
        |dir| {
            fs::write(dir.path("data/Service.java"), source).unwrap();
            program(dir, "/usr/bin/java", "default-jdk-headless").args([
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "Service.java",
            ])
        },
        |_, process| process.stdout().contains("ready\n"),
    );
}

#[test]
fn nginx_foreground_has_file_and_ends_by_deletion() {
    let configuration = format!("daemon off;\nerror_log stderr;\n{NGINX}");
    has_the_main_job_done(
        |dir| {
            let data = dir.path("data");
            let configuration = configuration.replace("DATA", &data.display().to_string());
            fs::write(data.join("nginx.conf"), configuration).unwrap();
            program(dir, "/usr/sbin/nginx", "nginx")
                .arg("-p")
                .arg(&data)
                .args(["-e", "stderr", "-c", "nginx.conf"])
        },
        // It listens before it has its handlers, and has workers after that.
        |dir, process| accepts_connections(dir) && !children_of(process.pid()).is_empty(),
    );
}
