//! Tests that mount disks and take addresses away: in namespaces of their own, where nothing of the
//! host is touched.

use std::any::type_name_of_val;
use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::geteuid;

/// Runs `test` in a process of its own, whose mounts and network are nobody else's. It must be a closure
/// of the test function: the process runs the test of that name.
#[track_caller]
pub fn in_namespaces(test: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        return test();
    }
    let name = type_name_of_val(&test);
    let name = name.split_once("::").unwrap().1.strip_suffix("::{{closure}}").unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--kill-child"]);
    if !geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg(env::current_exe().unwrap()).args([name, "--exact"]).env(INSIDE, "");
    let ended = command.stdin(Stdio::null()).output().unwrap();
    let out = String::from_utf8_lossy(&ended.stdout);
    let is_run = out.contains("1 passed");
    assert!(ended.status.success() && is_run, "{out}{}", String::from_utf8_lossy(&ended.stderr));
}

/// What tells the process that it is the one in the namespaces.
const INSIDE: &str = "MERIDIAN_TEST_INSIDE";

/// Mounts an empty disk of so many octets.
pub fn mount(directory: &Path, size: usize) {
    let options = format!("size={size}");
    run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", directory.to_str().unwrap()]);
}

/// Has everything below `directory` read and nothing written, until it is unmounted. A disk with a file
/// that is being written to can't be made read-only itself.
pub fn cover_read_only(directory: &Path) {
    let directory = directory.to_str().unwrap();
    run("mount", &["--bind", directory, directory]);
    run("mount", &["-o", "remount,bind,ro", directory]);
}

pub fn unmount(directory: &Path) {
    run("umount", &[directory.to_str().unwrap()]);
}

/// Runs a command, which succeeds.
#[track_caller]
pub fn run(program: &str, arguments: &[&str]) -> String {
    output(Command::new(program).args(arguments))
}

/// What a command prints, which succeeds.
#[track_caller]
pub fn output(command: &mut Command) -> String {
    let ended = command.stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}
