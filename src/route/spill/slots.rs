//! From a split of clients divided at will to one by slots.
//!
//! Groups that go more than one way are few once no circle of groups and azs is left in which they
//! could trade places. What remains are trees. Each is walked from its tightest az on; where a group's
//! share of an az is no whole number of slots, it is rounded up where the az has the room for it, and the
//! azs behind get what is left. So an az is above its share by no more than its room, or by less than one
//! slot: the one that the walk came by.

use super::flow::{Room, Supply};

/// How many slots of each group go each of its ways, about as much as `flows` says. `slots` says how many each
/// group has.
pub(super) fn round(
    rooms: &[Room],
    supplies: &[Supply],
    slots: &[u16],
    mut flows: Vec<Vec<u64>>,
) -> Vec<Vec<u16>> {
    let mut taken: Vec<Vec<u16>> = flows.iter().map(|flows| vec![0; flows.len()]).collect();
    let mut trees = Trees::new(rooms.len(), supplies);
    for (group, flows) in flows.iter().enumerate() {
        let mut used = (0..flows.len()).filter(|&way| flows[way] > 0);
        match (used.next(), used.next()) {
            // Whoever is no load goes to the next az.
            (None, _) => taken[group][0] = slots[group],
            (Some(only), None) => taken[group][only] = slots[group],
            (Some(_), Some(_)) => trees.split.push(group),
        }
    }
    trees.grow(&mut flows);
    let spare = spare(rooms, supplies, &flows);
    let mut walk = Walk { trees: &trees, slots, flows: &flows, spare, taken: &mut taken };
    walk.all();
    taken
}

/// How much more each az takes before it is above a limit that it is not above yet.
fn spare(rooms: &[Room], supplies: &[Supply], flows: &[Vec<u64>]) -> Vec<f64> {
    let mut loads = vec![0; rooms.len()];
    for (supply, flows) in supplies.iter().zip(flows) {
        for (&(az, _), flow) in supply.ways.iter().zip(flows) {
            loads[az] += flow;
        }
    }
    let spare = |(room, &load): (&Room, &u64)| match *room {
        Room { soft: u64::MAX, .. } => f64::INFINITY,
        Room { soft, .. } if load <= soft => (soft - load) as f64,
        Room { hard, .. } if load <= hard => (hard - load) as f64,
        Room { .. } => f64::INFINITY,
    };
    rooms.iter().zip(&loads).map(spare).collect()
}

/// The groups that go several ways and the azs where these lead, without circles.
struct Trees<'a> {
    supplies: &'a [Supply],
    split: Vec<usize>,
    /// By az: which ways of which groups lead there.
    at_az: Vec<Vec<Edge>>,
    /// By group.
    at_group: Vec<Vec<Edge>>,
}

/// A way of a group that some of it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Edge {
    group: usize,
    way: usize,
}

impl<'a> Trees<'a> {
    fn new(azs: usize, supplies: &'a [Supply]) -> Self {
        Self {
            supplies,
            split: Vec::new(),
            at_az: vec![Vec::new(); azs],
            at_group: vec![Vec::new(); supplies.len()],
        }
    }

    fn az(&self, edge: Edge) -> usize {
        self.supplies[edge.group].ways[edge.way].0
    }

    fn cost(&self, edge: Edge) -> i64 {
        self.supplies[edge.group].ways[edge.way].1
    }

    /// Adds the ways of split groups one by one. A way that closes a circle is taken in only after
    /// flow went round it, at no cost, until one of its ways was empty.
    fn grow(&mut self, flows: &mut [Vec<u64>]) {
        for group in self.split.clone() {
            for way in 0..flows[group].len() {
                if flows[group][way] == 0 {
                    continue;
                }
                let edge = Edge { group, way };
                if let Some(path) = self.path(edge) {
                    self.turn(edge, &path, flows);
                }
                if flows[group][way] > 0 {
                    let az = self.az(edge);
                    self.at_az[az].push(edge);
                    self.at_group[group].push(edge);
                }
            }
        }
    }

