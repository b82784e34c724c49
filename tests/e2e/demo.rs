//! The demonstration, with the repository's own files: its ports are moved to loopback addresses of
//! this process, and its azs return faster.

use std::fs;
use std::io::BufRead;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::Signal;

use super::client::{Client, answer};
use super::daemon::Daemon;
use super::host::Host;

#[test]
fn an_az_is_killed_and_brought_back_while_its_clients_watch() {
    let (host, net) = repository();
    let mut daemon = Daemon::launch(host.command(&["demo"]));
    let lines = introduction(&mut daemon);
    let asked: Vec<_> = lines.iter().filter_map(|line| Dig::read(line)).collect();
    assert!(asked.len() >= 6, "{lines:?}");
    let server = asked[0].server;
    assert_eq!(server.ip().to_string(), format!("{net}.53"));
    let client = Client::of(server);
    let answer_to = |country: &str| {
        let dig = asked.iter().find(|dig| dig.country == country).unwrap();
        answer(&client.ask(&format!("{} A from {}", dig.name, dig.subnet)))
    };
    let home = [("India", 1), ("Singapore", 2), ("Germany", 3), ("Brazil", 5), ("Australia", 6)];
    for (country, az) in home {
        assert_eq!(answer_to(country), format!("{net}.{az}"), "{country}");
    }
    for typed in ["demo stop mumbai", "demo start mumbai", "status"] {
        assert!(lines.iter().any(|line| line.ends_with(typed)), "{typed} is not in {lines:?}");
    }

    let done = host.meridian(&["demo", "stop", "mumbai"]).success();
    assert_eq!(done, format!("mumbai stopped: {net}.1:8080\n"));
    daemon
        .transition("mumbai is out of app.example:web", "connection refused, 0 of 1 endpoints up");
    assert_eq!(answer_to("India"), format!("{net}.2"));
    assert_eq!(answer_to("Brazil"), format!("{net}.5"));

    let done = host.meridian(&["demo", "start", "mumbai"]).success();
    assert_eq!(done, format!("mumbai started: {net}.1:8080\n"));
    daemon.transition("mumbai is back in app.example:web", "up for 0.1 s, 1 of 1 endpoints up");
    assert_eq!(answer_to("India"), format!("{net}.1"));

    let shown = host.meridian(&["demo", "stop", "atlantis"]).failure(2);
    assert_eq!(shown, "meridian: no endpoint is in atlantis\n");
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn an_address_in_use_is_named() {
    let (host, net) = repository();
    let _taken = TcpListener::bind(format!("{net}.4:8080")).unwrap();
    let shown = Daemon::launch(host.command(&["demo"])).failed();
    assert!(shown.contains(&format!("can't serve HTTP on {net}.4:8080: Address")), "{shown}");
}

/// One of the lines to copy.
struct Dig {
    server: SocketAddr,
    name: String,
    subnet: String,
    country: String,
}

impl Dig {
    /// `dig @HOST -p PORT NAME +short +subnet=SUBNET # COUNTRY`
    fn read(line: &str) -> Option<Self> {
        let line = line.trim().strip_prefix("dig @")?;
        let (command, country) = line.split_once(" # ").unwrap();
        let words: Vec<_> = command.split_whitespace().collect();
        let [host, "-p", port, name, "+short", subnet] = words[..] else { panic!("{line}") };
        Some(Self {
            server: format!("{host}:{port}").parse().unwrap(),
            name: name.into(),
            subnet: subnet.strip_prefix("+subnet=").unwrap().into(),
            country: country.into(),
        })
    }
}

/// What the demo prints when it is ready.
fn introduction(daemon: &mut Daemon) -> Vec<String> {
    let mut lines = vec![];
    for line in daemon.stdout().lines() {
        lines.push(line.unwrap());
        if lines.last().is_some_and(|line| line.starts_with("Ctrl-C")) {
            return lines;
        }
    }
    panic!("it ended:\n{}", lines.join("\n"));
}

/// The repository's files in a directory of their own, on addresses that begin with what is returned.
fn repository() -> (Host, String) {
    let (host, root) = (Host::new(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let net = own_network();
    let copy = |file: &str, replace: &dyn Fn(String) -> String| {
        host.write(file, &replace(fs::read_to_string(root.join(file)).unwrap()));
    };
    copy("meridian.toml", &|text| {
        text.replace("\"127.0.0.1:5300\", \"[::1]:5300\"", &format!("\"{net}.53:5300\""))
    });
    copy("zones/app.example.zone", &|text| text);
    copy("zones/static.example.zone", &|text| text);
    copy("zones/app.example.toml", &|text| {
        text.replace("127.0.1.", &format!("{net}."))
            .replace("hold = \"3s\"", "hold = \"100ms\"")
            .replace("path =", "interval = \"50ms\"\nfast_interval = \"20ms\"\npath =")
    });
    host.remove("zones/other.example.zone");
    symlink(root.join("geoip"), host.path("geoip")).unwrap();
    (host, net)
}

/// A /24 of the loopback network in which nobody else listens: one is tried after the other.
fn own_network() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = process::id();
    let mut free = (0..).map(|_| {
        let [.., a, b] = (first + NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
        format!("127.{}.{b}", 64 + a % 128)
    });
    free.find(|net| TcpListener::bind(format!("{net}.53:5300")).is_ok()).unwrap()
}
