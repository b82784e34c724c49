//! What takes the place of a zone's file or of the zones' directory and can't be read: the zones serve
//! on, the fault is told with its place, and what is put back is taken.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use super::daemon::Daemon;
use super::host::{APP, Host};
use super::http::control;
use super::witness::{Answers, Witness};

#[test]
fn what_is_in_the_place_of_zone_files_is_told_and_their_zones_serve_on() {
    let host = Host::new();
    let path = |zone: &str| format!("zones/{zone}.example.zone");
    for (zone, ..) in IN_PLACE_OF_A_FILE {
        host.write(&path(zone), APP);
    }
    let host = host.watched();
    let mut daemon = start(&host);
    let witness = Witness::of(daemon.address(), OTHERS);
    for (zone, _, replace) in IN_PLACE_OF_A_FILE {
        host.remove(&path(zone));
        replace(&host.path(&path(zone)));
    }
    daemon.wait(&format!("errors: {}", IN_PLACE_OF_A_FILE.len()));
    let shown = host.meridian(&["reload"]).failure(1);
    for (zone, reason, _) in IN_PLACE_OF_A_FILE {
        let log = daemon.log();
        let is_told = |line: &str| line.contains(&path(zone)) && line.contains(reason);
        assert!(log.lines().any(is_told), "{zone}: {log}");
        assert!(shown.contains(&path(zone)) && shown.contains(reason), "{zone}: {shown}");
        assert_eq!(daemon.ask(&format!("text.{zone}.example TXT")), "first");
        remove(&host.path(&path(zone)));
        host.write(&path(zone), &APP.replace("first", "second"));
    }
    daemon.wait("; reloaded: generation ");
    for (zone, ..) in IN_PLACE_OF_A_FILE {
        assert_eq!(daemon.ask(&format!("text.{zone}.example TXT")), "second");
    }
    witness.assert_all_right();
}

/// What is put in the place of the file of this zone, and what is told of it.
type InPlace = (&'static str, &'static str, fn(&Path));

const IN_PLACE_OF_A_FILE: [InPlace; 9] = [
    ("directory", "not a regular file", |path| fs::create_dir(path).unwrap()),
    ("pipe", "not a regular file", |path| mkfifo(path, Mode::S_IRWXU).unwrap()),
    ("socket", "no such device or address", |path| drop(UnixListener::bind(path).unwrap())),
    ("device", "not a regular file", |path| symlink("/dev/zero", path).unwrap()),
    ("terminal", "not a regular file", |path| symlink("/dev/ptmx", path).unwrap()),
    ("sparse", "larger than 4 GiB", |path| File::create(path).unwrap().set_len(10 << 30).unwrap()),
    ("circle", "too many levels of symbolic links", |path| symlink(path, path).unwrap()),
    ("empty", "SOA", |path| drop(File::create(path).unwrap())),
    ("secret", "permission denied", |path| {
        fs::write(path, APP).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o0)).unwrap();
    }),
];

#[test]
fn a_file_in_the_place_of_the_directory_is_told_and_the_zones_serve_on() {
    assert_zones_serve_on("not a directory", |path| fs::write(path, "").unwrap());
}

#[test]
fn a_circle_of_links_in_the_place_of_the_directory_is_told_and_the_zones_serve_on() {
    assert_zones_serve_on("too many", |path| symlink(path, path).unwrap());
}

#[test]
fn a_directory_that_must_not_be_read_is_told_and_the_zones_serve_on() {
    assert_zones_serve_on("permission denied", |path| {
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o0)).unwrap();
    });
}

#[test]
fn a_directory_that_is_swapped_again_and_again_during_reloads_loses_nothing() {
    let host = Host::new();
    fs::create_dir(host.path("zones.other")).unwrap();
    for zone in ["app.example", "other.example"] {
        fs::copy(
            host.path(&format!("zones/{zone}.zone")),
            host.path(&format!("zones.other/{zone}.zone")),
        )
        .unwrap();
    }
    host.edit("zones.other/app.example.zone", "first", "second");
    let host = host.watched();
    let mut daemon = host.start();
    let witness = Witness::of(daemon.address(), OTHERS);
    let over = AtomicBool::new(false);
    let [zones, other] = ["zones", "zones.other"].map(|path| host.path(path));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                exchange(&zones, &other);
            }
        });
        for _ in 0..20 {
            host.meridian(&["reload"]).success();
            let text = daemon.ask("text.app.example TXT");
            assert!(text == "first" || text == "second", "{text}");
        }
        over.store(true, Ordering::Relaxed);
    });
    host.edit("zones/app.example.zone", "IN TXT", "IN TXT \"third\"");
    host.meridian(&["reload"]).success();
    assert!(daemon.ask("text.app.example TXT").contains("third"));
    daemon.wait("reloaded");
    assert!(!daemon.log().contains("ERROR"), "{}", daemon.log());
    witness.assert_all_right();
}

/// Has something take the place of the zones' directory, and then puts it back with other content.
#[track_caller]
fn assert_zones_serve_on(reason: &str, replace: impl Fn(&Path)) {
    let host = Host::new().watched();
    let mut daemon = start(&host);
    let witness = Witness::of(daemon.address(), OTHERS);
    let path = host.path("zones");
    fs::rename(&path, host.path("away")).unwrap();
    replace(&path);
    let told = daemon.wait("error[file/unreadable]: can't read zones: ");
    assert!(told.to_lowercase().contains(reason), "{told}");
    let shown = host.meridian(&["reload"]).failure(1);
    assert!(shown.contains("can't read zones: "), "{shown}");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    let load = control(&host, "GET /v1/status").json()["load"].clone();
    assert_eq!(load["errors"].as_array().unwrap().len(), 1, "{load}");
    host.edit("away/app.example.zone", "first", "second");
    remove(&path);
    fs::rename(host.path("away"), &path).unwrap();
    daemon.wait("reloaded: generation ");
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
    witness.assert_all_right();
}

const OTHERS: Answers =
    &[("text.other.example TXT", "first"), ("none.other.example A", "NXDOMAIN")];

/// Starts a server that must read only what it is permitted to, as its user must.
fn start(host: &Host) -> Daemon {
    let run = host.command(&["run"]);
    if !geteuid().is_root() {
        return Daemon::serving(run);
    }
    let mut bound = Command::new("setpriv");
    bound.arg("--bounding-set=-dac_override,-dac_read_search");
    bound.arg(run.get_program()).args(run.get_args());
    for (name, _) in run.get_envs() {
        bound.env_remove(name);
    }
    bound.current_dir(run.get_current_dir().unwrap());
    Daemon::serving(bound)
}

fn remove(path: &Path) {
    let removed = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
    removed.unwrap();
}

fn exchange(one: &Path, other: &Path) {
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).unwrap();
}
