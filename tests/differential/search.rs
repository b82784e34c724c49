//! RFC 1034 section 4.3.2 with wildcards by RFC 4592 and DNAME by RFC 6672, as a search through
//! lists of records: slow, and short enough to be read against the text.

use super::zones::{
    A, AAAA, CNAME, DNAME, DS, Entry, Labels, NS, Question, SOA, Zone, is_name, record, ttl, wire,
};
use super::{Line, Response};

pub(crate) struct Search<'z> {
    zones: &'z [Zone],
}

/// An answer, and how it came about.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) response: Response,
    /// The zone that answers.
    pub(crate) zone: usize,
    pub(crate) steps: Vec<Step>,
}

/// What was met at one name of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: Labels,
    pub(crate) met: Met,
    /// Of [`Met::Data`], [`Met::NoData`] and [`Met::Alias`]: the wildcard whose records these are.
    pub(crate) wildcard: Option<Labels>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    Data,
    NoData,
    NoName,
    Alias,
    Redirection,
    TooLong,
    Cut,
    /// No zone here, or another than the one that answers.
    Elsewhere,
}

impl<'z> Search<'z> {
    pub(crate) fn new(zones: &'z [Zone]) -> Self {
        Self { zones }
    }

    pub(crate) fn answer(&self, question: &Question) -> Found {
        let mut found = Found::default();
        let qtype = question.qtype;
        let mut name = question.name.clone();
        // Step 2.
        let Some(mut at) = self.closest(&name) else {
            found.response.rcode = 5;
            return found;
        };
        // DS is the parent's, where it delegates (RFC 4035 section 3.1.4.1).
        if qtype == DS && self.zones[at].origin == name && !name.is_empty() {
            let parent = self.closest(&name[1..]);
            at = parent.filter(|parent| self.zones[*parent].has_cut_above(&name)).unwrap_or(at);
        }
        found.zone = at;
        let zone = &self.zones[at];
        loop {
            let elsewhere = !found.steps.is_empty() && self.closest(&name) != Some(at);
            let (met, wildcard, next) = match elsewhere {
                true => (Met::Elsewhere, None, None),
                false => zone.step(&name, qtype, &mut found.response),
            };
            found.steps.push(Step { name: name.clone(), met, wildcard });
            // A chain ends where it comes back to a name.
            match next.filter(|next| found.steps.iter().all(|step| step.name != *next)) {
                Some(next) => name = next,
                None => return found,
            }
        }
    }

    /// The zone with the longest name that `name` ends in.
    fn closest(&self, name: &[Vec<u8>]) -> Option<usize> {
        let within = |zone: &&(usize, &Zone)| name.ends_with(&zone.1.origin);
        let zones: Vec<_> = self.zones.iter().enumerate().collect();
        let zone = zones.iter().filter(within).max_by_key(|(_, zone)| zone.origin.len());
        zone.map(|(index, _)| *index)
    }
}

impl Zone {
    /// Step 3 for one name; the name to go on with, if any.
    fn step(
        &self,
        name: &Labels,
        qtype: u16,
        response: &mut Response,
    ) -> (Met, Option<Labels>, Option<Labels>) {
        let from = name.len() - self.origin.len();
        for owner in (0..=from).rev().map(|skip| &name[skip..]) {
            // Step 3b; at the cut itself, DS is the parent's.
            let is_cut = owner != self.origin && self.has(owner, NS);
            if is_cut && !(owner == name && qtype == DS) {
                self.refer(owner, response);
                return (Met::Cut, None, None);
            }
            // RFC 6672 section 3.2, step 3C.
            if owner != name && !is_cut && self.has(owner, DNAME) {
                response.is_authoritative = true;
                let (met, next) = self.redirect(name, owner, response);
                // The synthesized record is what CNAME asks for.
                return (met, None, next.filter(|_| qtype != CNAME));
            }
        }
        response.is_authoritative = true;
        // Step 3a, or the source of synthesis of step 3c (RFC 4592 section 3.3.1).
        let mut source = name.clone();
        let mut wildcard = None;
        if !self.exists(name) {
            let above = (1..=from).map(|skip| &name[skip..]);
            let encloser = above.into_iter().find(|name| self.exists(name)).unwrap();
            source = [&[b"*".to_vec()], encloser].concat();
            if !self.exists(&source) {
                response.rcode = 3;
                self.negative(response);
                return (Met::NoName, None, None);
            }
            wildcard = Some(source.clone());
        }
        for rtype in [qtype, CNAME] {
            let entries: Vec<_> = self.at(&source, rtype).collect();
            for entry in &entries {
                response.answer.insert(line(name, rtype, &entry.data));
            }
            match entries.first() {
                Some(_) if rtype == qtype => {
                    if qtype == NS {
                        self.add_servers(&source, response);
                    }
                    return (Met::Data, wildcard, None);
                }
                Some(alias) => return (Met::Alias, wildcard, alias.target.clone()),
                None => {}
            }
        }
        self.negative(response);
        (Met::NoData, wildcard, None)
    }

    fn redirect(
        &self,
        name: &Labels,
        owner: &[Vec<u8>],
        response: &mut Response,
    ) -> (Met, Option<Labels>) {
        let dname = self.at(owner, DNAME).next().unwrap();
        response.answer.insert(line(owner, DNAME, &dname.data));
        let kept = &name[..name.len() - owner.len()];
        let next = [kept, dname.target.as_ref().unwrap()].concat();
        if !is_name(&next) {
            response.rcode = 6;
            return (Met::TooLong, None);
        }
        let alias = record(name, CNAME, ttl(DNAME), &wire(&next));
        response.answer.insert(Line::new(&alias));
        (Met::Redirection, Some(next))
    }

    /// With glue for the servers in the zone (RFC 9471).
    fn refer(&self, cut: &[Vec<u8>], response: &mut Response) {
        response.authority.extend(self.at(cut, NS).map(|server| line(cut, NS, &server.data)));
        self.add_servers(cut, response);
    }

    /// The addresses of the servers in the NS set of `owner`.
    fn add_servers(&self, owner: &[Vec<u8>], response: &mut Response) {
        for host in self.at(owner, NS).filter_map(|server| server.target.as_ref()) {
            for rtype in [A, AAAA] {
                let addresses = self.at(host, rtype);
                response.additional.extend(addresses.map(|entry| line(host, rtype, &entry.data)));
            }
        }
    }

    /// RFC 2308 section 3.
    fn negative(&self, response: &mut Response) {
        let soa = self.at(&self.origin, SOA).next().unwrap();
        response.authority.insert(line(&self.origin, SOA, &soa.data));
    }

    pub(crate) fn at(&self, owner: &[Vec<u8>], rtype: u16) -> impl Iterator<Item = &Entry> {
        self.records.iter().filter(move |entry| entry.owner == owner && entry.rtype == rtype)
    }

    pub(crate) fn has(&self, owner: &[Vec<u8>], rtype: u16) -> bool {
        self.at(owner, rtype).next().is_some()
    }

    /// Whether there is a delegation at the name or above, below the apex.
    fn has_cut_above(&self, name: &[Vec<u8>]) -> bool {
        (0..name.len() - self.origin.len()).any(|skip| self.has(&name[skip..], NS))
    }

    /// A name exists if it or a name below it has records (RFC 4592 section 2.2.3).
    fn exists(&self, name: &[Vec<u8>]) -> bool {
        self.records.iter().any(|entry| entry.owner.ends_with(name))
    }
}

pub(crate) fn line(owner: &[Vec<u8>], rtype: u16, data: &[u8]) -> Line {
    Line::new(&record(owner, rtype, ttl(rtype), data))
}
