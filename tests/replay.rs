//! What fuzzing kept: the fewest inputs that together reach all the code that it reached. `fuzz/run`
//! makes the files; an input is as long as the two octets before it say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::Read;
use std::panic::catch_unwind;
use std::path::Path;

use flate2::read::GzDecoder;
use meridian::serve::tcp::take_message;

#[path = "support/fuzz/mod.rs"]
mod fuzz;

#[test]
fn no_datagram_or_stream_breaks_a_promise() {
    replay("query", fuzz::query::check);
}

#[test]
fn no_master_file_breaks_a_promise() {
    replay("zone", fuzz::zone::check);
}

#[test]
fn no_policy_breaks_a_promise() {
    replay("policy", fuzz::policy::check);
}

#[test]
fn no_configuration_breaks_a_promise() {
    replay("config", fuzz::config::check);
}

#[test]
fn no_database_breaks_a_promise() {
    replay("mmdb", fuzz::mmdb::check);
}

#[test]
fn no_request_to_the_control_api_breaks_a_promise() {
    replay("api", fuzz::api::check);
}

/// Has `check` look at every input in the corpus of `target`.
fn replay(target: &str, check: fn(&[u8])) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz");
    let file = File::open(fixtures.join(target).with_extension("gz")).unwrap();
    let mut corpus = vec![];
    GzDecoder::new(file).read_to_end(&mut corpus).unwrap();
    let (mut rest, mut count) = (&corpus[..], 0);
    while let Some((input, tail)) = take_message(rest) {
        let checked = catch_unwind(|| check(input));
        assert!(checked.is_ok(), "input {count} of {target}: {}", input.escape_ascii());
        (rest, count) = (tail, count + 1);
    }
    assert!(rest.is_empty() && count > 0, "{count} inputs, then {} octets", rest.len());
}
