//! `min_live`, `max_removed`, `removed_within` and `safety` of a pool: which azs stay in service
//! whatever happens.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Code;
use super::key;
use super::pool::{AllDownName, PoolEntry};
use super::reader::{Faults, Placed, Table, Value, report_duplicates};
use crate::diag::Diagnostic;
use crate::route::{AzId, Need, Pace, Safety, SafetyRule};
use crate::span::Span;

/// What a pool's table says of it. Azs are still names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SafetyEntry {
    min_live: Option<Placed<Amount>>,
    max_removed: Option<MaxRemoved>,
    rules: Vec<(Placed<String>, NeedEntry)>,
}

/// How many azs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Amount {
    Count(u32),
    /// In percent, 1 to 100.
    Percent(u8),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct MaxRemoved {
    percent: u8,
    within: Duration,
    span: Span,
}

/// What a rule needs.
#[derive(Clone, Debug, PartialEq)]
enum NeedEntry {
    Az(Placed<String>),
    AtLeast { count: Count, of: Vec<NeedEntry>, span: Span },
}

/// How many of what a rule lists.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Count {
    All,
    Some(u32),
}

/// Reads them.
pub(super) fn safety(table: &Table<'_>, faults: &mut Faults) -> SafetyEntry {
    let entries = table.entries("safety", &key::SAFETY_ENTRY, faults).into_iter();
    let rules = entries.filter_map(|entry| {
        entry.check_name(faults);
        let name = Placed { value: entry.key.to_owned(), span: entry.key_span };
        Some((name, need(entry, faults)?))
    });
    let rules = rules.collect();
    let min_live = table
        .get("min_live", faults)
        .and_then(|value| Some(Placed { value: amount(value, faults)?, span: value.span }));
    SafetyEntry { min_live, max_removed: max_removed(table, faults), rules }
}

fn amount(value: Value<'_>, faults: &mut Faults) -> Option<Amount> {
    if value.is_integer() {
        return value.integer(1..=MOST_AZS, faults).map(Amount::Count);
    }
    if value.as_str().is_none() {
        return value.wrong_type("a count or a share such as \"50%\"", faults);
    }
    match percent(value, 100) {
        Some(percent) => Some(Amount::Percent(percent)),
        None => value.bad_value("a count, or a share from \"1%\" to \"100%\"", faults),
    }
}

fn max_removed(table: &Table<'_>, faults: &mut Faults) -> Option<MaxRemoved> {
    let beside = table.get("removed_within", faults);
    let within = beside.and_then(|within| within.duration(SHORTEST..=LONGEST, faults));
    let Some(value) = table.get("max_removed", faults) else {
        if let Some(within) = beside {
            let message = "`removed_within` says nothing without `max_removed`";
            let fault = Code::MisplacedPoolKey.at(within.key_span, message).label("unused");
            faults.push(fault.remedy("add `max_removed = \"50%\"`, or remove the key"));
        }
        return None;
    };
    value.string(faults)?;
    match percent(value, 99) {
        Some(percent) => {
            Some(MaxRemoved { percent, within: within.unwrap_or(WITHIN), span: value.span })
        }
        None => value.bad_value("a share from \"1%\" to \"99%\"", faults),
    }
}

fn percent(value: Value<'_>, most: u8) -> Option<u8> {
    let percent = value.as_str()?.strip_suffix('%')?.parse().ok();
    percent.filter(|percent| (1..=most).contains(percent))
}

/// A table that says what a rule needs, or within one the name of an az.
fn need(value: Value<'_>, faults: &mut Faults) -> Option<NeedEntry> {
    let table = value.table(&key::NEED, faults)?;
    let list = |key, faults: &mut Faults| -> Option<Vec<NeedEntry>> {
        let items = table.get(key, faults)?.filled_array(faults)?;
        let items: Vec<NeedEntry> = items.into_iter().filter_map(|it| item(it, faults)).collect();
        let azs: Vec<Placed<String>> = items.iter().filter_map(NeedEntry::az).cloned().collect();
        report_duplicates(&azs, "the az", faults);
        Some(items)
    };
    let given = |key| table.get(key, faults).is_some();
    match (given("at_least") || given("of"), given("all"), given("any")) {
        (true, false, false) => {
            let count = table.required("at_least", faults);
            let count = count.and_then(|value| value.integer(1..=MOST_AZS, faults));
            table.required("of", faults);
            let of = list("of", faults)?;
            Some(NeedEntry::AtLeast { count: Count::Some(count?), of, span: value.span })
        }
        (false, true, false) => {
            let of = list("all", faults)?;
            Some(NeedEntry::AtLeast { count: Count::All, of, span: value.span })
        }
        (false, false, true) => {
            let of = list("any", faults)?;
            Some(NeedEntry::AtLeast { count: Count::Some(1), of, span: value.span })
        }
        _ => value.bad_value("one of `at_least` with `of`, `all`, or `any`", faults),
    }
}

