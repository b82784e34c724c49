//! Capacity in the director: when other azs become eligible, which displaced clients go on to which az.
//!
//! Clients are displaced whose first az does not admit them. Its load, divided among them by how a view's
//! clients are spread, is split anew by [`spill`] whenever azs of a pool become eligible or not; the split becomes
//! limits of the rows. An az that comes back slot by slot takes its own clients from where the split has them,
//! which leaves it as it is, so that each of them moves once; it gets no others until it is back.
//!
//! Without limits of azs nothing of this happens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::director::Director;
use super::loads::Loads;
use super::pool_health::AzHealth;
use super::row::Limits;
use super::spill::{self, AzLoad, Displaced, Excess, Limit, Way};
use super::status::{CapacityStatus, ShownExcess};
use super::{AzId, AzState, BrokenLimit, PoolId, ViewId};
use crate::geo::{PreferenceId, Slot};
use crate::health::{HealthState, MonitorId};
use crate::id::{Id, IdVec};
use crate::time::Now;

/// Who spilled where, and from what that follows.
#[derive(Debug, Default)]
pub(super) struct Spilling {
    pub(super) loads: Loads,
    /// How many clients asked with each preference of a pool, where that was counted.
    queries: BTreeMap<PoolId, Box<[u64]>>,
    /// Of each pool, the slots that each of its azs keeps.
    kept: IdVec<PoolId, Kept>,
    limits: HashMap<(ViewId, Kept), Arc<Limits>>,
    /// What each az carries with displaced clients, by the latest split.
    carried: IdVec<AzId, f64>,
    /// The limits of azs that displaced clients break.
    excesses: Vec<Excess>,
    /// Those that were told.
    told: Vec<(AzId, Limit)>,
    /// How many limits were made.
    made: u64,
}

/// The slots below it are an az's own as usual; parallel to `Pool::azs`.
type Kept = Box<[u16]>;

impl Director {
    /// What limits the azs of a pool, if anything does.
    pub(super) fn limits(&self, pool: PoolId) -> Option<&Arc<Limits>> {
        let kept = self.spilling.kept.get(pool)?;
        let view = self.routing.topology.pools[pool].view;
        self.spilling.limits.get(&(view, kept.clone()))
    }

    /// Takes in how many queries there were for each preference of a pool, all of them since the same time. By
    /// them an az's load is divided if it reports it, all pools of it have them, and they are at least
    /// a thousand; by addresses otherwise.
    pub fn learn_queries(&mut self, queries: BTreeMap<PoolId, Box<[u64]>>) {
        self.spilling.queries = queries;
    }

    /// How many queries there were of clients who have this az of a pool first; `None` where that is not known.
    pub(super) fn queries(&self, pool: PoolId, az: AzId) -> Option<u64> {
        let queries = self.spilling.queries.get(&pool)?;
        let preferences = &self.routing.preferences[self.routing.topology.pools[pool].view];
        let of =
            preferences.iter().zip(queries).filter(|((_, order), _)| order.first() == Some(&az));
        Some(of.map(|(_, count)| count).sum())
    }

    /// Begins anew, as after a reload; azs have the loads that `own` tells.
    pub(super) fn restart_spilling(&mut self, own: IdVec<AzId, Option<f64>>, now: Now) {
        let monitors = self.routing.topology.monitors.len();
        let loads = Loads::new(monitors, own);
        self.spilling = Spilling { loads, made: self.spilling.made, ..Spilling::default() };
        if !self.has_limits() {
            return;
        }
        self.spilling.kept = self.pools.ids().map(|pool| self.kept(pool)).collect();
        self.split(now);
    }

    /// Splits displaced clients anew if azs of any of these pools keep others than they did. The pools whose
    /// limits change.
    pub(super) fn spill(&mut self, touched: impl Iterator<Item = PoolId>, now: Now) -> Vec<PoolId> {
        if !self.has_limits() {
            return Vec::new();
        }
        let mut is_same = true;
        for pool in touched {
            let kept = self.kept(pool);
            is_same &= self.spilling.kept[pool] == kept;
            self.spilling.kept[pool] = kept;
        }
        if is_same {
            return Vec::new();
        }
        let ids: Vec<PoolId> = self.pools.ids().collect();
        let before: Vec<_> = ids.iter().map(|pool| self.limits(*pool).cloned()).collect();
        self.split(now);
        let is_another = |pool: &PoolId, before: &Option<Arc<Limits>>| {
            self.limits(*pool).map(|it| it.number()) != before.as_ref().map(|it| it.number())
        };
        let changed = ids.iter().zip(&before).filter(|(pool, before)| is_another(pool, before));
        changed.map(|(pool, _)| *pool).collect()
    }

