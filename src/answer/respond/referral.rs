//! Names at or below a delegation: the way to the servers of that zone.

use super::Kind;
use super::lookup::Response;
use crate::wire::{Full, Record, RecordType, Section};
use crate::zone::{Node, RrSet};

impl<'s> Response<'s, '_> {
    /// The name is at or below a delegation.
    pub(super) fn at_cut(&mut self, cut: Node<'s>) -> Result<(), Full> {
        let at = self.suffix_at(cut.depth());
        // RFC 4035 section 3.1.4.1: DS belongs to the parent side of the cut.
        if self.qtype == RecordType::DS && at == self.name_at {
            self.writer.set_authoritative();
            return match cut.set(RecordType::DS) {
                Some(set) => self.put(Section::Answer, at, set).map(|_| ()),
                None => self.negative(Kind::NoData, None),
            };
        }
        self.kind = Kind::Referral;
        let Some(servers) = cut.set(RecordType::NS) else { return Ok(()) };
        let first = self.put(Section::Authority, at, servers)?;
        self.put_glue(cut, servers, first)
    }

    /// The addresses that this zone has for the `servers` of a delegation, whose records begin at
    /// `first`. Those of servers within it must be there (RFC 9471 section 3.1); others, as they fit
    /// (section 3.2), but not none at all: two zones may lead to each other's servers.
    fn put_glue(&mut self, cut: Node<'s>, servers: RrSet<'s>, first: usize) -> Result<(), Full> {
        let before = self.writer.len();
        self.each_host(first, servers, |response, owner, host| match host.is_within(cut) {
            true => addresses(host)
                .try_for_each(|set| response.put(Section::Additional, owner, set).map(|_| ())),
            false => Ok(()),
        })?;
        let mut omitted = Ok(());
        self.each_host(first, servers, |response, owner, host| {
            if !host.is_within(cut) {
                omitted = omitted.and(response.add_addresses(owner, host));
            }
            Ok(())
        })?;
        if self.writer.len() == before { omitted } else { Ok(()) }
    }

    /// Adds the static addresses of a host whose name stands at `owner`, each set as it fits. Tells
    /// whether all do.
    pub(super) fn add_addresses(&mut self, owner: usize, host: Node<'s>) -> Result<(), Full> {
        let mut all = Ok(());
        for set in addresses(host) {
            all = all.and(self.put(Section::Additional, owner, set).map(|_| ()));
        }
        all
    }

    /// Calls `add` for each of the `servers` that is in this zone, with where its name stands in the
    /// response: in the NS records that begin at `first`.
    pub(super) fn each_host(
        &mut self,
        first: usize,
        servers: RrSet<'s>,
        mut add: impl FnMut(&mut Self, usize, Node<'s>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let mut at = first;
        for server in servers.rdatas() {
            let record = Record::at(self.writer.written(), at).ok_or(Full)?;
            at = record.end;
            if let Some(host) = self.zone.host(server) {
                add(self, record.rdata, host)?;
            }
        }
        Ok(())
    }
}

/// The sets of addresses at a name.
fn addresses<'s>(host: Node<'s>) -> impl Iterator<Item = RrSet<'s>> {
    [RecordType::A, RecordType::AAAA].into_iter().filter_map(move |rtype| host.set(rtype))
}
