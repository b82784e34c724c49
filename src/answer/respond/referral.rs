//! Names at or below a delegation: the way to the servers of that zone.

use super::Kind;
use super::additional::addresses;
use super::lookup::Response;
use crate::wire::{Full, RecordType, Section};
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
    /// `first`. Those of servers within it must be there (RFC 9471 section 3.1); others go in as they
    /// fit (section 3.2), but not none at all: two zones may have their servers in each other.
    fn put_glue(&mut self, cut: Node<'s>, servers: RrSet<'s>, first: usize) -> Result<(), Full> {
        let before = self.writer.len();
        let mut are_within = true;
        for (owner, host) in self.hosts(servers, first) {
            if !host.is_within(cut) {
                are_within = false;
                continue;
            }
            for set in addresses(host) {
                self.put(Section::Additional, owner, set)?;
            }
        }
        if are_within {
            return Ok(());
        }
        let mut is_known = false;
        for (owner, host) in self.hosts(servers, first).filter(|(_, host)| !host.is_within(cut)) {
            is_known |= addresses(host).next().is_some();
            self.add_addresses(owner, host);
        }
        if is_known && self.writer.len() == before { Err(Full) } else { Ok(()) }
    }
}