fn item(value: Value<'_>, faults: &mut Faults) -> Option<NeedEntry> {
    if value.as_str().is_some() {
        return value.placed_string(faults).map(NeedEntry::Az);
    }
    if !value.is_table() {
        return value.wrong_type("names of azs, or tables with `at_least`, `all` or `any`", faults);
    }
    need(value, faults)
}

impl NeedEntry {
    fn az(&self) -> Option<&Placed<String>> {
        match self {
            Self::Az(az) => Some(az),
            Self::AtLeast { .. } => None,
        }
    }

    fn azs(&self) -> Vec<&Placed<String>> {
        match self {
            Self::Az(az) => vec![az],
            Self::AtLeast { of, .. } => of.iter().flat_map(Self::azs).collect(),
        }
    }

    /// Whether these azs meet it.
    fn is_met(&self, has: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Az(az) => has(&az.value),
            Self::AtLeast { count, of, .. } => {
                let met = of.iter().filter(|need| need.is_met(has)).count();
                met >= count.of(of.len())
            }
        }
    }

    /// The innermost that asks for more than it lists.
    fn too_many(&self) -> Option<(Span, u32, usize)> {
        let Self::AtLeast { count, of, span } = self else { return None };
        let own = match count {
            Count::Some(count) if *count as usize > of.len() => Some((*span, *count, of.len())),
            Count::Some(_) | Count::All => None,
        };
        of.iter().find_map(Self::too_many).or(own)
    }

    fn built(&self, position: &dyn Fn(&Placed<String>) -> u16) -> Need {
        match self {
            Self::Az(az) => Need::Az(position(az)),
            Self::AtLeast { count, of, .. } => Need::AtLeast {
                count: count.of(of.len()),
                of: of.iter().map(|need| need.built(position)).collect(),
            },
        }
    }
}

impl Count {
    fn of(self, listed: usize) -> usize {
        match self {
            Self::All => listed,
            Self::Some(count) => count as usize,
        }
    }
}

impl Amount {
    fn of(self, azs: usize) -> usize {
        match self {
            Self::Count(count) => count as usize,
            Self::Percent(percent) => (azs * usize::from(percent)).div_ceil(100),
        }
    }
}

impl MaxRemoved {
    /// How many of `azs` may go: at least one.
    fn of(self, azs: usize) -> usize {
        (azs * usize::from(self.percent) / 100).max(1)
    }
}

impl SafetyEntry {
    /// The azs that the rules name.
    pub(super) fn azs(&self) -> impl Iterator<Item = &Placed<String>> {
        self.rules.iter().flat_map(|(_, need)| need.azs())
    }

    /// What can't hold even while all azs that may be given are in service.
    pub(super) fn impossible(&self, given: &BTreeSet<&str>) -> Vec<Diagnostic> {
        let min_live = self.min_live.iter().filter_map(|Placed { value, span }| {
            let least = value.of(given.len());
            let message = format!("`min_live` needs {least} azs");
            let fault = Code::ImpossibleSafety.at(*span, message);
            (least > given.len()).then(|| {
                fault.label(format!("of {} that may be given", given.len())).remedy(
                    "lower it, or give the pool more azs: a rule holds at all times, or nothing can",
                )
            })
        });
        let rules = self.rules.iter().filter_map(|(name, need)| {
            let is_possible = need.is_met(&|az| given.contains(az));
            (!is_possible).then(|| impossible(name, need, given))
        });
        min_live.chain(rules).collect()
    }

    /// Whether the rules, but for the pace, hold while these azs are in service.
    fn is_met(&self, given: usize, has: &BTreeSet<&str>) -> bool {
        self.min_live.as_ref().is_none_or(|least| has.len() >= least.value.of(given))
            && self.rules.iter().all(|(_, need)| need.is_met(&|az| has.contains(az)))
    }

