//! The split of clients that can be divided at will: a flow of least cost from groups to azs, by
//! successive shortest paths.
//!
//! There are many groups and few azs, so the paths lead over azs alone: from an az to another at the
//! cost of moving whoever moves most cheaply. Groups come in one after the other, and each leaves the
//! flow of all before it at the least cost. No az ever loses load on the way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How much more an az takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Below its soft limit.
    pub(super) soft: u64,
    /// Below its hard limit; at least `soft`.
    pub(super) hard: u64,
}

impl Room {
    pub(super) const UNLIMITED: Self = Self { soft: u64::MAX, hard: u64::MAX };

    /// What one more costs an az that took `taken`, and how many more cost that; `None` if it is
    /// full.
    fn next(self, taken: u64) -> Option<(i64, u64)> {
        if taken < self.soft {
            Some((0, self.soft - taken))
        } else if taken < self.hard {
            Some((ABOVE_SOFT, self.hard - taken))
        } else {
            None
        }
    }
}

/// Clients to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Supply {
    /// How much there is to place.
    pub(super) amount: u64,
    /// The azs that take it and what each costs, from 0 on and ascending; never empty.
    pub(super) ways: Vec<(usize, i64)>,
}

/// How much of each supply goes each of its ways, so that as little as can be is above hard limits;
/// then above soft ones; and then what it costs is least. What has no room goes the first way.
pub(super) fn assign(rooms: &[Room], supplies: &[Supply]) -> Vec<Vec<u64>> {
    let mut flow = Flow::new(rooms, supplies);
    for (group, supply) in supplies.iter().enumerate() {
        let mut left = supply.amount;
        while left > 0 {
            left -= flow.augment(group, left);
        }
    }
    flow.finish()
}

struct Flow<'a> {
    supplies: &'a [Supply],
    /// The azs, and behind them one for whatever finds no room.
    rooms: Vec<Room>,
    /// How much each az took.
    taken: Vec<u64>,
    /// By group and az: the cost, [`NO_WAY`] where there is none.
    costs: Vec<i64>,
    /// By group and az.
    amounts: Vec<u64>,
    /// By az and az: whom to move, the cheapest first. Some have nothing at the az any more.
    moves: Vec<BinaryHeap<Reverse<(i64, usize)>>>,
}

/// How an az is reached at the least cost.
#[derive(Clone, Copy)]
struct Step {
    cost: i64,
    /// From which az, and by moving which group; `None`: by placing the group that came.
    from: Option<(usize, usize)>,
}

impl<'a> Flow<'a> {
    fn new(rooms: &[Room], supplies: &'a [Supply]) -> Self {
        let mut rooms = rooms.to_vec();
        let nowhere = rooms.len();
        rooms.push(Room::UNLIMITED);
        let width = rooms.len();
        let mut costs = vec![NO_WAY; supplies.len() * width];
        for (group, supply) in supplies.iter().enumerate() {
            for &(az, cost) in &supply.ways {
                costs[group * width + az] = cost;
            }
            costs[group * width + nowhere] = 0;
        }
        Self {
            supplies,
            taken: vec![0; width],
            amounts: vec![0; costs.len()],
            costs,
            moves: (0..width * width).map(|_| BinaryHeap::new()).collect(),
            rooms,
        }
    }

    fn width(&self) -> usize {
        self.rooms.len()
    }

    /// Places at most `left` of a group at the least cost; how much it placed.
    fn augment(&mut self, group: usize, left: u64) -> u64 {
        let width = self.width();
        let steps = self.steps(group);
        let (end, room) = self.end(&steps);
        let mut amount = left.min(room);
        let mut az = end;
        while let Some((from, moved)) = steps[az].from {
            amount = amount.min(self.amounts[moved * width + from]);
            az = from;
        }
        let mut az = end;
        while let Some((from, moved)) = steps[az].from {
            self.put(moved, az, amount);
            self.amounts[moved * width + from] -= amount;
            az = from;
        }
        self.put(group, az, amount);
        self.taken[end] += amount;
        amount
    }

    /// The least cost of bringing one more of the group to each az.
    fn steps(&mut self, group: usize) -> Vec<Step> {
        let width = self.width();
        let costs = &self.costs[group * width..][..width];
        let mut steps: Vec<Step> = costs.iter().map(|&cost| Step { cost, from: None }).collect();
        let mut is_new: Vec<bool> = steps.iter().map(|step| step.cost < NO_WAY).collect();
        while let Some(from) = is_new.iter().position(|&is_new| is_new) {
            is_new[from] = false;
            // Where there is room, to go on costs no less than to stay.
            if self.taken[from] < self.rooms[from].soft && from + 1 < width {
                continue;
            }
            for to in 0..width {
                let Some((cost, moved)) = self.cheapest_move(from, to) else { continue };
                let cost = steps[from].cost + cost;
                if cost < steps[to].cost {
                    steps[to] = Step { cost, from: Some((from, moved)) };
                    is_new[to] = true;
                }
            }
        }
        steps
    }

    /// The az where a path ends at the least cost, and how much it takes at that.
    fn end(&self, steps: &[Step]) -> (usize, u64) {
        let nowhere = self.width() - 1;
        let ends = steps.iter().zip(&self.rooms).zip(&self.taken).enumerate();
        let ends = ends.filter(|(_, ((step, _), _))| step.cost < NO_WAY);
        let ends = ends.filter_map(|(az, ((step, room), &taken))| {
            let (cost, more) = room.next(taken)?;
            let cost = if az == nowhere { cost + NO_ROOM } else { cost };
            Some((step.cost + cost, az, more))
        });
        let (_, az, more) = ends.min().expect("the last has room for all");
        (az, more)
    }

    /// Who moves from an az to another at the least cost, and that cost.
    fn cheapest_move(&mut self, from: usize, to: usize) -> Option<(i64, usize)> {
        let width = self.width();
        let moves = &mut self.moves[from * width + to];
        while let Some(&Reverse((cost, group))) = moves.peek() {
            if self.amounts[group * width + from] > 0 {
                return Some((cost, group));
            }
            moves.pop();
        }
        None
    }

    fn put(&mut self, group: usize, az: usize, amount: u64) {
        let width = self.width();
        let has_none = self.amounts[group * width + az] == 0;
        self.amounts[group * width + az] += amount;
        if !has_none {
            return;
        }
        let cost = |az: usize| self.costs[group * width + az];
        let ways = self.supplies[group].ways.iter().map(|&(to, _)| to).chain([width - 1]);
        for to in ways.filter(|&to| to != az) {
            self.moves[az * width + to].push(Reverse((cost(to) - cost(az), group)));
        }
    }

    fn finish(self) -> Vec<Vec<u64>> {
        let width = self.width();
        let of_group = |(group, supply): (usize, &Supply)| {
            let amounts = &self.amounts[group * width..][..width];
            let mut ways: Vec<u64> = supply.ways.iter().map(|&(az, _)| amounts[az]).collect();
            if let Some(first) = ways.first_mut() {
                *first += amounts[width - 1];
            }
            ways
        };
        self.supplies.iter().enumerate().map(of_group).collect()
    }
}

/// More than the distances of any path add up to.
const ABOVE_SOFT: i64 = 1 << 36;

/// More than any path costs whose end has room.
const NO_ROOM: i64 = 1 << 44;

/// More than any path costs.
const NO_WAY: i64 = 1 << 52;
