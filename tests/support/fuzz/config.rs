//! Any files of a server: refused with faults that can be shown, or served.
//!
//! An input is `meridian.toml`, then further files, each after a line `=== path`. A zone, its policy
//! and a database are there unless the input has others in their place.

use std::fs;
use std::path::Path;

use meridian::config::{Environment, control_socket};

use super::serving;

/// Loads the files.
pub fn check(input: &[u8]) {
    let Some(files) = files(input) else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::create_dir(path.join("zones")).unwrap();
    fs::write(path.join("city.mmdb"), CITY).unwrap();
    fs::write(path.join("zones/app.example.zone"), ZONE).unwrap();
    fs::write(path.join("zones/app.example.toml"), POLICY).unwrap();
    for (name, text) in files {
        let made = fs::create_dir_all(path.join(name).parent().unwrap());
        // Of a file and a directory of one name, one is none.
        if made.and_then(|()| fs::write(path.join(name), text)).is_err() {
            return;
        }
    }
    let configuration = path.join("meridian.toml");
    let _ = control_socket(&configuration, &Environment::default()).unwrap();
    serving::load(directory);
}

/// The files by their paths; `None` where one names what is outside of the directory.
fn files(input: &[u8]) -> Option<Vec<(&Path, &[u8])>> {
    let is_escape = |pair: &[u8]| matches!(pair, b".." | b"\\u" | b"\\U" | b"\\x" | b"\\0");
    let is_outside = |pair: &[u8]| pair[1] == b'/' && !pair[0].is_ascii_alphanumeric();
    if input.windows(2).any(|pair| is_escape(pair) || is_outside(pair)) {
        return None;
    }
    let mut files = vec![];
    let (mut name, mut rest) = (Path::new("meridian.toml"), input);
    loop {
        let next = rest.windows(MARK.len()).position(|window| window == MARK);
        let Some(at) = next else {
            files.push((name, rest));
            return Some(files);
        };
        files.push((name, &rest[..at + 1]));
        rest = &rest[at + MARK.len()..];
        let end = rest.iter().position(|octet| *octet == b'\n')?;
        name = Path::new(std::str::from_utf8(&rest[..end]).ok().filter(|name| is_path(name))?);
        rest = &rest[end + 1..];
    }
}

fn is_path(name: &str) -> bool {
    let is_known = |octet: u8| octet.is_ascii_graphic() && octet != b'/';
    let mut parts = name.split('/');
    name.len() < 100
        && parts.clone().count() <= 2
        && parts.all(|part| !part.is_empty() && part != "." && part.bytes().all(is_known))
}

const MARK: &[u8] = b"\n=== ";

const CITY: &[u8] = include_bytes!("../../fixtures/mmdb/city.mmdb");

const ZONE: &str = "\
$TTL 1h
@ SOA ns host 1 2h 30m 2w 30
@ NS ns
ns A 192.0.2.53
";

const POLICY: &str = r#"
[names]
www = "web"
[check.web]
type = "tcp"
port = 80
[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10", "2001:db8::10"]
endpoints.tokyo = ["203.0.113.60", "2001:db8::60"]
"#;
