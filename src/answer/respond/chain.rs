//! Aliases that lead to aliases: how far a chain of them is followed, and how one ends that comes
//! back to where it was.
//!
//! A chain is followed for as long as it fits: one that no message holds ends with the last link that does. It ends at the zone's edge, although RFC 1034 section
//! 4.3.2 would go on in another zone of this server: resolvers believe a zone's server only what is
//! in that zone. A chain that ends early is a valid answer: the resolver asks for its last name.

use super::lookup::{Response, Step};
use super::{Kind, Observer, Transport};
use crate::wire::{Full, HEADER, Qname, Rcode, Record, RecordType};
use crate::zone::{Entry, Node};

/// The DNAMEs that a chain has gone by, each of which stands in the answer once.
#[derive(Debug, Default)]
pub(super) struct Renamings<'s>(Option<[Option<Node<'s>>; MAX_RENAMINGS]>);

impl<'s> Renamings<'s> {
    pub(super) fn hold(&self, node: Node<'s>) -> bool {
        self.0.as_ref().is_some_and(|nodes| nodes.contains(&Some(node)))
    }

    /// `None` where there is no room for another.
    pub(super) fn add(&mut self, node: Node<'s>) -> Option<()> {
        let nodes = self.0.get_or_insert([None; MAX_RENAMINGS]);
        *nodes.iter_mut().find(|node| node.is_none())? = Some(node);
        Some(())
    }
}

impl<'s> Response<'s, '_> {
    /// RFC 1034 section 4.3.2 from step 3 on, within one zone.
    pub(super) fn resolve(&mut self, observer: &mut impl Observer<'s>) -> Result<(), Full> {
        let start = self.writer.len();
        match self.follow(observer) {
            Ok(Step::Done) => Ok(()),
            // What goes in circles never fits, but all that it says may.
            Ok(Step::Alias) => self.close_circle(start).ok_or(Full),
            Err(Full) => self.close_circle(start).or_else(|| self.break_off(start)).ok_or(Full),
        }
    }

    /// Goes from name to name until the answer stands. [`Step::Alias`] where the chain has come back
    /// to a name (Brent's algorithm); by then it may have gone round more than once.
    fn follow(&mut self, observer: &mut impl Observer<'s>) -> Result<Step, Full> {
        let mut renamings = Renamings::default();
        let (mut earlier, mut again) = (None::<Qname>, 1_u32);
        for link in 1_u32.. {
            let step = self.step(&mut renamings, observer)?;
            if step == Step::Done || !self.is_in_zone(self.name) {
                return Ok(Step::Done);
            }
            if earlier.as_ref().is_some_and(|name| name.as_wire() == self.name.as_wire()) {
                return Ok(Step::Alias);
            }
            if link == again {
                (earlier, again) = (Some(self.name.clone()), 2 * again);
            }
        }
        Ok(Step::Done)
    }

    /// Ends a chain that has come back to a name with the link that leads there, and takes back what
    /// it says twice. The answer section begins at `start`. `None` if it has not come back.
    fn close_circle(&mut self, start: usize) -> Option<()> {
        let closing = closing(self.writer.written(), start, self.name.as_wire())?;
        self.writer.end_answer(closing.end, closing.count);
        Some(())
    }

    /// Ends a chain that is longer than any message with the last link that fits. `None` where a longer
    /// message is to be had, or not even a link fits.
    fn break_off(&mut self, start: usize) -> Option<()> {
        if self.transport == Transport::Udp {
            return None;
        }
        let last = names(self.writer.written(), start).last().filter(|link| link.count > 0)?;
        let (end, count) = (last.end, last.count);
        self.writer.end_answer(end, count);
        (self.rcode, self.kind) = (Rcode::NoError, Kind::Static);
        Some(())
    }

    /// Whether `name` is one of this zone's, not of one within or beside it.
    pub(super) fn is_in_zone(&self, name: &Qname) -> bool {
        match self.snapshot.zones.set.closest(name.as_wire()) {
            Some((index, Entry::Serving(_))) => index == self.zone_index,
            _ => false,
        }
    }
}

/// A name of a chain.
struct Link<'m> {
    /// In wire form, as it stands in the message.
    name: &'m [u8],
    /// Where the record ends that leads to it.
    end: usize,
    /// How many records there are up to there.
    count: usize,
}

/// The names of the chain in a response whose answer section begins at `start`: that of the
/// question, then those that the CNAME records lead to.
fn names(message: &[u8], start: usize) -> impl Iterator<Item = Link<'_>> {
    let question = message.get(HEADER..start.saturating_sub(QTYPE_AND_QCLASS)).unwrap_or_default();
    let first = Link { name: question, end: start, count: 0 };
    let records = Record::all(message, start).zip(1..);
    let aliases = records.filter(|(record, _)| record.rtype == RecordType::CNAME);
    let links = aliases.map(|(Record { rdata, end, .. }, count)| Link {
        name: message.get(rdata..end).unwrap_or_default(),
        end,
        count,
    });
    std::iter::once(first).chain(links)
}

/// The first link that leads back to an earlier one, in a chain that ends with the name `now`.
fn closing<'m>(message: &'m [u8], start: usize, now: &[u8]) -> Option<Link<'m>> {
    let positions = names(message, start).enumerate();
    let positions = positions.filter(|(_, link)| link.name.eq_ignore_ascii_case(now));
    let (previous, last) =
        positions.fold((None, None), |(_, last), (position, _)| (last, Some(position)));
    let round = last? - previous?;
    let mut pairs = names(message, start).zip(names(message, start).skip(round));
    let (_, closing) = pairs.find(|(link, later)| link.name.eq_ignore_ascii_case(later.name))?;
    Some(closing)
}

/// How many DNAMEs an answer holds at most.
const MAX_RENAMINGS: usize = 16;
/// The octets of the question behind its name.
const QTYPE_AND_QCLASS: usize = 4;