    /// The edges that lead from the edge's az to its group, if any do.
    fn path(&self, edge: Edge) -> Option<Vec<Edge>> {
        let mut ways = vec![(self.az(edge), vec![])];
        while let Some((az, path)) = ways.pop() {
            for &there in self.at_az[az].iter().filter(|it| path.last() != Some(*it)) {
                let path = [&path[..], &[there]].concat();
                if there.group == edge.group {
                    return Some(path);
                }
                for &back in self.at_group[there.group].iter().filter(|it| **it != there) {
                    ways.push((self.az(back), [&path[..], &[back]].concat()));
                }
            }
        }
        None
    }

    /// Sends as much as can be round the circle of `edge` and `path`, the way that does not cost.
    fn turn(&mut self, edge: Edge, path: &[Edge], flows: &mut [Vec<u64>]) {
        let circle: Vec<Edge> = [&[edge], path].concat();
        let (mut more, mut less): (Vec<Edge>, Vec<Edge>) = (Vec::new(), Vec::new());
        for (position, &edge) in circle.iter().enumerate() {
            if position % 2 == 0 { more.push(edge) } else { less.push(edge) }
        }
        let cost = |edges: &[Edge]| edges.iter().map(|&edge| self.cost(edge)).sum::<i64>();
        if cost(&more) > cost(&less) {
            std::mem::swap(&mut more, &mut less);
        }
        let amount = less.iter().map(|edge| flows[edge.group][edge.way]).min().unwrap_or(0);
        for edge in more {
            flows[edge.group][edge.way] += amount;
        }
        for edge in less {
            flows[edge.group][edge.way] -= amount;
            if flows[edge.group][edge.way] == 0 {
                let az = self.az(edge);
                self.at_az[az].retain(|it| *it != edge);
                self.at_group[edge.group].retain(|it| *it != edge);
            }
        }
    }
}

/// A walk through the trees, which rounds on its way.
struct Walk<'a> {
    trees: &'a Trees<'a>,
    slots: &'a [u16],
    flows: &'a [Vec<u64>],
    /// How much more than its share each az may take.
    spare: Vec<f64>,
    taken: &'a mut [Vec<u16>],
}

