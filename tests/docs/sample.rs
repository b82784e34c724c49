//! Made-up values with something in every field.

use meridian::answer::Explanation;
use meridian::answer::explain::{
    ExplainedAz, ExplainedPlace, ExplainedRule, ExplainedWindow, FenceOf, FencedOut, Steering,
    Verdict,
};
use meridian::cli::{
    Awaited, AzLoad, AzLoss, Checked, Loss, LostServed, PoolFence, PoolLoss, Simulated, Summary,
    Waited,
};
use meridian::control::load::Counts;
use meridian::control::orders::{Change, Deed, Entry};
use meridian::control::plan::{CountryPlan, MovePlan, PoolPlan};
use meridian::control::status::{
    DatabaseStatus, LoadStatus, Standing, StandingError, Status, TransitionCount, ZoneStatus,
};
use meridian::control::{Order, Ordered, Plan, Released, ReloadReport};
use meridian::diag::{Position, Record, Related};
use meridian::health::{HealthState, Points};
use meridian::route::status::{MonitorStatus, PoolStatus, ShownPenalty, ShownSetback};
use meridian::route::{
    self, AzStatus, EndpointStatus, Family, GuardStatus, NeededRule, Override, OverrideKind,
    ReferenceStatus, Share, ShownAzState, ShownKept, ShownOverride, SuspicionStatus,
};
use meridian::span::Severity;
use meridian::time::Wall;

fn rule() -> NeededRule {
    NeededRule { name: "eu".into(), needs: "1 of dublin, frankfurt".into() }
}

/// By rules.
fn kept() -> Option<ShownKept> {
    let instead = vec!["dublin".into()];
    let overridden = vec!["dublin".into()];
    Some(ShownKept { rules: vec![rule()], instead, overridden, until: Some(Wall::default()) })
}

/// Of something.
fn order() -> Option<ShownOverride> {
    Some(ShownOverride {
        kind: OverrideKind::Drain,
        to: Share::percent(20).unwrap(),
        given: "web/*".into(),
        reason: "deploy 42".into(),
        by: "uid 1000 (alice)".into(),
        given_at: Wall::default(),
        until: Wall::default(),
    })
}

pub(crate) fn status() -> Status {
    let at = Wall::default();
    let setback = || Some(ShownSetback { cause: "status 503".into(), at });
    let monitor = MonitorStatus {
        state: HealthState::Down,
        since: at,
        penalty: Some(ShownPenalty { points: Points::LOSS, suppressed_until: Some(at) }),
        failing: false,
        fresh: false,
        last_failure: setback(),
        could_not_probe: setback(),
        next_probe: at,
    };
    let endpoint = EndpointStatus {
        address: "203.0.113.10".into(),
        counts_as_up: false,
        overridden: order(),
        monitor: Some(monitor),
        kept_until: Some(at),
    };
    let az = AzStatus {
        kept: kept(),
        name: "mumbai".into(),
        eligible: false,
        state: ShownAzState::Ramping { until: at, share: 20 },
        outside_fence: false,
        queries: Some(1204),
        overridden: order(),
        endpoints: vec![endpoint],
    };
    let pool =
        PoolStatus { name: "app.example:web".into(), azs: vec![az], broken_rules: vec![rule()] };
    Status {
        version: "0".into(),
        started_at: at,
        now: at,
        generation: 7,
        published_at: at,
        queries_since: Some(at),
        state: Some("can't save health".into()),
        health: route::Status { ready: true, pools: vec![pool], capacity: vec![], guard: guard() },
        overrides: [OverrideKind::Drain, OverrideKind::ForceUp, OverrideKind::ForceDown]
            .map(|kind| Override { kind, ..given() })
            .into(),
        transitions: vec![TransitionCount {
            pool: "app.example:web".into(),
            az: "mumbai".into(),
            eligible: 1,
            not_eligible: 2,
        }],
        zones: vec![ZoneStatus {
            origin: "app.example.".into(),
            standing: Standing::Current,
            serial: Some(1),
            names: 2,
            records: 3,
        }],
        databases: vec![DatabaseStatus {
            name: "geoip/world.mmdb".into(),
            kind: "City".into(),
            built_at: at,
            records: 4,
            networks: 5,
            old: true,
        }],
        load: LoadStatus {
            at,
            clean: false,
            errors: vec![StandingError { text: "a fault".into(), since: at }],
            warnings: 5,
            succeeded: 6,
            failed: 7,
        },
    }
}

