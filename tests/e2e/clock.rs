//! A wall clock that jumps under a running server: nothing that is measured goes by it, and overrides do.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use meridian::clock::wall;
use meridian::time::Wall;
use nix::sys::signal::Signal;

use super::daemon::{Daemon, eventually};
use super::fleet::{Fleet, PARIS, POLICY, SAOPAULO, SYDNEY};
use super::host::Host;
use super::http::control;
use super::support::server::Server;
use super::witness::{Answers, Witness};

#[test]
fn jumps_of_the_wall_clock_change_no_health_and_no_answer() {
    let mut fleet = Fleet::new();
    let (host, clock) = host(&fleet, POLICY);
    let mut daemon = clock.start(&host);
    let witness = Witness::of(daemon.address(), OTHERS);
    for jump in JUMPS {
        clock.jump(jump);
        eventually("the clock has jumped", || is_told(&host, jump).then_some(()));
        let servers = [&fleet.sydney, &fleet.paris, &fleet.saopaulo];
        let accepted = servers.map(Server::accepted);
        eventually("probes of all azs", || {
            let is_probed = |(server, before): (&Server, usize)| server.accepted() > before + 3;
            servers.into_iter().zip(accepted).all(is_probed).then_some(())
        });
        assert!(!daemon.log().contains("is out of"), "{}", daemon.log());
    }
    // The last one is far off, and an az is lost and returns as ever.
    fleet.sydney.kill();
    daemon.transition("sydney is out", "connection refused");
    assert_eq!(daemon.ask(FROM_SYDNEY), SAOPAULO);
    fleet.sydney.restart();
    daemon.transition("sydney is back", "up for 0.1 s");
    assert_eq!(daemon.log().matches("is out of").count(), 1, "{}", daemon.log());
    witness.assert_all_right();
}

#[test]
fn a_hold_lasts_as_long_as_it_does_whatever_the_wall_clock_says() {
    let mut fleet = Fleet::new();
    let (host, clock) = host(&fleet, &POLICY.replace("\"100ms\"", "\"10m\""));
    let mut daemon = clock.start(&host);
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    fleet.sydney.restart();
    let is_held = || host.meridian(&["status"]).success().contains("held for 9 min");
    eventually("a hold", || is_held().then_some(()));
    for jump in JUMPS {
        clock.jump(jump);
        eventually("the clock has jumped", || is_told(&host, jump).then_some(()));
        assert!(is_held(), "{jump}");
        assert_eq!(daemon.ask(FROM_SYDNEY), SAOPAULO);
    }
}

#[test]
fn an_override_ends_when_the_wall_clock_says_so() {
    let fleet = Fleet::new();
    let (host, clock) = host(&fleet, POLICY);
    let mut daemon = clock.start(&host);
    drain(&host, "sydney");
    // Set back, the clock makes it last longer.
    for jump in [-HOUR, -YEAR, UNSET] {
        clock.jump(jump);
        eventually("the clock has jumped", || is_told(&host, jump).then_some(()));
        assert_eq!(daemon.ask(FROM_SYDNEY), SAOPAULO);
    }
    clock.jump(2 * HOUR);
    daemon.transition("sydney is back", "drain ended");
    assert_eq!(daemon.ask(FROM_SYDNEY), SYDNEY);
    // One that is given while the clock is wrong ends when that is mended.
    clock.jump(UNSET);
    drain(&host, "sydney");
    daemon.wait("sydney is out");
    clock.jump(0);
    daemon.transition("sydney is back", "drain ended");
    assert_eq!(daemon.ask(FROM_SYDNEY), SYDNEY);
}