    /// The load that an az reported of its own clients.
    pub(super) fn own_load(&self, az: AzId) -> Option<f64> {
        self.spilling.loads.own(az)
    }

    /// Takes in the load that an endpoint reports.
    pub(super) fn take_load(&mut self, monitor: MonitorId, load: f64, now: Now) {
        self.spilling.loads.report(monitor, load.max(0.0));
        let topology = Arc::clone(&self.routing.topology);
        let azs = self.dependents[monitor].iter();
        let azs: BTreeSet<AzId> =
            azs.map(|(pool, at)| topology.pools[*pool].azs[usize::from(*at)].az).collect();
        for az in azs {
            let load = self.load_now(az);
            self.spilling.loads.count(az, load, now.mono);
        }
    }

    /// The limits that displaced clients break and that were not told yet.
    pub(super) fn broken_limits(&mut self) -> Vec<BrokenLimit> {
        let Spilling { loads, excesses, told, .. } = &mut self.spilling;
        let mut broken = excesses.iter().filter(|excess| loads.is_disturbed(excess.az));
        let new: Vec<_> = broken.clone().filter(|it| !told.contains(&(it.az, it.limit))).collect();
        let name = |az: AzId| self.routing.topology.azs[az].name.clone();
        let new = new.into_iter().map(|&Excess { az, limit, by }| BrokenLimit {
            az: name(az),
            limit,
            by,
        });
        let new = new.collect();
        *told = broken.by_ref().map(|excess| (excess.az, excess.limit)).collect();
        new
    }

    /// Each az with a capacity.
    pub(super) fn capacity_status(&self) -> Vec<CapacityStatus> {
        let topology = &self.routing.topology;
        if topology.capacities.limits.is_empty() {
            return Vec::new();
        }
        let firsts = self.firsts();
        let shown = topology.capacities.limits.iter().map(|(&az, capacity)| {
            let own = self.load(az, &firsts);
            let carried = self.spilling.carried.get(az).copied();
            let carried = carried.filter(|_| self.spilling.loads.is_disturbed(az));
            let load = carried.or(own).unwrap_or(0.0);
            let excess = spill::excess(az, *capacity, load);
            CapacityStatus {
                az: topology.azs[az].name.clone(),
                soft: capacity.soft,
                hard: capacity.hard,
                own,
                load,
                above: excess.map(|excess| ShownExcess { limit: excess.limit, by: excess.by }),
            }
        });
        shown.collect()
    }

    /// What an az reports, by its endpoints that are up.
    fn load_now(&self, az: AzId) -> Option<f64> {
        let pools = self.routing.topology.pools.values();
        let of_az = pools.flat_map(|pool| &pool.azs).filter(|it| it.az == az);
        let monitors = of_az.flat_map(|it| &it.endpoints).filter_map(|it| it.monitor);
        let monitors: BTreeSet<MonitorId> = monitors.collect();
        let is_up = |id: &MonitorId| self.watches[*id].monitor.state() == HealthState::Up;
        self.spilling.loads.now(monitors.into_iter().filter(is_up))
    }

    fn has_limits(&self) -> bool {
        !self.routing.topology.capacities.limits.is_empty()
    }

    fn kept(&self, pool: PoolId) -> Kept {
        self.pools[pool].azs.iter().map(kept).collect()
    }