impl Walk<'_> {
    fn all(&mut self) {
        let mut tightest: Vec<usize> = (0..self.spare.len()).collect();
        tightest.sort_by(|&one, &other| {
            self.spare[one].total_cmp(&self.spare[other]).then(one.cmp(&other))
        });
        let mut is_done = vec![false; self.spare.len()];
        for root in tightest {
            let mut next = vec![(root, None)];
            while let Some((az, by)) = next.pop() {
                if !std::mem::replace(&mut is_done[az], true) {
                    self.leave_az(az, by, &mut next);
                }
            }
        }
    }

    /// Rounds what leads to an az, but for the edge that the walk came by, and goes on.
    fn leave_az(&mut self, az: usize, by: Option<usize>, next: &mut Vec<(usize, Option<usize>)>) {
        let edges: Vec<Edge> = self.trees.at_az[az].clone();
        for edge in edges.into_iter().filter(|edge| Some(edge.group) != by) {
            let slots = self.low(edge);
            let is_up = self.is_broken(edge) && self.rise(edge) <= self.spare[az];
            self.take(edge, if is_up { slots + 1 } else { slots });
            self.leave_group(edge, next);
        }
    }

    /// Rounds the other ways of a group, and goes on to their azs.
    fn leave_group(&mut self, decided: Edge, next: &mut Vec<(usize, Option<usize>)>) {
        let group = decided.group;
        let others = self.trees.at_group[group].iter().copied().filter(|it| *it != decided);
        let mut others: Vec<Edge> = others.collect();
        let low: u16 = others.iter().map(|&edge| self.low(edge)).sum();
        let mut left = self.slots[group] - self.taken[group][decided.way] - low;
        // Where rounding up leaves most room first.
        let after = |edge: Edge| self.spare[self.trees.az(edge)] - self.rise(edge);
        let key = |edge: Edge| (!self.is_broken(edge), after(edge));
        others.sort_by(|&one, &other| {
            let ((one_whole, one_after), (other_whole, other_after)) = (key(one), key(other));
            one_whole.cmp(&other_whole).then(other_after.total_cmp(&one_after))
        });
        for edge in others {
            let up = left.min(1);
            left -= up;
            self.take(edge, self.low(edge) + up);
            next.push((self.trees.az(edge), Some(group)));
        }
    }

    fn take(&mut self, edge: Edge, slots: u16) {
        let share = self.flows[edge.group][edge.way] as f64;
        let taken = f64::from(slots) * self.worth(edge.group);
        self.spare[self.trees.az(edge)] -= taken - share;
        self.taken[edge.group][edge.way] = slots;
    }

    /// The share of an edge in slots, rounded down.
    fn low(&self, edge: Edge) -> u16 {
        let (low, _) = self.share(edge);
        low
    }

    /// Whether the share of an edge is no whole number of slots.
    fn is_broken(&self, edge: Edge) -> bool {
        let (_, rest) = self.share(edge);
        rest > 0
    }

    fn share(&self, edge: Edge) -> (u16, u128) {
        let flow = u128::from(self.flows[edge.group][edge.way]);
        let amount = u128::from(self.trees.supplies[edge.group].amount).max(1);
        let product = flow * u128::from(self.slots[edge.group]);
        ((product / amount) as u16, product % amount)
    }

    /// How much more than the share of an edge it is when rounded up.
    fn rise(&self, edge: Edge) -> f64 {
        let up = f64::from(self.low(edge)) + 1.0;
        up * self.worth(edge.group) - self.flows[edge.group][edge.way] as f64
    }

    /// What a slot of a group amounts to.
    fn worth(&self, group: usize) -> f64 {
        self.trees.supplies[group].amount as f64 / f64::from(self.slots[group].max(1))
    }
}

/// What a split breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measure {
    /// How much is above hard limits.
    above_hard: f64,
    /// How much is above soft limits.
    above_soft: f64,
}

impl Measure {
    pub(super) fn of_flows(rooms: &[Room], supplies: &[Supply], flows: &[Vec<u64>]) -> Self {
        Self::of(rooms, supplies, |group, way| flows[group][way] as f64)
    }

    pub(super) fn of_slots(
        rooms: &[Room],
        supplies: &[Supply],
        slots: &[u16],
        taken: &[Vec<u16>],
    ) -> Self {
        Self::of(rooms, supplies, |group, way| {
            let share = f64::from(taken[group][way]) / f64::from(slots[group].max(1));
            share * supplies[group].amount as f64
        })
    }

    fn of(rooms: &[Room], supplies: &[Supply], amount: impl Fn(usize, usize) -> f64) -> Self {
        let mut loads = vec![0.0; rooms.len()];
        for (group, supply) in supplies.iter().enumerate() {
            for (way, &(az, _)) in supply.ways.iter().enumerate() {
                loads[az] += amount(group, way);
            }
        }
        let above = |limit: fn(&Room) -> u64| {
            let above = |(room, load): (&Room, &f64)| (load - limit(room) as f64).max(0.0);
            rooms.iter().zip(&loads).map(above).sum()
        };
        Self { above_hard: above(|room| room.hard), above_soft: above(|room| room.soft) }
    }

    /// Whether it breaks more than another does, hard limits before soft ones, by more than what
    /// summing loses.
    pub(super) fn breaks_more_than(&self, other: &Self) -> bool {
        let is_more = |one: f64, other: f64| one > other + 1.0;
        is_more(self.above_hard, other.above_hard)
            || !is_more(other.above_hard, self.above_hard)
                && is_more(self.above_soft, other.above_soft)
    }
}
