//! The HTTP API, on the control socket and on the address of `[admin]`.

use std::collections::BTreeMap;

use meridian::telemetry::metrics::METRICS;

use super::client::Connection;
use super::fleet::{Fleet, POLICY};
use super::host::Host;
use super::http::{Reply, control, tcp};

#[test]
fn status_tells_of_pools_zones_databases_and_the_load() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    let status = control(&host, "GET /v1/status").json();
    let pool = &status["health"]["pools"][0];
    assert_eq!(pool["name"], "app.example:web");
    let azs = pool["azs"].as_array().unwrap();
    let states: Vec<_> = azs.iter().map(|az| (&az["name"], &az["state"])).collect();
    let expected = [("paris", "eligible"), ("saopaulo", "eligible"), ("sydney", "down")];
    assert!(
        states
            .iter()
            .map(|(name, state)| (name.as_str(), state.as_str()))
            .eq(expected.map(|(name, state)| (Some(name), Some(state))))
    );
    let endpoint = &azs[2]["endpoints"][0];
    assert_eq!(endpoint["address"], "192.0.2.1");
    assert_eq!(endpoint["monitor"]["state"], "down");
    assert_eq!(endpoint["monitor"]["last_failure"]["cause"], "connection refused");
    assert_eq!(status["zones"][0]["origin"], "app.example.");
    assert_eq!(status["zones"][0]["standing"], "current");
    assert_eq!(status["databases"][0]["kind"], "Fixture-City");
    assert_eq!(status["load"]["clean"], true);
}

#[test]
fn explain_tells_what_is_answered() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    let ask = "GET /v1/explain?name=www.app.example&client=1.0.0.7";
    let explained = control(&host, ask).json();
    assert_eq!(explained["type"], "A");
    assert_eq!(explained["answer"][0], "www.app.example. 5 IN A 192.0.2.1");
    assert_eq!(explained["steering"]["azs"][0]["name"], "sydney");
    assert_eq!(explained["steering"]["azs"][0]["verdict"], "chosen");
    let explained = control(&host, &format!("{ask}&type=AAAA")).json();
    assert_eq!(explained["answer"].as_array().unwrap().len(), 0);
}

#[test]
fn a_question_that_can_not_be_asked_is_a_bad_request_with_its_reason() {
    let host = Host::new();
    let _daemon = host.start();
    for (query, reason) in [
        ("name=a..b&client=192.0.2.1", "\"a..b\" is not a domain name"),
        ("name=a&client=192.0.2.1&type=ADDRESS", "\"ADDRESS\" is not a record type"),
        ("name=a&client=192.0.2", "client"),
        ("client=192.0.2.1", "name"),
        ("", "name"),
    ] {
        let reply = control(&host, &format!("GET /v1/explain?{query}"));
        assert_eq!(reply.status, 400, "{query}");
        assert!(reply.error().contains(reason), "{query}: {}", reply.error());
    }
}

#[test]
fn what_is_not_there_is_told_as_json() {
    let host = Host::new();
    let _daemon = host.start();
    for (request, status) in
        [("GET /", 404), ("GET /v2/status", 404), ("POST /v1/status", 405), ("GET /v1/reload", 405)]
    {
        let reply = control(&host, request);
        assert_eq!(reply.status, status, "{request}");
        assert!(!reply.error().is_empty());
    }
}

#[test]
fn a_reload_tells_of_its_generation_or_its_faults() {
    let host = Host::new();
    let _daemon = host.start();
    let reply = control(&host, "POST /v1/reload");
    assert_eq!(reply.status, 200);
    let generation = reply.json()["generation"].as_u64().unwrap();
    let status = control(&host, "GET /v1/status").json();
    assert_eq!(status["generation"].as_u64(), Some(generation));

    host.append("zones/app.example.zone", "www IN A nowhere\n");
    let reply = control(&host, "POST /v1/reload");
    assert_eq!(reply.status, 422);
    let report = reply.json();
    assert_eq!(report["clean"], false);
    assert!(report["faults"].as_str().unwrap().contains("www IN A nowhere"), "{report}");
}

#[test]
fn the_address_of_admin_reads_and_changes_nothing() {
    let host = with_admin();
    let daemon = host.start();
    let at = |request| tcp(daemon.admin(), request);
    assert_eq!(at("GET /v1/status").json()["load"]["clean"], true);
    let explained = at("GET /v1/explain?name=text.app.example&client=192.0.2.1&type=TXT");
    assert_eq!(explained.json()["rcode"], "NOERROR");
    assert_eq!(at("GET /v1/explain?name=a").status, 400);
    assert_eq!(at("GET /metrics").status, 200);

    host.edit("zones/app.example.zone", "first", "second");
    assert_eq!(at("POST /v1/reload").status, 404);
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
}

