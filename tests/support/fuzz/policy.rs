//! Any TOML file of a zone: refused with faults that can be shown, or served.

use std::fs;

use super::serving;

/// Loads `input` as the policy of a zone that has most of what a policy may clash with.
pub fn check(input: &[u8]) {
    // What is elsewhere on the disk is none of an input's business.
    if input.windows(2).any(|pair| matches!(pair, b"\"/" | b"'/")) && holds(input, b"ca") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("zones")).unwrap();
    fs::write(directory.path().join("meridian.toml"), SERVER).unwrap();
    fs::write(directory.path().join("zones/app.example.zone"), ZONE).unwrap();
    fs::write(directory.path().join("zones/app.example.toml"), input).unwrap();
    serving::load(directory);
}

fn holds(input: &[u8], word: &[u8]) -> bool {
    input.windows(word.len()).any(|window| window == word)
}

const SERVER: &str = r#"
geoip.databases = []
[az.mumbai]
location = [19.08, 72.88]
country = "IN"
region = "south"
[az.frankfurt]
location = [50.11, 8.68]
country = "DE"
[az.tokyo]
location = [35.68, 139.69]
country = "JP"
bias = 1.5
[group]
partners = ["asn:64500", "net:198.51.100.0/24", "country:FR"]
[check.shared]
type = "tcp"
port = 80
[pool.shared]
check = "shared"
endpoints.tokyo = ["203.0.113.60"]
"#;

const ZONE: &str = "\
$TTL 1h
@ SOA ns host 1 2h 30m 2w 30
@ NS ns
ns A 192.0.2.53
www TXT x
www HTTPS 1 . ipv4hint=192.0.2.1 ipv6hint=2001:db8::1
alias CNAME www
moved DNAME other
sub NS ns.sub
ns.sub A 192.0.2.54
*.wild A 192.0.2.7
";
