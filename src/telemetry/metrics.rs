//! Metrics in Prometheus' text form (OpenMetrics 1.0), made from the status and the workers' tallies
//! each time they are asked for: nothing is kept twice.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::answer::{Kind, Transport};
use crate::control::Status;
use crate::control::status::Standing;
use crate::route::{Family, OverrideKind};
use crate::serve::Totals;
use crate::serve::tally::{Cause, Sums};
use crate::wire::Rcode;

/// Every metric's name, without the `_total` that counters get, and its help text.
pub const METRICS: [(&str, &str); 24] = [
    ("meridian_build_info", "The version that runs; always 1"),
    ("meridian_start_timestamp_seconds", "When the process started"),
    ("meridian_answers", "Messages by what kind of answer they got"),
    ("meridian_responses", "Responses by response code"),
    ("meridian_panics", "Messages that made the answering function panic"),
    ("meridian_unsent", "Responses that the kernel refused to send"),
    ("meridian_over_limit", "UDP responses over the rate limit, by what became of them"),
    ("meridian_tcp_connections", "TCP connections that are open"),
    ("meridian_tcp_accepted", "TCP connections that were accepted"),
    ("meridian_tcp_evicted", "TCP connections that had to make way for another"),
    ("meridian_tcp_refused", "TCP connections for which none could make way"),
    ("meridian_generation", "The number of the snapshot that serves"),
    ("meridian_generation_timestamp_seconds", "When that snapshot was published"),
    ("meridian_state_usable", "Whether health and overrides are restored and saved"),
    ("meridian_endpoint_up", "Whether an endpoint counts as up"),
    ("meridian_az_eligible", "Whether an az may be given to a pool's clients"),
    ("meridian_transitions", "Changes of an az's eligibility"),
    ("meridian_overrides", "Overrides in force"),
    ("meridian_guard_suspecting", "Whether this host suspects its own network"),
    ("meridian_zone_serial", "The SOA serial that a zone serves"),
    ("meridian_zones", "Zones by whether they serve what their files say"),
    ("meridian_loads", "Loads of the files, by whether all of them took effect"),
    ("meridian_load_clean", "Whether everything in the files took effect at the last load"),
    ("meridian_geoip_build_timestamp_seconds", "When a GeoIP database was built"),
];

/// All metrics as text.
pub fn render(status: Status, totals: Totals) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Source { status, totals }));
    let mut out = String::new();
    // Writing to a string fails only if a collector does, which these do not.
    let _ = text::encode(&mut out, &registry);
    out
}

struct Source {
    status: Status,
    totals: Totals,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Collector for Source {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Status { version, started_at, generation, published_at, state, .. } = &self.status;
        let mut out = Out(&mut encoder);
        out.gauges("meridian_build_info", [([("version", version.clone())], 1.0)])?;
        out.gauges(
            "meridian_start_timestamp_seconds",
            [(NONE, started_at.since_epoch().as_secs_f64())],
        )?;
        self.traffic(&mut out)?;
        self.connections(&mut out)?;
        out.gauges("meridian_generation", [(NONE, *generation as f64)])?;
        out.gauges(
            "meridian_generation_timestamp_seconds",
            [(NONE, published_at.since_epoch().as_secs_f64())],
        )?;
        let is_usable = f64::from(u8::from(state.is_none()));
        out.gauges("meridian_state_usable", [(NONE, is_usable)])?;
        self.health(&mut out)?;
        self.files(&mut out)
    }
}

impl Source {
    fn traffic(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let sums =
            [("udp", self.totals.sums(Transport::Udp)), ("tcp", self.totals.sums(Transport::Tcp))];
        let by_kind = sums.iter().flat_map(|(transport, sums)| {
            Kind::ALL.iter().zip(sums.kinds).map(move |((_, kind), count)| {
                ([("transport", transport.to_string()), ("kind", kind.to_string())], count)
            })
        });
        out.counters("meridian_answers", by_kind)?;
        let by_rcode = sums.iter().flat_map(|(transport, sums)| {
            Rcode::ALL.iter().zip(sums.rcodes).map(move |(rcode, count)| {
                ([("transport", transport.to_string()), ("rcode", rcode.to_string())], count)
            })
        });
        out.counters("meridian_responses", by_rcode)?;
        let by_transport = |count: fn(&Sums) -> u64| {
            sums.iter().map(move |(name, sums)| ([("transport", name.to_string())], count(sums)))
        };
        out.counters("meridian_panics", by_transport(|sums| sums.panics))?;
        out.counters("meridian_unsent", by_transport(|sums| sums.unsent))?;
        let over_limit = self.totals.sums(Transport::Udp).over_limit;
        let over_limit = Sums::OVER_LIMIT.into_iter().zip(over_limit);
        let by_result = over_limit.map(|(result, count)| ([("result", result.to_owned())], count));
        out.counters("meridian_over_limit", by_result)
    }