    fn split(&mut self, now: Now) {
        let groups = self.displaced();
        let topology = Arc::clone(&self.routing.topology);
        let firsts = self.firsts();
        let mut azs: IdVec<AzId, AzLoad> = topology
            .azs
            .ids()
            .map(|az| AzLoad {
                capacity: topology.capacities.limits.get(&az).copied(),
                load: self.load(az, &firsts).unwrap_or(0.0),
            })
            .collect();
        // Whoever is displaced is no load where they come from.
        for group in &groups {
            let load = &mut azs[group.first].load;
            *load = (*load - group.clients.demand).max(0.0);
        }
        let displaced: Vec<Displaced> = groups.iter().map(|group| group.clients.clone()).collect();
        let spill = spill::spill(&azs, &displaced);
        let mut disturbed = BTreeSet::new();
        let mut limits: BTreeMap<&(ViewId, Kept), Limits> = BTreeMap::new();
        for (group, thresholds) in groups.iter().zip(&spill.thresholds) {
            disturbed.insert(group.first);
            let mut from = group.clients.first_slot;
            for (way, &until) in group.clients.ways.iter().zip(thresholds) {
                if until > from {
                    disturbed.insert(way.az);
                }
                from = until;
            }
            if thresholds.first().is_some_and(|&until| until < ALL) {
                let limits = limits.entry(&group.key).or_default();
                limits.set(group.preference, group.full_from(thresholds));
            }
        }
        let mut made = self.spilling.made;
        let limits = limits.into_iter().map(|(key, limits)| {
            // Limits that come out as before go on being the same.
            let known = self.spilling.limits.get(key).filter(|known| known.are_as(&limits));
            let new = || {
                made += 1;
                Arc::new(limits.numbered(made))
            };
            (key.clone(), known.cloned().unwrap_or_else(new))
        });
        self.spilling.limits = limits.collect();
        self.spilling.made = made;
        (self.spilling.carried, self.spilling.excesses) = (spill.loads, spill.excesses);
        let ttl = topology.pools.values().map(|pool| pool.ttl).max().unwrap_or(Duration::ZERO);
        self.spilling.loads.disturb(disturbed, now.mono + ttl);
    }

    /// The displaced clients of all pools; those of pools that share a view and the azs that may be
    /// used are one group for each preference.
    fn displaced(&self) -> Vec<Group> {
        let topology = &self.routing.topology;
        let mut alike: BTreeMap<(ViewId, Kept), Vec<PoolId>> = BTreeMap::new();
        for (pool, kept) in self.spilling.kept.iter() {
            if kept.iter().any(|&kept| kept < ALL) {
                let key = (topology.pools[pool].view, kept.clone());
                alike.entry(key).or_default().push(pool);
            }
        }
        let firsts = self.firsts();
        let groups = alike.iter().flat_map(|(key, pools)| {
            let preferences = &self.routing.preferences[key.0];
            let firsts = &firsts;
            preferences
                .iter()
                .filter_map(move |(preference, _)| self.group(key, pools, preference, firsts))
        });
        groups.collect()
    }

    /// The displaced clients with a preference in pools that are alike.
    fn group(
        &self,
        key: &(ViewId, Kept),
        pools: &[PoolId],
        preference: PreferenceId,
        firsts: &BTreeMap<AzId, First>,
    ) -> Option<Group> {
        let (view, kept) = key;
        let preferences = &self.routing.preferences[*view];
        let share = preferences.spread()?.share(preference);
        let azs = &self.routing.topology.views[*view].azs;
        let position = |az: &AzId| azs.binary_search(az).ok();
        let kept = |az: &AzId| position(az).map_or(0, |at| kept[at]);
        let (first, others) = preferences.order(preference).split_first()?;
        let asking = self.asking(pools, preference, share.part, &firsts[first]);
        if kept(first) == ALL || asking == 0.0 {
            return None;
        }
        let left = f64::from(ALL - kept(first)) / f64::from(ALL);
        let km = |at: usize| share.km.get(at).copied().unwrap_or(0);
        let ways = others.iter().enumerate().filter(|(_, az)| kept(az) == ALL);
        let ways = ways.map(|(at, &az)| Way { az, added_km: km(at + 1).saturating_sub(km(0)) });
        let ways: Vec<Way> = ways.collect();
        let coming_back = others.iter().filter(|az| (1..ALL).contains(&kept(az)));
        let id = |az: &AzId| position(az).map(|at| at as u16);
        Some(Group {
            key: key.clone(),
            preference,
            first: *first,
            positions: ways.iter().filter_map(|way| id(&way.az)).collect(),
            closed: coming_back.filter_map(id).collect(),
            clients: Displaced {
                demand: self.load(*first, firsts).unwrap_or(0.0) * asking * left,
                first_slot: kept(first),
                ways,
            },
        })
    }

