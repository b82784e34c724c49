//! Azs by distance, the whole order from the first few.
//!
//! Only the first [`DEPTH`] azs go by distance from the client's place; the others go by distance
//! from the first, so that few orders arise and prefixes of equal order are wide. So the first
//! few tell the whole order, and a load that orders azs for each of many places sorts only these.

use super::{Az, AzId};
use crate::geo::{Direction, point::angle};
use crate::id::IdVec;

/// How many azs are ordered by their distance from the place itself.
pub(super) const DEPTH: usize = 4;

/// The azs to order.
#[derive(Debug)]
pub(super) struct Candidates {
    /// In the order of their ids.
    candidates: Vec<Candidate>,
    /// Whether biases differ. Where they don't, chords order azs as distances do.
    is_biased: bool,
}

#[derive(Debug)]
struct Candidate {
    az: AzId,
    /// `None` for an az without location, which is farther than any other.
    direction: Option<Direction>,
    bias: f64,
}

/// The nearest azs, by their positions among the candidates; [`NONE`] behind the last.
pub(super) type Nearest = [u16; DEPTH];

/// No candidate: there are fewer than 65,536.
pub(super) const NONE: u16 = u16::MAX;

impl Candidates {
    /// These azs, ascending.
    pub(super) fn new(ids: impl Iterator<Item = AzId>, azs: &IdVec<AzId, Az>) -> Self {
        let candidate = |az| {
            let Az { location, bias, .. } = azs[az];
            Candidate { az, direction: location.map(Direction::of), bias }
        };
        let candidates: Vec<_> = ids.map(candidate).collect();
        let is_biased = candidates.windows(2).any(|pair| pair[0].bias != pair[1].bias);
        Self { candidates, is_biased }
    }

    /// The `depth` azs that are nearest to `from`, at most [`DEPTH`]; equally near ones by id.
    pub(super) fn nearest(&self, depth: usize, from: Direction) -> Nearest {
        let mut nearest = [(f64::INFINITY, NONE); DEPTH];
        let nearest = &mut nearest[..depth];
        for (position, candidate) in (0..NONE).zip(&self.candidates) {
            let found = (self.distance(candidate, from), position);
            let after = nearest.iter().rposition(|other| *other < found).map_or(0, |at| at + 1);
            if let Some(rest) = nearest.get_mut(after..).filter(|rest| !rest.is_empty()) {
                rest.rotate_right(1);
                rest[0] = found;
            }
        }
        let mut positions = [NONE; DEPTH];
        for (slot, (_, position)) in positions.iter_mut().zip(nearest) {
            *slot = *position;
        }
        positions
    }

    /// Appends all candidates to `order`: the nearest, then the others by distance from the first.
    pub(super) fn append_to(&self, order: &mut Vec<AzId>, nearest: Nearest) {
        let nearest: Vec<_> =
            nearest.iter().filter_map(|at| self.candidates.get(usize::from(*at))).collect();
        order.extend(nearest.iter().map(|candidate| candidate.az));
        let first = nearest.first().and_then(|first| first.direction);
        let is_far = |far: &&Candidate| nearest.iter().all(|near| near.az != far.az);
        let far = self.candidates.iter().filter(is_far);
        let distance = |far| first.map_or(f64::INFINITY, |first| self.distance(far, first));
        let mut far: Vec<_> = far.map(|far| (distance(far), far.az)).collect();
        far.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        order.extend(far.into_iter().map(|(_, az)| az));
    }

    /// What orders as distance times bias does.
    #[inline]
    fn distance(&self, candidate: &Candidate, from: Direction) -> f64 {
        let Some(direction) = candidate.direction else { return f64::INFINITY };
        let chord_squared = direction.chord_squared(from);
        if self.is_biased { candidate.bias * angle(chord_squared) } else { chord_squared }
    }
}