    fn connections(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let sums = self.totals.connections().sums();
        out.gauges("meridian_tcp_connections", [(NONE, sums.open as f64)])?;
        out.counters("meridian_tcp_accepted", [(NONE, sums.accepted)])?;
        let evicted = Cause::ALL.iter().zip(sums.evicted);
        let evicted = evicted.map(|((_, cause), count)| ([("cause", cause.to_string())], count));
        out.counters("meridian_tcp_evicted", evicted)?;
        out.counters("meridian_tcp_refused", [(NONE, sums.refused)])
    }

    fn health(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let pools = &self.status.health.pools;
        let azs = || pools.iter().flat_map(|pool| pool.azs.iter().map(move |az| (pool, az)));
        let endpoints = azs().flat_map(|(pool, az)| {
            az.endpoints.iter().map(move |endpoint| {
                let labels = [
                    ("pool", pool.name.clone()),
                    ("az", az.name.clone()),
                    ("address", endpoint.address.clone()),
                ];
                (labels, f64::from(u8::from(endpoint.counts_as_up)))
            })
        });
        out.gauges("meridian_endpoint_up", endpoints)?;
        let eligible = azs().map(|(pool, az)| {
            let labels = [("pool", pool.name.clone()), ("az", az.name.clone())];
            (labels, f64::from(u8::from(az.is_eligible())))
        });
        out.gauges("meridian_az_eligible", eligible)?;
        let transitions = self.status.transitions.iter().flat_map(|count| {
            [("eligible", count.eligible), ("not_eligible", count.not_eligible)].map(|(to, n)| {
                ([("pool", count.pool.clone()), ("az", count.az.clone()), ("to", to.into())], n)
            })
        });
        out.counters("meridian_transitions", transitions)?;
        let kinds = [OverrideKind::Drain, OverrideKind::ForceUp, OverrideKind::ForceDown];
        let overrides = kinds.map(|kind| {
            let count = self.status.overrides.iter().filter(|order| order.kind == kind).count();
            ([("kind", kind.to_string())], count as f64)
        });
        out.gauges("meridian_overrides", overrides)?;
        let suspicions = &self.status.health.guard.suspicions;
        let suspecting = [("ipv4", Family::V4), ("ipv6", Family::V6)].map(|(word, family)| {
            let suspects = suspicions.iter().any(|suspicion| suspicion.family == family);
            ([("family", word.to_owned())], f64::from(u8::from(suspects)))
        });
        out.gauges("meridian_guard_suspecting", suspecting)
    }

    fn files(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let Status { zones, databases, load, .. } = &self.status;
        let serials = zones
            .iter()
            .filter_map(|zone| Some(([("zone", zone.origin.clone())], f64::from(zone.serial?))));
        out.gauges("meridian_zone_serial", serials)?;
        let standings = Standing::ALL.map(|(standing, word)| {
            let count = zones.iter().filter(|zone| zone.standing == standing).count();
            ([("standing", word.to_owned())], count as f64)
        });
        out.gauges("meridian_zones", standings)?;
        let loads = [("clean", load.succeeded), ("refused", load.failed)];
        let loads = loads.map(|(result, count)| ([("result", result.to_owned())], count));
        out.counters("meridian_loads", loads)?;
        out.gauges("meridian_load_clean", [(NONE, f64::from(u8::from(load.clean)))])?;
        let built = databases.iter().map(|database| {
            let at = database.built_at.since_epoch().as_secs_f64();
            ([("database", database.name.clone())], at)
        });
        out.gauges("meridian_geoip_build_timestamp_seconds", built)
    }
}

/// No labels.
const NONE: [(&str, String); 0] = [];

/// Writes one metric after the other.
struct Out<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Out<'_, '_> {
    fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help(name), None, MetricType::Gauge)?;
        for (labels, value) in values {
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help(name), None, MetricType::Counter)?;
        for (labels, value) in values {
            ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn help(name: &str) -> &'static str {
    METRICS.iter().find(|(of, _)| *of == name).map_or("", |(_, help)| help)
}
