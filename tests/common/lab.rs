use super::test_dir::library;
use super::wait::wait_for;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

/// A real systemd that lives as long as the test program, with the library and our own small programs in `/lab`.
pub struct Lab {
    /// Where this machine sees the files of the lab.
    root: PathBuf,
    id: String,
    /// Its input ends with this process, however that ends, and the lab with its input.
    _script: Child,
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/systemd-lab");

impl Lab {
    /// Boots it, if no scenario has done so yet.
    pub fn get() -> &'static Lab {
        static LAB: OnceLock<Lab> = OnceLock::new();
        LAB.get_or_init(Lab::boot)
    }

    /// Boots one of its own.
    pub fn boot() -> Lab {
        let host = super::TestDir::new().host_path("is_a_service");
        let hosts = host.parent().unwrap().to_owned();
        let mut script = Command::new(SCRIPT)
            .arg("run")
            .arg("--bind")
            .arg(format!("{}:/lab/libpidfile.so", library().display()))
            .arg("--bind")
            .arg(format!("{}:/lab/c-tests", hosts.display()))
            .args(["sh", "-c", "echo $LAB; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect(SCRIPT);
        let mut id = String::new();
        BufReader::new(script.stdout.take().unwrap())
            .read_line(&mut id)
            .unwrap();
        if id.is_empty() {
            let mut why = String::new();
            let stderr = script.stderr.take().unwrap();
            BufReader::new(stderr).read_to_string(&mut why).unwrap();
            panic!(
                "there is no systemd to test with, because this machine does not let us boot one: {why}"
            );
        }
        let id = id.trim().to_owned();
        Lab {
            root: format!("/proc/{id}/root").into(),
            id,
            _script: script,
        }
    }

    /// A file of the lab, as this machine sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Runs a command in the lab.
    pub fn run(&self, command: &[&str]) -> Output {
        Command::new(SCRIPT)
            .args(["enter", &self.id])
            .args(command)
            .stdin(Stdio::null())
            .output()
            .expect(SCRIPT)
    }

    /// Makes a unit of these lines. Its name must not have been used.
    pub fn unit(&'static self, name: &str, lines: &str) -> Unit {
        let unit = Unit {
            lab: self,
            name: name.to_owned(),
        };
        let file = self.path(&format!("/run/systemd/system/{name}.service"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        assert!(!file.exists(), "{name} has been used");
        fs::create_dir_all(unit.output().parent().unwrap()).unwrap();
        let output = format!("/run/output/{name}");
        let lines = format!(
            "[Service]\nStandardOutput=append:{output}\nStandardError=append:{output}.err\n{lines}\n"
        );
        fs::write(file, lines).unwrap();
        unit
    }
}

/// A service in the lab.
pub struct Unit {
    lab: &'static Lab,
    pub name: String,
}

impl Unit {
    /// systemctl VERB. Fails if that fails.
    #[track_caller]
    pub fn systemctl(&self, verb: &str) {
        let done = self.lab.run(&["systemctl", verb, &self.name]);
        assert!(
            done.status.success(),
            "systemctl {verb} {}: {}\n{}",
            self.name,
            String::from_utf8_lossy(&done.stderr),
            self.log()
        );
    }

    /// systemctl kill with these options.
    #[track_caller]
    pub fn kill(&self, options: &[&str]) {
        let done = self
            .lab
            .run(&[&["systemctl", "kill"], options, &[&self.name]].concat());
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// Properties as `systemctl show` names them.
    pub fn show(&self, properties: &str) -> BTreeMap<String, String> {
        let shown = self
            .lab
            .run(&["systemctl", "show", "--property", properties, &self.name]);
        String::from_utf8_lossy(&shown.stdout)
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    pub fn property(&self, name: &str) -> String {
        self.show(name).remove(name).unwrap_or_default()
    }

    #[track_caller]
    pub fn wait_until(&self, property: &str, value: &str) {
        wait_for(
            || self.property(property) == value,
            &format!("{} of {} is {value}\n{}", property, self.name, self.log()),
        );
    }

    /// Its PID file, if that is where all these services have it, as this machine sees it.
    pub fn pidfile(&self) -> PathBuf {
        self.lab.path(&format!("/run/{}/a.pid", self.name))
    }

    fn output(&self) -> PathBuf {
        self.lab.path(&format!("/run/output/{}", self.name))
    }

    /// What its commands have written so far.
    pub fn stdout(&self) -> String {
        fs::read_to_string(self.output()).unwrap_or_default()
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(self.output().with_extension("err")).unwrap_or_default()
    }

    /// How many processes there are in its control group.
    pub fn processes(&self) -> usize {
        let group = format!("/sys/fs/cgroup/system.slice/{}.service", self.name);
        fs::read_to_string(self.lab.path(&group).join("cgroup.procs"))
            .map_or(0, |processes| processes.lines().count())
    }

    /// For a person who looks for the reason of a failure.
    pub fn log(&self) -> String {
        let journal = self.lab.run(&["journalctl", "--unit", &self.name]);
        let journal = String::from_utf8_lossy(&journal.stdout).into_owned();
        format!("{}{}{journal}", self.stdout(), self.stderr())
    }
}