    /// The share of an az's clients that have this preference, which it is first in, in these pools.
    fn asking(&self, pools: &[PoolId], preference: PreferenceId, part: u64, first: &First) -> f64 {
        let of = |pool: &PoolId| self.spilling.queries.get(pool)?.get(preference.index()).copied();
        match first.queries {
            Some(all) => pools.iter().filter_map(of).sum::<u64>() as f64 / all as f64,
            None if first.parts > 0 => {
                (part as u128 * pools.len() as u128) as f64 / first.parts as f64
            }
            None => 0.0,
        }
    }

    /// Whom each az has as the first of their order.
    fn firsts(&self) -> BTreeMap<AzId, First> {
        let mut by_az: BTreeMap<AzId, First> = BTreeMap::new();
        for (id, pool) in self.routing.topology.pools.iter() {
            let preferences = &self.routing.preferences[pool.view];
            let queries = self.spilling.queries.get(&id);
            for (preference, order) in preferences.iter() {
                let Some(&az) = order.first() else { continue };
                let part = preferences.spread().map_or(0, |it| it.share(preference).part);
                let first = by_az.entry(az).or_default();
                first.parts += u128::from(part);
                let asked = queries.map(|it| it.get(preference.index()).copied().unwrap_or(0));
                first.queries = first.queries.zip(asked).map(|(all, asked)| all + asked);
            }
        }
        for (az, first) in &mut by_az {
            let is_reported = self.own_load(*az).is_some();
            first.queries = first.queries.filter(|&all| is_reported && all >= ENOUGH);
        }
        by_az
    }

    /// The load of an az without displaced clients: as it reports, as is stated, or what is stated of its
    /// clients; `None` if nothing is.
    fn load(&self, az: AzId, firsts: &BTreeMap<AzId, First>) -> Option<f64> {
        let capacities = &self.routing.topology.capacities;
        let of_clients = || {
            let all = self.routing.topology.pools.len() as f64 * PART;
            Some(capacities.clients? * firsts.get(&az)?.parts as f64 / all)
        };
        let stated = || capacities.stated.get(&az).copied();
        self.spilling.loads.own(az).or_else(stated).or_else(of_clients)
    }
}

/// Displaced clients, and what they are.
struct Group {
    key: (ViewId, Kept),
    preference: PreferenceId,
    /// The az that they are displaced from.
    first: AzId,
    clients: Displaced,
    /// Of the ways' azs in the pool.
    positions: Vec<u16>,
    /// The azs in the pool that take no others' clients yet.
    closed: Vec<u16>,
}

impl Group {
    /// From which slot on azs, by their positions, are full for them.
    fn full_from(&self, thresholds: &[u16]) -> Vec<(u16, u16)> {
        let ways = self.positions.iter().copied().zip(thresholds.iter().copied());
        let closed = self.closed.iter().map(|&at| (at, 0));
        ways.filter(|&(_, until)| until < ALL).chain(closed).collect()
    }
}

/// Whom an az has as the first of their order.
struct First {
    /// Their parts of the clients of all pools.
    parts: u128,
    /// How many they asked, if its load is divided by that.
    queries: Option<u64>,
}

impl Default for First {
    fn default() -> Self {
        Self { parts: 0, queries: Some(0) }
    }
}

/// The slots below this one are the az's own, displaced from nowhere.
fn kept(health: &AzHealth) -> u16 {
    let admits = health.standing.admits;
    let eligible = match health.state {
        AzState::Ramping(ramp) if admits.eligible < ALL => ramp.from,
        _ => admits.eligible,
    };
    if health.service.is_kept {
        health.service.slots.min(admits.undrained)
    } else if health.standing.is_eligible() {
        eligible.min(admits.undrained)
    } else {
        0
    }
}

const ALL: u16 = Slot::COUNT as u16;

/// Fewer queries than these tell less of who asks than addresses do.
const ENOUGH: u64 = 1000;

/// All clients of a view.
const PART: f64 = (1_u64 << 32) as f64;