    /// The rules of a pool of `azs`, of which those that are `given` count. `az` tells what a name
    /// means.
    pub(super) fn built(
        &self,
        azs: &[AzId],
        given: &[AzId],
        az: impl Fn(&Placed<String>) -> AzId,
    ) -> Option<Safety> {
        let position = |az: AzId| {
            let at = azs.iter().position(|known| *known == az);
            at.expect("a file whose rules name azs that the pool lacks is at fault") as u16
        };
        let min_live = self.min_live.as_ref().map(|least| SafetyRule {
            name: "min_live".into(),
            need: Need::AtLeast {
                count: least.value.of(given.len()),
                of: given.iter().map(|az| Need::Az(position(*az))).collect(),
            },
        });
        let named = self.rules.iter().map(|(name, need)| SafetyRule {
            name: name.value.clone(),
            need: need.built(&|name| position(az(name))),
        });
        let mut named: Vec<SafetyRule> = named.collect();
        named.sort_by(|rule, other| rule.name.cmp(&other.name));
        let pace =
            self.max_removed.map(|max| Pace { most: max.of(given.len()), within: max.within });
        let rules: Vec<SafetyRule> = min_live.into_iter().chain(named).collect();
        (!rules.is_empty() || pace.is_some()).then_some(Safety { rules, pace })
    }
}

fn impossible(name: &Placed<String>, need: &NeedEntry, given: &BTreeSet<&str>) -> Diagnostic {
    let message = format!("rule `{}` can't hold", name.value);
    if let Some((span, count, listed)) = need.too_many() {
        let fault = Code::ImpossibleSafety.at(span, message);
        let fault = fault.label(format!("{count} of {listed}"));
        return fault.remedy("lower `at_least`, or name more azs");
    }
    let outside = need.azs().into_iter().find(|az| !given.contains(az.value.as_str()));
    let fault = Code::ImpossibleSafety.at(outside.map_or(name.span, |az| az.span), message);
    let fault = fault.label("never given to clients");
    fault.remedy("a rule needs azs that the pool's `allow` lets in: name others, or widen it")
}

impl PoolEntry {
    /// What safety rules ask that can't be, or that leaves other keys without sense.
    pub(super) fn report_safety(&self, table: &Table<'_>, faults: &mut Faults) {
        let azs: BTreeSet<&str> = self.azs.iter().map(|az| az.az.value.as_str()).collect();
        let is_foreign = |az: &Placed<String>| !azs.contains(az.value.as_str());
        if azs.is_empty() || self.safety.azs().any(is_foreign) {
            return;
        }
        let impossible = self.safety.impossible(&azs);
        if !impossible.is_empty() {
            impossible.into_iter().for_each(|fault| faults.push(fault));
            return;
        }
        if let Some(max) = self.safety.max_removed.filter(|max| max.of(azs.len()) >= azs.len()) {
            let message = "`max_removed` never keeps an az: one may always go";
            let fault = Code::IdleSafety.at(max.span, message).label("the pool has one az");
            faults.push(fault.remedy("remove it, or give the pool more azs"));
        }
        let without = |az: &str| azs.iter().copied().filter(|other| *other != az).collect();
        if azs.iter().all(|az| !self.safety.is_met(azs.len(), &without(az))) {
            let message = format!("no az of pool `{}` is ever taken out", self.name);
            let fault = Code::NoFailover.at(self.span, message).label("its rules need every az");
            faults
                .push(fault.remedy(
                    "a lost az keeps its clients while a rule needs it: ask for fewer azs",
                ));
        }
        let all_down = table.get("all_down", faults);
        let is_ever_empty = self.safety.is_met(azs.len(), &BTreeSet::new());
        match (self.all_down, all_down) {
            (AllDownName::Closed | AllDownName::Fallback | AllDownName::Last, Some(all_down))
                if !is_ever_empty =>
            {
                let message = format!("`all_down` of pool `{}` never comes about", self.name);
                let fault = Code::UnreachableAllDown.at(all_down.span, message);
                let fault = fault.label("safety rules always keep an az");
                faults.push(fault.remedy(
                    "a kept az answers though it is down: remove the rules or the key, or know that \
                     it says nothing",
                ));
            }
            _ => {}
        }
    }
}

const MOST_AZS: u32 = 65_535;
const WITHIN: Duration = Duration::from_secs(10 * 60);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
