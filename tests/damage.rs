//! No damage to a database is a crash, a hang or a giant allocation: it is refused, or what is read is
//! a whole database. `fuzz/` looks for more; what was found is in tests/fixtures/mmdb/damaged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a global allocator is; it only looks and hands on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use meridian::geo::{Database, Places};

#[test]
fn a_file_cut_anywhere_is_refused() {
    for fixture in fixtures("") {
        let bytes = fs::read(&fixture).unwrap();
        for len in 0..bytes.len() {
            let read = Database::read("cut".into(), bytes[..len].to_vec());
            assert!(read.is_err(), "{} cut to {len}", fixture.display());
        }
    }
    assert_modest();
}

#[test]
fn a_file_with_any_octet_changed_is_refused_or_read() {
    for fixture in fixtures("") {
        let bytes = fs::read(&fixture).unwrap();
        for at in 0..bytes.len() {
            for change in [0xff, 1 << (at % 8)] {
                let mut bytes = bytes.clone();
                bytes[at] ^= change;
                read_and_look_up(bytes);
            }
        }
    }
    assert_modest();
}

#[test]
fn what_was_found_is_refused_or_read_on_a_small_stack() {
    let found = fixtures("damaged");
    assert!(!found.is_empty());
    let small = thread::Builder::new().stack_size(256 << 10);
    let reader = small.spawn(|| {
        for file in found {
            read_and_look_up(fs::read(file).unwrap());
        }
    });
    reader.unwrap().join().unwrap();
    assert_modest();
}

fn read_and_look_up(bytes: Vec<u8>) {
    let Ok(database) = Database::read("damaged".into(), bytes) else { return };
    let places = Places::build(&[database]);
    for client in ["1.0.0.1", "10.0.0.1", "255.255.255.255", "::", "2001::1", "2400:1::1"] {
        let client: IpAddr = client.parse().unwrap();
        assert!(places.find(client).network.contains(&client));
    }
}

/// The files of the fixtures' directory, or of one in it.
fn fixtures(directory: &str) -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mmdb");
    let files = fs::read_dir(fixtures.join(directory)).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "mmdb")).collect()
}

/// The files are of some kilobytes; the greatest table that they justify is that of the barriers.
fn assert_modest() {
    let largest = LARGEST.load(Ordering::Relaxed);
    assert!(largest < 1 << 20, "{largest} octets were allocated at once");
}

static LARGEST: AtomicUsize = AtomicUsize::new(0);

struct Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

// SAFETY: every call is handed on as it is to the system's allocator.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
