//! How long it takes to say which slots of displaced clients spill where: groups of clients all over
//! the world whose az is lost, and azs that have room for them only together.

use divan::Bencher;
use meridian::geo::Point;
use meridian::id::IdVec;
use meridian::route::AzId;
use meridian::route::spill::{AzLoad, Capacity, Displaced, Way, spill};

fn main() {
    divan::main();
}

/// Groups and azs; together they have a tenth more room than is needed.
#[divan::bench(args = [(200, 5), (2_000, 20), (20_000, 20), (2_000, 64)], sample_count = 20)]
fn split(bencher: Bencher<'_, '_>, (groups, azs): (u32, u16)) {
    let point = |seed: u32| {
        let random = |salt: u32| f64::from(mix(seed ^ salt << 24)) / f64::from(u32::MAX);
        Point::new(140.0 * random(1) - 60.0, 360.0 * random(2) - 180.0)
    };
    let places: Vec<_> = (0..u32::from(azs)).filter_map(point).collect();
    let group = |seed: u32| {
        let from = point(1_000 + seed)?;
        let way =
            |(az, to): (u16, &Point)| Way { az: AzId(az), added_km: from.distance_km(*to) as u32 };
        let mut ways: Vec<Way> = (0..).zip(&places).map(way).collect();
        ways.sort_by_key(|way| way.added_km);
        Some(Displaced { demand: f64::from(1 + mix(seed) % 100), first_slot: 0, ways })
    };
    let displaced: Vec<_> = (0..groups).filter_map(group).collect();
    let demand: f64 = displaced.iter().map(|group| group.demand).sum();
    let room = 1.1 * demand / f64::from(azs);
    let capacity = Some(Capacity { soft: room, hard: 2.0 * room });
    let azs: IdVec<AzId, AzLoad> = (0..azs).map(|_| AzLoad { capacity, load: 0.0 }).collect();
    assert!(spill(&azs, &displaced).excesses.is_empty());
    bencher.bench(|| spill(&azs, &displaced));
}

fn mix(seed: u32) -> u32 {
    let mixed = (seed ^ seed >> 16).wrapping_mul(0x45d9_f3b3);
    (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d) ^ mixed >> 12
}