fn guard() -> GuardStatus {
    let (since, until) = (Wall::default(), Wall::default());
    let silent = vec!["mumbai".into(), "singapore".into()];
    let family = Family::V6;
    let address = "192.0.2.1:443".parse().unwrap();
    GuardStatus {
        suspicions: vec![SuspicionStatus { family, since, until, silent }],
        references: vec![ReferenceStatus { address, answers: Some(false) }],
    }
}

pub(crate) fn explanation() -> Explanation {
    let place = ExplainedPlace {
        point: Some((19.0, 73.0)),
        point_from: Some("geoip/world.mmdb".into()),
        country: Some("IN".into()),
        continent: Some("AS".into()),
        subdivision: Some("IN-MH".into()),
        asn: Some(64500),
        network: "49.36.8.0/22".into(),
    };
    let az = ExplainedAz {
        name: "mumbai".into(),
        distance_km: Some(16.0),
        bias: 1.0,
        weight: Some(3),
        state: "down".into(),
        overridden: order(),
        kept: kept(),
        cause: Some("connection refused".into()),
        verdict: Verdict::PassedOver,
    };
    let window = ExplainedWindow { rtype: "A".into(), slot: 1498, first: 5, last: 9, of: 9 };
    let steering = Steering {
        pool: "app.example:web".into(),
        policy: "nearest".into(),
        decided_by: "49.36.10.1, the client subnet".into(),
        place,
        rule: Some(ExplainedRule {
            number: 1,
            clients: vec!["group:south".into()],
            set: "country:IN".into(),
            group: Some("south".into()),
        }),
        slot: Some(825),
        share_slot: Some(2047),
        azs: vec![az],
        fenced_out: vec![FencedOut {
            name: "ohio".into(),
            distance_km: Some(12_919.0),
            fence: FenceOf::Pool,
        }],
        windows: vec![window],
        tier: 1,
        all_down: "open".into(),
        ttl: 30,
        ttl_is_short: false,
    };
    Explanation {
        name: "www.app.example.".into(),
        rtype: "A".into(),
        client: [49, 36, 10, 1].into(),
        generation: 7,
        rcode: "NOERROR".into(),
        steering: Some(steering),
        earlier: vec![],
        answer: vec!["www.app.example. 30 IN A 203.0.113.10".into()],
        authority: vec!["app.example. 30 IN SOA …".into()],
        scope: Some(12),
    }
}

pub(crate) fn given() -> Override {
    Override {
        kind: OverrideKind::Drain,
        to: Share::percent(20).unwrap(),
        given: "web/*".into(),
        targets: vec!["app.example:web/mumbai".parse().unwrap()],
        reason: "deploy 42".into(),
        by: "uid 1000 (alice)".into(),
        given_at: Wall::default(),
        until: Wall::default(),
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        at: Wall::default(),
        by: "uid 1000 (alice)".into(),
        what: Deed::Refused,
        kind: Some(OverrideKind::Drain),
        to: Share::percent(20).unwrap(),
        target: "web/*".into(),
        targets: vec!["app.example:web/mumbai".parse().unwrap()],
        reason: Some("deploy 42".into()),
        until: Some(Wall::default()),
        refusal: Some("mumbai is the last of app.example:web".into()),
    }
}

pub(crate) fn wanted() -> Order {
    Order {
        kind: OverrideKind::Drain,
        target: "web/*".into(),
        duration: "2h".into(),
        to: Some("20%".into()),
        reason: "deploy 42".into(),
        even_if_last: false,
    }
}

