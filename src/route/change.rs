//! How many clients an update of the databases sends elsewhere: the share of the address space whose
//! first az, in any view, is another one after it.
//!
//! Health plays no part. IPv4 is measured against all addresses that clients can have, IPv6 against
//! the /64s of which either database set knows anything, for most of it nobody has been given.

mod moves;

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{AzId, Preferences, ViewId};
use crate::geo::mixer::Mixer;
use crate::geo::{self, Overlap, Place, PlaceId, Places, View};
use crate::id::IdVec;

pub use moves::{Move, Moves, Side};

/// What an update changes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Change {
    /// Of IPv4 addresses.
    pub ipv4: Share,
    /// Of IPv6 /64s.
    pub ipv6: Share,
    /// The widest range of IPv4 addresses that it sends elsewhere; for want of one, of IPv6.
    pub example: Option<Example>,
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole.
    pub of: u64,
}

/// A network that has another first az.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The network.
    pub network: IpNet,
    /// The first view in which it has another one.
    pub view: ViewId,
    /// The first az before.
    pub from: AzId,
    /// The first az after.
    pub to: AzId,
}

/// Places, and every view of them.
#[derive(Clone, Copy, Debug)]
pub struct Views<'a> {
    /// The places.
    pub places: &'a Places,
    /// The views of the topology.
    pub views: &'a IdVec<ViewId, Arc<View>>,
    /// Their preferences.
    pub preferences: &'a IdVec<ViewId, Arc<Preferences>>,
}

impl Change {
    /// From the views of one topology before an update to those after it.
    pub fn between(before: Views<'_>, after: Views<'_>) -> Self {
        let kinds = Kinds::of(before, after);
        let mut change = Self::default();
        let mut widest: Option<Overlap> = None;
        geo::overlaps(before.places, after.places, |overlap| {
            let moved = kinds.before[overlap.before] != kinds.after[overlap.after];
            let share = match overlap.first {
                IpAddr::V4(_) => &mut change.ipv4,
                IpAddr::V6(_) if before.knows(overlap.before) || after.knows(overlap.after) => {
                    &mut change.ipv6
                }
                IpAddr::V6(_) => return,
            };
            share.of += overlap.size;
            if moved {
                share.part += overlap.size;
                let is_wider = widest.is_none_or(|widest| {
                    (overlap.first.is_ipv4(), overlap.size) > (widest.first.is_ipv4(), widest.size)
                });
                widest = if is_wider { Some(overlap) } else { widest };
            }
        });
        change.example = widest.and_then(|overlap| example(before, after, overlap));
        change
    }
}

impl Share {
    /// From 0 to 1.
    pub fn fraction(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.part as f64 / self.of as f64 }
    }
}

/// As in `27.3 %`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", 100.0 * self.fraction())
    }
}

impl Views<'_> {
    fn first(&self, view: ViewId, place: PlaceId) -> Option<AzId> {
        self.preferences[view].order(self.views[view].preference(place)).first().copied()
    }

    fn knows(&self, place: PlaceId) -> bool {
        *self.places.place(place) != Place::default()
    }
}

/// The kind of every place: two of one kind have the same first az in all views.
struct Kinds {
    before: IdVec<PlaceId, u32>,
    after: IdVec<PlaceId, u32>,
}

impl Kinds {
    /// Places begin as one kind; each view divides them further.
    fn of(before: Views<'_>, after: Views<'_>) -> Self {
        let one_kind = |of: Views<'_>| of.places.places().ids().map(|_| 0).collect();
        let mut kinds = Self { before: one_kind(before), after: one_kind(after) };
        for view in before.views.ids() {
            let mut known: HashMap<u64, u32, BuildHasherDefault<Mixer>> = HashMap::default();
            let mut divide = |of: Views<'_>, kinds: &mut IdVec<PlaceId, u32>| {
                for (place, kind) in of.places.places().ids().zip(kinds.values_mut()) {
                    let count = known.len() as u32;
                    let first = of.first(view, place).map_or(0, |az| u64::from(az.0) + 1);
                    *kind = *known.entry(u64::from(*kind) << 32 | first).or_insert(count);
                }
            };
            divide(before, &mut kinds.before);
            divide(after, &mut kinds.after);
        }
        kinds
    }
}

