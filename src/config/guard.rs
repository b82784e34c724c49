//! `[guard]` and the addresses of `[probe]`: what this host goes by in judging its own network.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Code;
use super::key;
use super::reader::{Faults, Placed, Table, Value, report_duplicates};
use crate::route::guard::reference;
use crate::route::{Family, GuardSettings, Topology};

/// The guard, and what it asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct GuardEntry {
    settings: GuardSettings,
    references: Vec<SocketAddr>,
}

impl GuardEntry {
    pub(super) fn read(top: &Table<'_>, faults: &mut Faults) -> Self {
        let guard = top.table("guard", &key::GUARD, faults);
        let default = GuardSettings::default();
        let share = guard.get("share", faults).and_then(|value| share(value, faults));
        let mut duration =
            |key, longest| guard.get(key, faults)?.duration(Duration::ZERO..=longest, faults);
        let (window, hold) = (duration("window", MAX_WINDOW), duration("hold", MAX_HOLD));
        let references = guard.get("reference", faults).and_then(|it| it.filled_array(faults));
        let mut addresses = vec![];
        for element in references.unwrap_or_default() {
            let Some(value) = element.socket_address(faults) else { continue };
            if value.port() == 0 || value.ip().is_unspecified() {
                element.bad_value::<()>("an address and a port that can be reached", faults);
                continue;
            }
            addresses.push(Placed { value, span: element.span });
        }
        report_duplicates(&addresses, "the reference", faults);
        Self {
            settings: GuardSettings {
                share: share.unwrap_or(default.share),
                window: window.unwrap_or(default.window),
                hold: hold.unwrap_or(default.hold),
            },
            references: addresses.into_iter().map(|address| address.value).collect(),
        }
    }

    /// Adds it to a topology, and the monitors of references behind those of endpoints.
    pub(super) fn complete(&self, topology: &mut Topology) {
        topology.guard = self.settings;
        for &address in &self.references {
            let spec = reference(address);
            let known = topology.monitors.position(|known| *known == spec);
            topology.references.push(known.unwrap_or_else(|| topology.monitors.push(spec)));
        }
    }
}

fn share(value: Value<'_>, faults: &mut Faults) -> Option<f64> {
    let share = value.number(faults)?;
    if SHARE.contains(&share) {
        return Some(share);
    }
    value.out_of_range(SHARE.start(), SHARE.end(), faults)
}

/// The addresses to probe from, at most one of each family.
pub(super) fn sources(probe: &Table<'_>, faults: &mut Faults) -> Vec<IpAddr> {
    let Some(value) = probe.get("source", faults) else { return vec![] };
    let mut sources: Vec<Placed<IpAddr>> = vec![];
    for element in value.filled_array(faults).unwrap_or_default() {
        let Some(address) = element.address(faults) else { continue };
        let family = Family::of(address);
        match sources.iter().find(|known| Family::of(known.value) == family) {
            Some(known) => {
                let message = format!("two {family} addresses to probe from");
                let fault = Code::BadValue.at(element.span, message).label("the second");
                let fault = fault.related(known.span, "the first");
                faults.push(fault.remedy("name at most one of each family"));
            }
            None => sources.push(Placed { value: address, span: element.span }),
        }
    }
    sources.into_iter().map(|source| source.value).collect()
}

/// At 1 nothing could be more.
const SHARE: RangeInclusive<f64> = 0.0..=0.99;

/// Longer, and losses that have nothing to do with each other would be taken together.
const MAX_WINDOW: Duration = Duration::from_secs(10 * 60);

/// For as long clients may be sent to azs that are really dead.
const MAX_HOLD: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::span::FileId;

    fn entry(text: &str) -> (GuardEntry, Vec<String>) {
        let mut faults = Faults::new();
        let entries = faults.parse(text.as_bytes(), FileId(0), Path::new(""));
        let start = faults.span(0..0);
        let top = Table::new(&entries, &key::SERVER_FILE, start, &mut faults);
        let entry = GuardEntry::read(&top, &mut faults);
        (entry, faults.into_found().into_iter().map(|fault| fault.message).collect())
    }

    #[test]
    fn a_reference_needs_a_port() {
        let (_, faults) = entry("guard.reference = [\"192.0.2.1\"]");
        assert_eq!(faults, ["`reference` must be an IP address and a port"]);
        let (_, faults) = entry("guard.reference = [\"192.0.2.1:0\"]");
        assert_eq!(faults, ["`reference` must be an address and a port that can be reached"]);
    }

    #[test]
    fn a_reference_is_a_monitor_behind_those_of_endpoints() {
        let (entry, faults) = entry("guard.reference = [\"192.0.2.1:443\", \"[2001:db8::1]:53\"]");
        assert_eq!(faults, [""; 0]);
        let mut topology = Topology::default();
        topology.monitors.push(reference("198.51.100.1:80".parse().unwrap()));
        entry.complete(&mut topology);
        let targets: Vec<_> = topology
            .references
            .iter()
            .map(|id| topology.monitors[*id].target.to_string())
            .collect();
        assert_eq!(targets, ["192.0.2.1:443", "[2001:db8::1]:53"]);
        assert_eq!(topology.monitors.len(), 3);
    }
}
