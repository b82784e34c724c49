//! Addresses of the hosts that an answer names, so that the client need not ask for them.
//!
//! They go in set by set as they fit, without TC (RFC 2181 section 9), and only what this zone itself
//! says of them: no glue but for name servers. Those of a steered host are left out where Client Subnet
//! is honoured, since resolvers keep what stands here for all clients (RFC 7871 section 7.3.1).

use super::lookup::Response;
use crate::answer::steer::Steered;
use crate::route::{Family, PoolId};
use crate::wire::{Qname, Record, RecordType, Section};
use crate::zone::{Found, Node, RrSet};

impl<'s> Response<'s, '_> {
    /// Adds the addresses of the hosts that a set names, which stands in the answer from `first` on.
    /// Those of name servers always: it is by them that resolvers begin (RFC 9609 section 4).
    pub(super) fn put_additional(&mut self, set: RrSet<'s>, first: usize) {
        match set.rtype() {
            RecordType::NS => {
                for (owner, host) in self.hosts(set, first) {
                    self.add_addresses(owner, host);
                }
            }
            _ if self.snapshot.answering.minimal_responses => {}
            rtype @ (RecordType::MX
            | RecordType::SRV
            | RecordType::NAPTR
            | RecordType::SVCB
            | RecordType::HTTPS) => self.put_targets(rtype, first),
            _ => {}
        }
    }

    /// Adds the addresses of the targets in the records from `first` on, each once.
    fn put_targets(&mut self, rtype: RecordType, first: usize) {
        let (mut at, end) = (first, self.writer.len());
        let (mut seen, mut count) = ([0; MAX_TARGETS], 0);
        let mut name = Qname::ROOT;
        while at < end {
            let message = self.writer.written();
            let Some(record) = Record::at(message, at) else { return };
            at = record.end;
            let rdata = message.get(record.rdata..record.end).unwrap_or_default();
            let Some(target) = Target::of(rtype, rdata) else { continue };
            let owner = match target {
                Target::Own => self.name_at,
                Target::Host { at } | Target::Alias { at } => record.rdata + at,
            };
            let Some(()) = name.read(message.get(owner..).unwrap_or_default()) else { continue };
            let is_it = |at: &usize| {
                let before = message.get(*at..*at + name.as_wire().len());
                before.is_some_and(|before| before.eq_ignore_ascii_case(name.as_wire()))
            };
            if seen.iter().take(count).any(is_it) {
                continue;
            }
            let Some(next) = seen.get_mut(count) else { return };
            (*next, count) = (owner, count + 1);
            let alias = matches!(target, Target::Alias { .. }).then_some(rtype);
            self.add_target(owner, &name, alias);
        }
    }

    /// Adds what the zone says of the host `name`, which stands at `owner`: its addresses and, where
    /// a service's `alias` leads there and it is not steered, the service's records too (RFC 9460
    /// section 4.1).
    fn add_target(&mut self, owner: usize, name: &Qname, alias: Option<RecordType>) {
        if !self.is_in_zone(name) {
            return;
        }
        let (Found::Exact(node) | Found::Wildcard { node, .. }) = self.zone.find(name.as_wire())
        else {
            return;
        };
        if let Some(pool) = self.pool_of(node) {
            return self.add_steered(owner, pool);
        }
        self.add_addresses(owner, node);
        if let Some(services) = alias.and_then(|rtype| node.set(rtype)) {
            self.add(owner, services);
        }
    }

    /// Adds the static addresses of a host whose name stands at `owner`.
    pub(super) fn add_addresses(&mut self, owner: usize, host: Node<'s>) {
        for set in addresses(host) {
            self.add(owner, set);
        }
    }

    /// Adds a set, unless it does not fit.
    fn add(&mut self, owner: usize, set: RrSet<'s>) {
        let _ = self.put(Section::Additional, owner, set);
    }

    /// Adds the addresses that a pool has for this client.
    fn add_steered(&mut self, owner: usize, pool_id: PoolId) {
        if self.subnet.is_some() {
            return;
        }
        let Some(steered) = Steered::decide(self.snapshot, pool_id, self.peer, None) else {
            return;
        };
        for family in [Family::V4, Family::V6] {
            if !self.snapshot.routing.topology.has_family(pool_id, family) {
                continue;
            }
            let mark = self.writer.mark();
            if self.put_addresses(Section::Additional, owner, &steered, family).is_err() {
                self.writer.rewind(mark);
            }
        }
    }

    /// The `servers` that are in this zone, each with where its name stands in the response: in the
    /// NS records from `first` on.
    pub(super) fn hosts(
        &self,
        servers: RrSet<'s>,
        first: usize,
    ) -> impl Iterator<Item = (usize, Node<'s>)> + use<'s> {
        let zone = self.zone;
        let record = Record::at(self.writer.written(), first);
        let head = record.map_or(0, |record| record.rdata - first);
        let mut end = first;
        servers.rdatas().filter_map(move |server| {
            let at = end + head;
            end = at + server.len();
            Some((at, zone.host(server)?))
        })
    }
}

/// The static sets of addresses at a name.
pub(super) fn addresses<'s>(host: Node<'s>) -> impl Iterator<Item = RrSet<'s>> {
    [RecordType::A, RecordType::AAAA].into_iter().filter_map(move |rtype| host.set(rtype))
}

/// The host that a record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The record's own name.
    Own,
    /// The name at this octet of the RDATA.
    Host { at: usize },
    /// As before, to which a service is moved (RFC 9460 section 2.4.2).
    Alias { at: usize },
}

impl Target {
    /// `None` where the type names no host, or the record says that there is none.
    fn of(rtype: RecordType, rdata: &[u8]) -> Option<Self> {
        let host = |at| Self::Host { at };
        let target = match rtype {
            RecordType::MX => host(2),
            RecordType::SRV => host(6),
            RecordType::NAPTR => host(naptr_replacement(rdata)?),
            RecordType::SVCB | RecordType::HTTPS => match rdata {
                [0, 0, ..] => Self::Alias { at: 2 },
                [_, _, 0, ..] => Self::Own,
                _ => host(2),
            },
            _ => return None,
        };
        match target {
            // RFC 7505 section 3, RFC 2782, RFC 9460 section 2.5.1.
            Self::Host { at } | Self::Alias { at } if rdata.get(at) == Some(&0) => None,
            target => Some(target),
        }
    }
}

/// Where the replacement begins, behind two numbers and three strings, in data whose flag says that it
/// has addresses (RFC 3404).
fn naptr_replacement(rdata: &[u8]) -> Option<usize> {
    let flags = 4;
    if !rdata.get(flags..)?.get(..2)?.eq_ignore_ascii_case(b"\x01a") {
        return None;
    }
    let behind = |at: usize| Some(at + 1 + usize::from(*rdata.get(at)?));
    behind(flags).and_then(behind).and_then(behind)
}

/// Of how many hosts addresses are added at most.
const MAX_TARGETS: usize = 32;