fn example(before: Views<'_>, after: Views<'_>, overlap: Overlap) -> Option<Example> {
    before.views.ids().find_map(|view| {
        let from = before.first(view, overlap.before)?;
        let to = after.first(view, overlap.after)?;
        (from != to).then(|| Example { network: overlap.network(), view, from, to })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::{Strategy, proptest};

    use super::*;
    use crate::geo::PreferenceId;

    const PLACES: u32 = 4;

    /// How many addresses of each /8 clients can have, but for ranges smaller than a /16.
    static ROUTABLE: LazyLock<Vec<u64>> = LazyLock::new(|| {
        let is_routable = |a, b| u64::from(geo::is_routable([a, b, 128, 0].into()));
        (0..=255).map(|a| (0..=255).map(|b| is_routable(a, b) << 16).sum()).collect()
    });

    /// The place of each /8 of both families.
    fn ranges() -> impl Strategy<Value = Vec<PlaceId>> {
        proptest::collection::vec((0..PLACES).prop_map(PlaceId), 256)
    }

    /// The first az of each place, in each of two views.
    fn firsts() -> impl Strategy<Value = [Vec<u16>; 2]> {
        let view = || proptest::collection::vec(0..3_u16, PLACES as usize);
        [view(), view()]
    }

    struct World {
        places: Places,
        views: IdVec<ViewId, Arc<View>>,
        preferences: IdVec<ViewId, Arc<Preferences>>,
    }

    impl World {
        fn new(ranges: &[PlaceId], firsts: &[Vec<u16>; 2]) -> Self {
            let ipv4: Vec<_> = (0_u32..).zip(ranges).map(|(n, place)| (n << 24, *place)).collect();
            let ipv6: Vec<_> = (0_u64..).zip(ranges).map(|(n, place)| (n << 56, *place)).collect();
            let places = Places::of_ranges(PLACES, &ipv4, &ipv6);
            let preferences = Preferences::from_iter((0..3).map(|az| Box::from([AzId(az)])));
            let preferences = IdVec::from_iter([(); 2].map(|()| Arc::new(preferences.clone())));
            let views = firsts.iter().map(|firsts| {
                let first = |place: PlaceId, _| Some(PreferenceId(firsts[place.0 as usize]));
                Arc::new(View::build(&places, &[], first).unwrap())
            });
            Self { views: views.collect(), places, preferences }
        }

        fn views(&self) -> Views<'_> {
            let Self { places, views, preferences } = self;
            Views { places, views, preferences }
        }

        fn firsts(&self, ip: IpAddr) -> Vec<&[AzId]> {
            let views = self.views.ids();
            let order =
                |view: ViewId| self.preferences[view].order(self.views[view].find(ip).preference);
            views.map(order).collect()
        }
    }

    proptest! {
        #[test]
        fn the_share_is_that_of_the_addresses_with_another_first_az(
            before in ranges(),
            after in ranges(),
            firsts_before in firsts(),
            firsts_after in firsts(),
        ) {
            let before = World::new(&before, &firsts_before);
            let after = World::new(&after, &firsts_after);
            let change = Change::between(before.views(), after.views());
            let mut ipv4 = Share::default();
            for (n, size) in (0..=u8::MAX).zip(ROUTABLE.iter()) {
                let ip = IpAddr::from([n, 0, 0, 0]);
                ipv4.of += size;
                ipv4.part += if before.firsts(ip) == after.firsts(ip) { 0 } else { *size };
            }
            let error = (change.ipv4.fraction() - ipv4.fraction()).abs();
            assert!(error < 1e-4, "{change:?} {ipv4:?}");
            let is_another = |example: Example| {
                let ip = example.network.network();
                before.firsts(ip) != after.firsts(ip) && geo::holds_routable(example.network)
            };
            assert_eq!(change.example.is_some(), change.ipv4.part + change.ipv6.part > 0);
            assert!(change.example.is_none_or(is_another), "{change:?}");
        }
    }

    #[test]
    fn ipv6_that_nobody_knows_does_not_count() {
        let nowhere = vec![PlaceId(0); 256];
        let firsts = [vec![0, 1, 2, 0], vec![0; 4]];
        let world = World::new(&nowhere, &firsts);
        assert_eq!(Change::between(world.views(), world.views()).ipv6, Share::default());
    }
}