#[test]
fn metrics_are_the_documented_ones_on_either_socket() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    host.append("meridian.toml", "[admin]\nlisten = \"127.0.0.1:0\"\n");
    let daemon = host.start();
    for reply in [control(&host, "GET /metrics"), tcp(daemon.admin(), "GET /metrics")] {
        assert_eq!(reply.status, 200);
        assert!(reply.head.contains("application/openmetrics-text; version=1.0.0"));
        assert!(reply.body.ends_with("# EOF\n"));
        let helps: Vec<_> =
            reply.body.lines().filter_map(|line| line.strip_prefix("# HELP ")).collect();
        let mut expected = METRICS.map(|(name, help)| format!("{name} {help}"));
        let mut exported: Vec<_> = helps.iter().map(ToString::to_string).collect();
        expected.sort();
        exported.sort();
        assert_eq!(exported, expected);
        for (sample, _) in samples(&reply) {
            let name = sample.split('{').next().unwrap();
            let name = name.strip_suffix("_total").unwrap_or(name);
            assert!(METRICS.iter().any(|(metric, _)| *metric == name), "{sample}");
        }
    }
}

#[test]
fn metrics_count_queries_by_transport_and_kind() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let daemon = host.start();
    let before = samples(&control(&host, "GET /metrics"));
    let client = super::client::Client::of(daemon.address());
    for question in [
        "www.app.example A from 1.0.0.0/24",
        "www.app.example A from 2.0.0.0/24",
        "text.app.example TXT",
        "none.app.example A",
        "text.app.example A",
        "outside.example A",
    ] {
        client.ask(question);
    }
    Connection::to(daemon.address()).ask("text.app.example TXT");
    let after = samples(&control(&host, "GET /metrics"));
    let mut more: Vec<_> = after
        .iter()
        .filter(|(sample, _)| sample.contains("_answers_") || sample.contains("_responses_"))
        .map(|(sample, count)| (sample.as_str(), count - before[sample]))
        .filter(|(_, count)| *count != 0.0)
        .collect();
    more.sort_by_key(|(sample, _)| *sample);
    assert_eq!(
        more,
        [
            ("meridian_answers_total{transport=\"tcp\",kind=\"static\"}", 1.0),
            ("meridian_answers_total{transport=\"udp\",kind=\"error\"}", 1.0),
            ("meridian_answers_total{transport=\"udp\",kind=\"nodata\"}", 1.0),
            ("meridian_answers_total{transport=\"udp\",kind=\"nxdomain\"}", 1.0),
            ("meridian_answers_total{transport=\"udp\",kind=\"static\"}", 1.0),
            ("meridian_answers_total{transport=\"udp\",kind=\"steered\"}", 2.0),
            ("meridian_responses_total{transport=\"tcp\",rcode=\"NOERROR\"}", 1.0),
            ("meridian_responses_total{transport=\"udp\",rcode=\"NOERROR\"}", 4.0),
            ("meridian_responses_total{transport=\"udp\",rcode=\"NXDOMAIN\"}", 1.0),
            ("meridian_responses_total{transport=\"udp\",rcode=\"REFUSED\"}", 1.0),
        ]
    );
}

#[test]
fn metrics_follow_a_failover_and_reloads() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    let sydney = "{pool=\"app.example:web\",az=\"sydney\"";
    let eligible = format!("meridian_az_eligible{sydney}}}");
    let up = format!("meridian_endpoint_up{sydney},address=\"192.0.2.1\"}}");
    let lost = format!("meridian_transitions_total{sydney},to=\"not_eligible\"}}");
    let before = samples(&control(&host, "GET /metrics"));
    assert_eq!((before[&eligible], before[&up]), (1.0, 1.0));
    assert_eq!(before["meridian_load_clean"], 1.0);

    fleet.sydney.kill();
    daemon.wait("sydney is out");
    host.append("zones/app.example.zone", "www IN A nowhere\n");
    host.meridian(&["reload"]).failure(1);
    let after = samples(&control(&host, "GET /metrics"));
    assert_eq!((after[&eligible], after[&up], after[&lost]), (0.0, 0.0, 1.0));
    assert!(after["meridian_generation"] > before["meridian_generation"]);
    assert_eq!(after["meridian_load_clean"], 0.0);
    let refused = "meridian_loads_total{result=\"refused\"}";
    assert_eq!(after[refused] - before[refused], 1.0);
}

fn with_admin() -> Host {
    let host = Host::new();
    host.append("meridian.toml", "[admin]\nlisten = \"127.0.0.1:0\"\n");
    host
}

/// The samples of a scrape, with their labels.
pub fn samples(reply: &Reply) -> BTreeMap<String, f64> {
    let lines = reply.body.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (sample, value) = line.rsplit_once(' ').unwrap();
        (sample.trim_end_matches("{}").to_owned(), value.parse().unwrap())
    });
    samples.collect()
}
