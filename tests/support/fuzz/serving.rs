//! What every load owes whoever asked for it, whatever is in the files: faults that can be shown, or
//! a server that answers.

use std::net::IpAddr;

use meridian::answer::{Kind, Request, Snapshot, Transport};
use meridian::control::load::Report;
use meridian::diag::Style;
use meridian::time::Wall;
use meridian::wire::{Name, RecordType};
use meridian::zone::Entry;
use tempfile::TempDir;

use super::response::ask;
use super::world::World;

/// Loads `directory` and has what comes of it keep its promises.
pub fn load(directory: TempDir) {
    let mut world = match World::load(directory) {
        Ok(world) => world,
        Err(report) => {
            assert!(report.has_errors(), "refused without a fault");
            return check_report(&report);
        }
    };
    let report = &world.loaded.report;
    check_report(report);
    let snapshot = world.snapshot();
    if !report.has_errors() {
        let mut entries = snapshot.zones.set.iter().map(|(_, _, entry)| entry);
        assert!(entries.all(|entry| matches!(entry, Entry::Serving(_))), "a zone is lost");
    }
    let again =
        world.load_again().unwrap_or_else(|report| panic!("{}", report.render(Style::Plain)));
    assert_eq!(report.render(Style::Plain), again.report.render(Style::Plain), "read again");
    check_names(&world, &snapshot);
    world.settle();
    check_names(&world, &world.snapshot());
    let azs = &world.loaded.routing.topology.azs;
    let azs: Vec<_> = azs.values().map(|az| az.name.clone()).collect();
    for az in azs.iter().take(MOST_AZS) {
        world.fail(az);
        check_names(&world, &world.snapshot());
    }
}

/// Every fault has words and can be shown in every form.
fn check_report(report: &Report) {
    let _ = report.render(Style::Coloured);
    let plain = report.render(Style::Plain);
    assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "control characters");
    let begins = |line: &str| line.starts_with("error[") || line.starts_with("warning[");
    assert_eq!(plain.lines().filter(|line| begins(line)).count(), report.diagnostics.len());
    assert_eq!(report.records().len(), report.diagnostics.len());
    let lines = report.errors();
    assert!(lines.iter().all(|line| !line.is_empty() && !line.contains(char::is_control)));
}

/// Every steered name, and some others, are answered.
fn check_names(world: &World, snapshot: &Snapshot) {
    let steered = world.loaded.steered_names();
    for owner in steered.iter().take(MOST_NAMES) {
        for peer in PEERS {
            let peer: IpAddr = peer.parse().unwrap();
            for rtype in [RecordType::A, RecordType::AAAA, RecordType::HTTPS] {
                let message = query(owner, rtype);
                let udp = Request { message: &message, peer, transport: Transport::Udp, now: NOW };
                let answered = ask(snapshot, &udp).unwrap();
                let is_served = !world.loaded.report.has_errors();
                assert!(!is_served || answered.answer.kind != Kind::Error, "{owner} {rtype}");
                let tcp = Request { transport: Transport::Tcp, ..udp };
                let _ = ask(snapshot, &tcp);
            }
        }
    }
}

/// A query with a Client Subnet.
fn query(owner: &Name, rtype: RecordType) -> Vec<u8> {
    let head = [0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    let [high, low] = rtype.0.to_be_bytes();
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 1, 0, 0];
    [&head, owner.as_wire(), &[high, low, 0, 1], &opt].concat()
}

const PEERS: [&str; 2] = ["1.0.0.9", "2400:1:8000::1"];
const MOST_NAMES: usize = 8;
const MOST_AZS: usize = 4;
const NOW: Wall = Wall::from_epoch(std::time::Duration::from_secs(1_800_000_000));
