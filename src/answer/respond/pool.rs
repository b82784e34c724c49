//! What a name gives that a pool is bound to: addresses, the name in a CNAME pool, or records whose
//! hints are those addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::lookup::{Response, Step};
use super::{Kind, Observer, extended};
use crate::answer::hints::{Families, Hinted, IPV4HINT, IPV6HINT, MANDATORY, Parameter, mandatory};
use crate::answer::snapshot::AnyAnswer;
use crate::answer::steer::Steered;
use crate::route::{Family, PoolId};
use crate::wire::{Full, Rcode, RecordType, Section};
use crate::zone::{Node, RrSet};

impl<'s> Response<'s, '_> {
    /// The name is bound to a pool. `None` where that plays no part in what is asked for.
    pub(super) fn at_pool(
        &mut self,
        pool_id: PoolId,
        node: Node<'s>,
        observer: &mut impl Observer<'s>,
    ) -> Result<Option<Step>, Full> {
        let pool = self.snapshot.routing.topology.pools.get(pool_id);
        match self.qtype {
            _ if pool.is_some_and(|pool| pool.is_cname()) => {
                self.put_target(pool_id, observer).map(Some)
            }
            RecordType::A => self.put_family(pool_id, Family::V4, observer).map(Some),
            RecordType::AAAA => self.put_family(pool_id, Family::V6, observer).map(Some),
            RecordType::ANY if self.snapshot.answering.any == AnyAnswer::Subset => {
                self.put_either(pool_id, node, observer)
            }
            RecordType::HTTPS | RecordType::SVCB => {
                let hints = node.set(self.qtype).map(|set| (set, self.hints(set)));
                match hints.filter(|(_, hints)| hints.v4 || hints.v6) {
                    Some((set, hints)) => self.put_hinted(pool_id, set, hints, observer).map(Some),
                    None => Ok(None),
                }
            }
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
        self.alias(at, wire)
    }

    /// The az's addresses of the pool's first family, for ANY; `None` where there are none but other
    /// records.
    fn put_either(
        &mut self,
        pool_id: PoolId,
        node: Node<'s>,
        observer: &mut impl Observer<'s>,
    ) -> Result<Option<Step>, Full> {
        let has_v4 = self.snapshot.routing.topology.has_family(pool_id, Family::V4);
        let mark = self.writer.mark();
        let family = if has_v4 { Family::V4 } else { Family::V6 };
        let step = self.put_family(pool_id, family, observer)?;
        if self.kind == Kind::NoData && node.sets().len() > 0 {
            self.writer.rewind(mark);
            self.kind = Kind::Static;
            return Ok(None);
        }
        Ok(Some(step))
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
        if !self.snapshot.routing.topology.has_family(pool_id, family) {
            steered.calm();
            observer.steered(&steered);
            return self.negative(Kind::NoData, Some(steered.ttl)).map(|()| Step::Done);
        }
        observer.steered(&steered);
        self.scope = self.scope.max(steered.scope(steered.window(family).slot));
        let ttl = steered.ttl;
        if self.put_addresses(Section::Answer, self.name_at, &steered, family)? == 0 {
            return self.negative(Kind::NoData, Some(ttl)).map(|()| Step::Done);
        }
        (self.kind, self.az) = (Kind::Steered, steered.az_id);
        Ok(Step::Done)
    }

    /// The chosen az's addresses of one family, as records of the name at `owner`. Returns how many.
    pub(super) fn put_addresses(
        &mut self,
        section: Section,
        owner: usize,
        steered: &Steered<'s>,
        family: Family,
    ) -> Result<usize, Full> {
        let Some(az) = steered.az else { return Ok(0) };
        let (window, ttl, id) = (steered.window(family), steered.ttl, self.id);
        let mut put = |rtype, rdata: &[u8]| {
            self.writer.put_record(section, owner, rtype, ttl, rdata).map(|_| ())
        };
        match family {
            Family::V4 => {
                let addresses = window.cut(&az.addresses_v4);
                rotated(id, addresses).try_for_each(|it| put(RecordType::A, &it.octets()))?;
                Ok(addresses.len())
            }
            Family::V6 => {
                let addresses = window.cut(&az.addresses_v6);
                rotated(id, addresses).try_for_each(|it| put(RecordType::AAAA, &it.octets()))?;
                Ok(addresses.len())
            }
        }
    }

    /// HTTPS or SVCB records, some of which give `hints`: these become the addresses that A and
    /// AAAA would give to this client.
    fn put_hinted(
        &mut self,
        pool_id: PoolId,
        set: RrSet<'s>,
        hints: Families,
        observer: &mut impl Observer<'s>,
    ) -> Result<Step, Full> {
        let Some(mut steered) = self.decide(pool_id) else { return Ok(Step::Done) };
        let topology = &self.snapshot.routing.topology;
        let has = |family| topology.has_family(pool_id, family);
        let is_by_client = hints.v4 && has(Family::V4) || hints.v6 && has(Family::V6);
        if is_by_client {
            (self.kind, self.az) = (Kind::Steered, steered.az_id);
            let v4 = steered.window(Family::V4).slot.filter(|_| hints.v4);
            let v6 = steered.window(Family::V6).slot.filter(|_| hints.v6);
            self.scope = self.scope.max(steered.scope(v4.or(v6)));
        } else {
            steered.calm();
        }
        observer.steered(&steered);
        let ttl = set.ttl().min(steered.ttl);
        let (owner, first) = (self.name_at, self.writer.len());
        for rdata in set.rdatas() {
            match Hinted::read(rdata, self.name.as_wire()) {
                Some(service) => self.put_service(service, &steered, ttl)?,
                None => {
                    self.writer.put_record(Section::Answer, owner, self.qtype, ttl, rdata)?;
                }
            }
        }
        self.put_additional(set, first);
        Ok(Step::Done)
    }

    /// One record with its hints replaced; a hint that would be empty is left out.
    fn put_service(
        &mut self,
        service: Hinted<'_>,
        steered: &Steered<'s>,
        ttl: u32,
    ) -> Result<(), Full> {
        let none = (&[][..], &[][..]);
        let (v4, v6) = steered.az.map_or(none, |az| (&*az.addresses_v4, &*az.addresses_v6));
        let v4 = steered.window(Family::V4).cut(v4);
        let v6 = steered.window(Family::V6).cut(v6);
        let given = Families { v4: !v4.is_empty(), v6: !v6.is_empty() };
        let (owner, rtype) = (self.name_at, self.qtype);
        let at = self.writer.put_record(Section::Answer, owner, rtype, ttl, service.head)?;
        for parameter in service.parameters() {
            match parameter {
                Parameter::Mandatory(value) => {
                    self.put_parameter(at, MANDATORY, mandatory(value, given))?;
                }
                Parameter::Hint(Family::V4) => {
                    let addresses = rotated(self.id, v4).map(Ipv4Addr::octets);
                    self.put_parameter(at, IPV4HINT, addresses)?;
                }
                Parameter::Hint(Family::V6) => {
                    let addresses = rotated(self.id, v6).map(Ipv6Addr::octets);
                    self.put_parameter(at, IPV6HINT, addresses)?;
                }
                Parameter::Plain { key, value } => {
                    let [high, low] = (value.len() as u16).to_be_bytes();
                    let [key_high, key_low] = key.to_be_bytes();
                    self.writer.extend_record(at, &[key_high, key_low, high, low])?;
                    self.writer.extend_record(at, value)?;
                }
            }
        }
        Ok(())
    }

    /// A parameter of the record whose data begins at `at`, unless it has no items.
    fn put_parameter<const N: usize>(
        &mut self,
        at: usize,
        key: u16,
        items: impl Iterator<Item = [u8; N]> + Clone,
    ) -> Result<(), Full> {
        let len = items.clone().count() * N;
        if len == 0 {
            return Ok(());
        }
        let [high, low] = (len as u16).to_be_bytes();
        let [key_high, key_low] = key.to_be_bytes();
        self.writer.extend_record(at, &[key_high, key_low, high, low])?;
        for item in items {
            self.writer.extend_record(at, &item)?;
        }
        Ok(())
    }

    /// For which families the records of a set give hints.
    fn hints(&self, set: RrSet<'_>) -> Families {
        let services = set.rdatas().filter_map(|rdata| Hinted::read(rdata, self.name.as_wire()));
        services.map(Hinted::hints).fold(Families::default(), |all, hints| Families {
            v4: all.v4 || hints.v4,
            v6: all.v6 || hints.v6,
        })
    }

    /// Where the client is sent; `None`, and SERVFAIL, if the pool is not there.
    fn decide(&mut self, pool_id: PoolId) -> Option<Steered<'s>> {
        let steered = Steered::decide(self.snapshot, pool_id, self.peer, self.subnet);
        if let Some(steered) = &steered {
            (self.pool, self.az) = (Some(pool_id), None);
            self.preference = Some(steered.first_preference());
            self.error = self.error.or(extended::of_steering(steered));
        } else {
            (self.rcode, self.kind) = (Rcode::ServFail, Kind::Error);
        }
        steered
    }
}

/// The items, rotated by the query's ID so that each comes first equally often.
fn rotated<T>(id: u16, items: &[T]) -> impl Iterator<Item = &T> + Clone {
    let first = usize::from(id).checked_rem(items.len()).unwrap_or(0);
    let (last, rest) = items.split_at(first);
    rest.iter().chain(last)
}
