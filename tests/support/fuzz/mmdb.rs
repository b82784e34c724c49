//! No file is a crash, a hang or a giant allocation on its way from bytes to a client's place.
//!
//! The first octet of an input says what the rest is: the file itself, or edits of a fixture, so
//! that what lies behind the checks of the outer structure is reached too.

use std::net::IpAddr;

use meridian::geo::{Database, Places};

use super::memory::most_held;

/// Reads a database and asks it for some clients.
pub fn check(input: &[u8]) {
    let Some((&kind, rest)) = input.split_first() else { return };
    let bytes = match FIXTURES.get(usize::from(kind)) {
        Some(fixture) => edited(fixture, rest),
        None => rest.to_vec(),
    };
    let ((), most) = most_held(|| read_and_look_up(bytes));
    assert!(most < 4 << 20, "{most} octets were held");
}

fn read_and_look_up(bytes: Vec<u8>) {
    let Ok(database) = Database::read("fuzz".into(), bytes) else { return };
    let beside = Database::read("city".into(), FIXTURES[0].to_vec());
    let databases = [database, beside.unwrap()];
    for places in [Places::build(&databases[..1]), Places::build(&databases)] {
        for client in CLIENTS {
            let client: IpAddr = client.parse().unwrap();
            let found = places.find(client);
            assert!(found.network.contains(&client));
            let _ = places.place(found.place);
        }
    }
}

/// The fixture with some octets replaced and its end cut off: each edit is a position of two octets
/// and what to put there.
fn edited(fixture: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = fixture.to_vec();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]]));
        if at < bytes.len() {
            bytes[at] = edit[2];
        } else {
            bytes.truncate(bytes.len().saturating_sub(usize::from(edit[2])));
        }
    }
    bytes
}

const FIXTURES: [&[u8]; 8] = [
    include_bytes!("../../fixtures/mmdb/city.mmdb"),
    include_bytes!("../../fixtures/mmdb/country.mmdb"),
    include_bytes!("../../fixtures/mmdb/maxmind_enterprise.mmdb"),
    include_bytes!("../../fixtures/mmdb/ipinfo_core.mmdb"),
    include_bytes!("../../fixtures/mmdb/ip_location_db.mmdb"),
    include_bytes!("../../fixtures/mmdb/nothing.mmdb"),
    include_bytes!("../../fixtures/mmdb/tangled.mmdb"),
    include_bytes!("../../fixtures/mmdb/undescribed.mmdb"),
];

const CLIENTS: [&str; 8] = [
    "0.0.0.0",
    "1.0.0.1",
    "10.0.0.1",
    "255.255.255.255",
    "::",
    "2001::1",
    "2400:1::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];
