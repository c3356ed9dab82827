//! Tells whether the loader will be told not to trust the environment (ld.so(8), secure-execution mode), and who else
//! may keep the library away from a program.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, getxattr, statvfs};
use rustix::process::{getgid, getuid};
use rustix::thread::no_new_privs;

use crate::output::{quoted, shown};

/// Returns why a program gets more rights than its caller has, and what to do about it; `None` if it does not.
pub fn more_rights(program: &Path) -> Option<(&'static str, String)> {
    if no_new_privs().is_ok_and(|is_set| is_set)
        || has_mount_flag(program, StatVfsMountFlags::NOSUID)
    {
        return None;
    }
    let found = fs::metadata(program).ok()?;
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    if found.mode() & 0o4000 != 0 && found.uid() != user {
        let remedy = format!("run it as its owner (user ID {})", found.uid());
        return Some(("setuid", remedy));
    }
    // Without the right to execute for the group the bit means something else.
    if found.mode() & 0o2010 == 0o2010 && found.gid() != group {
        let remedy = format!("run it as a user of its group (group ID {})", found.gid());
        return Some(("setgid", remedy));
    }
    if user != 0
        && getxattr(program, "security.capability", &mut [0; 64]).is_ok_and(|size| size > 0)
    {
        let remedy = format!(
            "run it as root, or take them away (setcap -r {}) and have them from the service \
             (AmbientCapabilities= in systemd)",
            quoted(program)
        );
        return Some(("given rights by file capabilities", remedy));
    }
    None
}

pub fn has_mount_flag(file: &Path, flag: StatVfsMountFlags) -> bool {
    statvfs(file).is_ok_and(|mount| mount.f_flag.contains(flag))
}

/// Returns which security module has rules of its own for a program, and where to look.
pub fn confined(program: &Path) -> Option<(String, String)> {
    let program = fs::canonicalize(program).ok()?;
    app_armor(&program).or_else(|| selinux(&program))
}

fn app_armor(program: &Path) -> Option<(String, String)> {
    let enabled = fs::read("/sys/module/apparmor/parameters/enabled").ok()?;
    if !enabled.starts_with(b"Y") {
        return None;
    }
    let attached = |name: &Path| {
        let text = |file| fs::read_to_string(name.join(file)).unwrap_or_default();
        let is_ours = text("attach").trim() == shown(program);
        (is_ours && text("mode").trim() != "complain").then(|| text("name").trim().to_owned())
    };
    let loaded = fs::read_dir("/sys/kernel/security/apparmor/policy/profiles");
    let name = loaded
        .into_iter()
        .flatten()
        .flatten()
        .find_map(|entry| attached(&entry.path()));
    // Only root may see those. By custom a profile's file is called like the program.
    let name = name.or_else(|| {
        let path = program.as_os_str().as_bytes().get(1..)?;
        let file = String::from_utf8_lossy(path).replace('/', ".");
        fs::exists(format!("/etc/apparmor.d/{file}"))
            .ok()?
            .then_some(file)
    })?;
    let remedy = "if it has no PID file, let its profile read and map the library (FILE mr,) and write the PID file \
                  (FILE rwkl,): journalctl -k -g apparmor shows what is refused";
    Some((format!("AppArmor's profile {}", shown(name)), remedy.into()))
}

fn selinux(program: &Path) -> Option<(String, String)> {
    let enforces = fs::read("/sys/fs/selinux/enforce").ok()?;
    if !enforces.starts_with(b"1") {
        return None;
    }
    let mut label = [0; 256];
    let size = getxattr(program, "security.selinux", &mut label).ok()?;
    let label = String::from_utf8_lossy(&label[..size]).into_owned();
    let kind = label.trim_end_matches('\0').split(':').nth(2)?.to_owned();
    let is_confined = kind.ends_with("_exec_t") && kind != "shell_exec_t";
    let remedy = "if it has no PID file, look at what is refused: ausearch -m avc -ts recent";
    is_confined.then(|| (format!("SELinux (as {kind})"), remedy.into()))
}
