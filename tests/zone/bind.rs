//! What BIND makes of a master file: `named-compilezone` reads it and prints it in full.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Command;

use meridian::wire::RecordType;
use meridian::zone::Zone;

/// The zone `example.` in `text` as BIND prints it.
pub(super) fn compile(text: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let ignore = ["-i", "none", "-k", "ignore", "-m", "ignore", "-n", "ignore", "-r", "ignore"];
    let compiled = Command::new("named-compilezone")
        .args(ignore)
        .args(["-M", "ignore", "-S", "ignore", "-T", "ignore", "-W", "ignore"])
        .args(["-s", "full", "-o", "-", "example."])
        .arg(file.path())
        .output()
        .expect("named-compilezone, of BIND's utilities (Debian: bind9-utils)");
    let printed = String::from_utf8(compiled.stdout).unwrap();
    assert!(compiled.status.success(), "{printed}{}", String::from_utf8_lossy(&compiled.stderr));
    printed
}

/// Owner in lower case, type and data of each record.
pub(super) fn records(zone: &Zone) -> Vec<(String, RecordType, Vec<u8>)> {
    let sets = zone.nodes().flat_map(|node| node.sets().map(move |set| (node.name(), set)));
    let records = sets.flat_map(|(owner, set)| {
        let owner = owner.to_lowercase().to_string();
        set.rdatas().map(move |rdata| (owner.clone(), set.rtype(), rdata.to_vec()))
    });
    records.collect()
}

/// TTL and data of the records, by owner and type, in no order.
pub(super) fn sets(zone: &Zone) -> BTreeMap<(String, String), (u32, BTreeSet<String>)> {
    let mut all = BTreeMap::new();
    for node in zone.nodes() {
        for set in node.sets() {
            let key = (node.name().to_lowercase().to_string(), set.rtype().to_string());
            all.insert(key, (set.ttl(), set.rdatas().map(hex).collect()));
        }
    }
    all
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