#[test]
fn files_that_change_are_read_whatever_the_wall_clock_says() {
    let fleet = Fleet::new();
    let (host, clock) = host(&fleet, POLICY);
    let host = host.watched();
    let mut daemon = clock.start(&host);
    let mut text = "first".to_owned();
    for jump in [YEAR, UNSET] {
        clock.jump(jump);
        host.edit("zones/app.example.zone", &text, &format!("at {jump}"));
        text = format!("at {jump}");
        daemon.wait("zones/app.example.zone changed; reloaded: ");
        assert_eq!(daemon.ask("text.app.example TXT"), text);
    }
}

#[test]
fn health_that_was_saved_by_another_clock_is_not_restored_and_overrides_are() {
    let mut fleet = Fleet::new();
    let (host, clock) = host(&fleet, &POLICY.replace("\"100ms\"", "\"10m\""));
    let mut daemon = clock.start(&host);
    drain(&host, "paris");
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    daemon.signal(Signal::SIGTERM);
    daemon.ended();
    fleet.sydney.restart();
    clock.jump(UNSET);
    let daemon = clock.start(&host);
    // An az that was known to be down would be held.
    assert_eq!(daemon.ask(FROM_SYDNEY), SYDNEY);
    assert_eq!(daemon.ask("www.app.example A from 2.0.0.0/24"), SAOPAULO);
}

#[test]
fn steering_that_panics_ends_the_process_to_be_started_anew() {
    let fleet = Fleet::new();
    let (host, clock) = host(&fleet, POLICY);
    let mut daemon = clock.start(&host);
    clock.jump(NOWHERE);
    daemon.wait("steering has failed: ending, to be started anew");
    assert_eq!(daemon.ended().code(), Some(1));
    clock.jump(0);
    assert_eq!(clock.start(&host).ask(FROM_SYDNEY), SYDNEY);
}

/// The clock of a server, which is that of the host and as many seconds more as its file holds.
struct WallClock {
    library: PathBuf,
    offset: PathBuf,
}

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;
/// Where a clock begins that nobody has set.
const UNSET: i64 = -50 * YEAR;
const BEFORE_1970: i64 = -100 * YEAR;
/// There is no clock, which nobody expects.
const NOWHERE: i64 = i64::MIN;
/// From the time of the host.
const JUMPS: [i64; 7] = [HOUR, 0, -HOUR, YEAR, -YEAR, BEFORE_1970, UNSET];

impl WallClock {
    fn jump(&self, seconds: i64) {
        // One system call, so that nobody reads a half.
        let file = File::options().write(true).open(&self.offset).unwrap();
        file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    fn start(&self, host: &Host) -> Daemon {
        let mut run = host.command(&["run"]);
        run.env("LD_PRELOAD", &self.library).env("WALL_CLOCK", &self.offset);
        Daemon::serving(run)
    }
}

fn host(fleet: &Fleet, policy: &str) -> (Host, WallClock) {
    let host = fleet.host(policy);
    let clock = WallClock { library: host.path("jumping.so"), offset: host.path("offset") };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clock/jumping.c");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&clock.library).arg(source);
    assert!(cc.status().unwrap().success());
    fs::write(&clock.offset, 0i64.to_ne_bytes()).unwrap();
    (host, clock)
}

/// Whether the server's wall clock has jumped by that much.
fn is_told(host: &Host, jump: i64) -> bool {
    let told = control(host, "GET /v1/status").json()["now"].clone();
    let told: Wall = serde_json::from_value(told).unwrap();
    let own = wall().since_epoch().as_secs();
    told.since_epoch().as_secs().abs_diff(own.saturating_add_signed(jump)) < 60
}

fn drain(host: &Host, az: &str) {
    let arguments = ["drain", az, "--for", "1h", "--reason", "deploy"];
    host.meridian(&arguments).success();
}

const FROM_SYDNEY: &str = "www.app.example A from 1.0.0.0/24";
const OTHERS: Answers = &[
    ("text.other.example TXT", "first"),
    ("www.app.example A from 2.0.0.0/24", PARIS),
    ("www.app.example A from 7.0.0.0/24", SAOPAULO),
];
