//! What a name gives that a pool is bound to: addresses, or the name in a CNAME pool.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Kind, Observer, Response, Step};
use crate::answer::steer::Steered;
use crate::route::{Family, PoolId};
use crate::wire::{Full, Rcode, RecordType, Section};

impl<'s> Response<'s, '_> {
    /// The name is bound to a pool. `None` where that plays no part in what is asked for.
    pub(super) fn at_pool(
        &mut self,
        pool_id: PoolId,
        observer: &mut impl Observer<'s>,
    ) -> Result<Option<Step>, Full> {
        let pool = self.snapshot.routing.topology.pools.get(pool_id);
        match self.qtype {
            _ if pool.is_some_and(|pool| pool.is_cname()) => {
                self.put_target(pool_id, observer).map(Some)
            }
            RecordType::A => self.put_family(pool_id, Family::V4, observer).map(Some),
            RecordType::AAAA => self.put_family(pool_id, Family::V6, observer).map(Some),
            _ => Ok(None),
        }
    }

    /// The az's name, for any type: the pool's CNAME record.
    fn put_target(
        &mut self,
        pool_id: PoolId,
        observer: &mut impl Observer<'s>,
    ) -> Result<Step, Full> {
        let Some(steered) = self.decide(pool_id) else { return Ok(Step::Done) };
        observer.steered(&steered);
        self.scope = self.scope.max(steered.scope(None));
        let Some(target) = steered.az.and_then(|az| az.target.as_ref()) else {
            return self.negative(Kind::NoData, Some(steered.ttl)).map(|()| Step::Done);
        };
        (self.kind, self.az) = (Kind::Steered, steered.az_id);
        let (owner, wire) = (self.name_at, target.as_wire());
        let rtype = RecordType::CNAME;
        let at = self.writer.put_record(Section::Answer, owner, rtype, steered.ttl, wire)?;
        if matches!(self.qtype, RecordType::CNAME | RecordType::ANY) {
            return Ok(Step::Done);
        }
        self.name_at = at;
        Ok(self.name.read(wire).map_or(Step::Done, |()| Step::Alias))
    }

    /// The az's addresses of one family.
    fn put_family(
        &mut self,
        pool_id: PoolId,
        family: Family,
        observer: &mut impl Observer<'s>,
    ) -> Result<Step, Full> {
        let Some(mut steered) = self.decide(pool_id) else { return Ok(Step::Done) };
        // What no client could see otherwise has scope 0, and a TTL that goes by no client either.
        if !steered.pool.has_family(family) {
            steered.calm();
            observer.steered(&steered);
            return self.negative(Kind::NoData, Some(steered.ttl)).map(|()| Step::Done);
        }
        observer.steered(&steered);
        let window = steered.window(family);
        self.scope = self.scope.max(steered.scope(window.slot));
        let ttl = steered.ttl;
        let given = match (family, steered.az) {
            (Family::V4, Some(az)) => {
                let addresses = window.cut(&az.addresses_v4);
                self.put_rotated(RecordType::A, ttl, addresses, Ipv4Addr::octets)?
            }
            (Family::V6, Some(az)) => {
                let addresses = window.cut(&az.addresses_v6);
                self.put_rotated(RecordType::AAAA, ttl, addresses, Ipv6Addr::octets)?
            }
            (_, None) => 0,
        };
        if given == 0 {
            return self.negative(Kind::NoData, Some(ttl)).map(|()| Step::Done);
        }
        (self.kind, self.az) = (Kind::Steered, steered.az_id);
        Ok(Step::Done)
    }

    /// Where the client is sent; `None`, and SERVFAIL, if the pool is not there.
    fn decide(&mut self, pool_id: PoolId) -> Option<Steered<'s>> {
        let steered = Steered::decide(self.snapshot, pool_id, self.peer, self.subnet);
        if steered.is_some() {
            (self.pool, self.az) = (Some(pool_id), None);
        } else {
            (self.rcode, self.kind) = (Rcode::ServFail, Kind::Error);
        }
        steered
    }

    /// Address records. Returns how many.
    fn put_rotated<T, const N: usize>(
        &mut self,
        rtype: RecordType,
        ttl: u32,
        addresses: &[T],
        octets: fn(&T) -> [u8; N],
    ) -> Result<usize, Full> {
        for address in rotated(self.id, addresses) {
            let rdata = octets(address);
            self.writer.put_record(Section::Answer, self.name_at, rtype, ttl, &rdata)?;
        }
        Ok(addresses.len())
    }
}

/// The items, rotated by the query's ID so that each comes first equally often.
fn rotated<T>(id: u16, items: &[T]) -> impl Iterator<Item = &T> + Clone {
    let first = usize::from(id).checked_rem(items.len()).unwrap_or(0);
    let (last, rest) = items.split_at(first);
    rest.iter().chain(last)
}