pub(crate) fn ordered() -> Ordered {
    let change = Change { pool: "app.example:web".into(), az: "mumbai".into(), eligible: false };
    Ordered { order: given(), replaced: Some(given()), changes: vec![change], generation: 7 }
}

pub(crate) fn released() -> Released {
    let changes =
        vec![Change { pool: "app.example:web".into(), az: "mumbai".into(), eligible: true }];
    Released { target: "web/mumbai".into(), changes, generation: 7 }
}

pub(crate) fn reload() -> ReloadReport {
    ReloadReport {
        clean: false,
        generation: 7,
        faults: "a fault".into(),
        diagnostics: vec![record()],
    }
}

pub(crate) fn plan() -> Plan {
    let country = CountryPlan { country: Some("GB".into()), ipv4: 256, ipv6: 65_536 };
    let of = MovePlan {
        from: "frankfurt".into(),
        to: "london".into(),
        ipv4: 256,
        ipv6: 65_536,
        countries: vec![country],
        example: Some("81.128.0.0/24".into()),
    };
    let pool = PoolPlan {
        name: "app.example:web".into(),
        before: "app.example:old".into(),
        names: vec!["www.app.example.".into()],
        ipv4: 0.1,
        ipv6: 0.2,
        moves: vec![of],
    };
    let names = || vec!["www.app.example.".into()];
    Plan {
        clean: false,
        pools: vec![pool],
        names_come: names(),
        names_go: names(),
        zones_come: names(),
        zones_go: names(),
        broken: names(),
        faults: "a fault".into(),
        diagnostics: vec![record()],
    }
}

pub(crate) fn checked() -> Checked {
    let loaded = Counts { zones: 1, azs: 2, pools: 3, endpoints: 4, databases: 5 };
    let summary = Summary { errors: 1, warnings: 2, loaded: Some(loaded) };
    Checked { summary, diagnostics: vec![record()] }
}

pub(crate) fn simulated() -> Simulated {
    let az = AzLoss {
        name: "mumbai".into(),
        before: 4.0,
        after: 0.0,
        added_km_median: Some(100.0),
        added_km_99: Some(1000.0),
    };
    let pool = PoolLoss {
        name: "app.example:web".into(),
        demand: 100.0,
        moved: 4.0,
        unanswered: 1.0,
        added_km_median: Some(100.0),
        added_km_99: Some(1000.0),
        azs: vec![az],
        fences: vec![PoolFence { rule: Some(1), az: "singapore".into(), demand: 2.0 }],
        broken: vec!["1 % of demand is given nothing".into()],
        served: vec![LostServed { az: "mumbai".into(), demand: 1.0, why: "rule `eu`".into() }],
        unprobed: vec!["mumbai".into()],
    };
    let load = AzLoad {
        name: "singapore".into(),
        before: Some(300.0),
        after: Some(900.0),
        soft: 600.0,
        hard: 800.0,
    };
    let loss = Loss {
        lost: vec!["mumbai".into()],
        pools: vec![pool],
        capacity: vec![load],
        broken: vec!["singapore is expected 100 above its hard limit".into()],
    };
    Simulated { source: "uniform".into(), loads: Some("demand.csv".into()), losses: vec![loss] }
}

pub(crate) fn waited() -> Waited {
    let condition = Awaited {
        condition: "web/mumbai=up".into(),
        met: false,
        instead: Some("mumbai is down in app.example:web".into()),
    };
    Waited { met: false, seconds: 60.0, conditions: vec![condition] }
}

pub(crate) fn record() -> Record {
    let end = Position { line: 2, column: 12 };
    let related = Related {
        file: "meridian.toml".into(),
        line: 1,
        column: 1,
        end,
        label: "in this table".into(),
    };
    Record {
        code: "config/wrong-type".into(),
        severity: Severity::Error,
        message: "`listen` must be a list".into(),
        file: Some("meridian.toml".into()),
        line: Some(2),
        column: Some(10),
        end: Some(end),
        label: "an integer".into(),
        related: vec![related],
        remedy: "write a list".into(),
    }
}
