//! What hickory's Catalog does otherwise. Where the condition of an entry holds, it turns the answer
//! that the RFCs want into the one that hickory gives, or there is nothing to compare. What then
//! remains is a difference that nobody explains.

use super::Response;
use super::search::{Found, Met, Step, line};
use super::zones::{CNAME, Labels, MX, NS, Question, SOA, Zone};

/// One difference: its name, who is right by which section, and what becomes of the answer.
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    effect: Effect,
}

enum Effect {
    /// Where this holds, hickory's answer is another altogether.
    Unlike(fn(&Case<'_>) -> bool),
    /// Changes the answer to hickory's; whether there was anything to change.
    Change(fn(&Case<'_>, &mut Response, &Response) -> bool),
}

/// A question with the right answer.
struct Case<'c> {
    zones: &'c [Zone],
    zone: &'c Zone,
    question: &'c Question,
    steps: &'c [Step],
}

/// In the order in which they apply.
pub(crate) const DIFFERENCES: [Difference; 12] = [
    Difference {
        name: "DS at the apex",
        reason: "asked of the child, which has none: RFC 4035 section 3.1.4.1 wants the parent",
        effect: Effect::Unlike(|case| {
            let name = &case.question.name;
            case.zone.origin != *name && case.zones.iter().any(|zone| zone.origin == *name)
        }),
    },
    Difference {
        name: "no DNAME",
        reason: "not redirected: RFC 6672 section 3.2",
        effect: Effect::Unlike(|case| {
            case.met(|step| matches!(step.met, Met::Redirection | Met::TooLong))
        }),
    },
    Difference {
        name: "wildcards above the closest encloser",
        reason: "those of every ancestor are tried for want of the type or the name: \
                 RFC 4592 section 3.3.1 has one source of synthesis",
        effect: Effect::Unlike(|case| case.met(|step| case.has_other_wildcard(step))),
    },
    Difference {
        name: "asterisks in the question",
        reason: "a name that begins with an asterisk is not synthesized: \
                 RFC 4592 section 2.1.1 has it a name as any other",
        effect: Effect::Unlike(|case| {
            let begins = |step: &Step| step.name.first().is_some_and(|label| label == b"*");
            case.met(|step| begins(step) && step.wildcard.is_some())
        }),
    },
    Difference {
        name: "delegations below delegations",
        reason: "the lowest cut is taken: RFC 1034 section 4.3.2, step 3, meets the highest first",
        effect: Effect::Unlike(|case| {
            case.met(|step| step.met == Met::Cut && case.cuts(&step.name) > 1)
        }),
    },
    Difference {
        name: "a delegation at a wildcard",
        reason: "its NS set is a referral of the name: RFC 4592 section 4.2 leaves it open",
        effect: Effect::Unlike(|case| {
            let is_cut = |wildcard: &Labels| case.zone.has(wildcard, NS);
            case.met(|step| step.wildcard.as_ref().is_some_and(is_cut))
        }),
    },
    Difference {
        name: "names of zones within",
        reason: "a chain goes on in what the outer zone has there: \
                 RFC 1034 section 4.3.2, step 2, wants the nearest zone",
        effect: Effect::Unlike(|case| {
            case.met(|step| step.met == Met::Elsewhere && step.name.ends_with(&case.zone.origin))
        }),
    },
    Difference {
        name: "long chains",
        reason: "after 8 records a chain ends: RFC 1034 section 3.6.2 has no limit",
        effect: Effect::Unlike(|case| case.steps.len() > 8 && case.steps[0].met == Met::Alias),
    },
    Difference {
        name: "a wildcard without the type",
        reason: "NXDOMAIN: RFC 4592 section 2.2.1 has the name exist",
        effect: Effect::Change(|case, response, _| match case.steps {
            [Step { met: Met::NoData, wildcard: Some(_), .. }] => {
                response.rcode = 3;
                true
            }
            _ => false,
        }),
    },
    Difference {
        name: "the end of a chain",
        reason: "NOERROR without SOA where the last name has no data or is none: RFC 2308 sections \
                 2.1 and 2.2; a cut's NS set is an answer: RFC 1034 section 4.3.2, step 3b",
        effect: Effect::Change(|case, response, _| {
            let [first, .., last] = case.steps else { return false };
            match (first.met, last.met) {
                (Met::Alias, Met::NoData | Met::NoName) => {
                    response.rcode = 0;
                    response.authority.clear();
                    true
                }
                (Met::Alias, Met::Cut) => {
                    response.answer.append(&mut response.authority);
                    response.additional.clear();
                    true
                }
                _ => false,
            }
        }),
    },
    Difference {
        name: "referrals",
        reason: "with AA and without glue, and an answer where NS was asked for: \
                 RFC 1034 section 4.3.2, step 3b, and RFC 9471",
        effect: Effect::Change(|case, response, _| {
            let [Step { met: Met::Cut, .. }] = case.steps else { return false };
            response.is_authoritative = true;
            response.additional.clear();
            if case.question.qtype == NS {
                response.answer.append(&mut response.authority);
            }
            true
        }),
    },
    Difference {
        name: "additional data",
        reason: "what a SOA, MX or NS set brings along, the answer itself among it: \
                 RFC 1034 section 4.3.2, step 6, leaves it to the server",
        effect: Effect::Change(|case, response, theirs| match case.question.qtype {
            SOA if !theirs.answer.is_empty() || case.steps[0].met == Met::Cut => {
                let servers = case.zone.at(&case.zone.origin, NS);
                let servers = servers.map(|entry| line(&entry.owner, NS, &entry.data));
                response.authority.extend(servers);
                true
            }
            MX | NS if response.additional != theirs.additional => {
                response.additional = theirs.additional.clone();
                true
            }
            _ => false,
        }),
    },
];

/// The differences that account for what `theirs` has otherwise, or what remains.
pub(crate) fn compare(
    zones: &[Zone],
    question: &Question,
    found: &Found,
    theirs: &Response,
) -> Result<Vec<&'static str>, String> {
    let mut expected = found.response.clone();
    if expected == *theirs {
        return Ok(vec![]);
    }
    let case = Case { zones, zone: &zones[found.zone], question, steps: &found.steps };
    let mut names = vec![];
    for Difference { name, effect, .. } in &DIFFERENCES {
        match effect {
            Effect::Unlike(holds) if holds(&case) => return Ok(vec![name]),
            Effect::Change(change) if change(&case, &mut expected, theirs) => names.push(*name),
            Effect::Unlike(_) | Effect::Change(_) => {}
        }
    }
    expected.difference(theirs).map_or(Ok(names), Err)
}

impl Case<'_> {
    fn met(&self, is: impl Fn(&Step) -> bool) -> bool {
        self.steps.iter().any(is)
    }

    /// How many NS sets there are at and above the name, below the apex.
    fn cuts(&self, name: &Labels) -> usize {
        let from = name.len().saturating_sub(self.zone.origin.len());
        (0..from).filter(|skip| self.zone.has(&name[*skip..], NS)).count()
    }

    /// Whether a wildcard above the name, which is not its source of synthesis, has what is asked
    /// for.
    fn has_other_wildcard(&self, step: &Step) -> bool {
        let from = step.name.len().saturating_sub(self.zone.origin.len());
        let above = (1..=from).map(|skip| [&[b"*".to_vec()], &step.name[skip..]].concat());
        let has = |name: &Labels| {
            [self.question.qtype, CNAME, NS].into_iter().any(|rtype| self.zone.has(name, rtype))
        };
        let is_other = |name: &Labels| *name != step.name && Some(name) != step.wildcard.as_ref();
        matches!(step.met, Met::NoName | Met::NoData)
            && above.into_iter().any(|name| is_other(&name) && has(&name))
    }
}
