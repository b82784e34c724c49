//! The promises are in `tests/support/fuzz/api.rs`.

#![no_main]

#[path = "../../tests/support/fuzz/mod.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::api::check(input));
