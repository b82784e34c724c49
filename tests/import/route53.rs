//! Amazon Route 53.

use serde_json::{Value, json};

use super::{Imported, fixture, shown};
use meridian::import::route53::{Source, import};

const SERVER: &str = "meridian.toml";
const ZONE: &str = "zones/app.example.zone";
const POLICY: &str = "zones/app.example.toml";

fn zone(sets: &[Value]) -> Source {
    let soa = "ns-1.awsdns.example. h.awsdns.example. 1 7200 900 1209600 86400";
    let mut all = vec![
        json!({"Name": "app.example.", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": soa}]}),
        plain("app.example.", "NS", "ns-1.awsdns.example"),
    ];
    all.extend(sets.iter().cloned());
    let text = json!({ "ResourceRecordSets": all }).to_string();
    Source { zones: [("zone.json".to_owned(), text)].into(), ..Source::default() }
}

fn imported(sets: &[Value]) -> Imported {
    Imported::new(import(&zone(sets)).unwrap())
}

/// The import of two sets of www, the first with this health check.
fn checked(config: Value) -> Imported {
    let mut source = zone(&[with(
        routed("one", "192.0.2.1", json!({"Weight": 1})),
        json!({"HealthCheckId": "c"}),
    )]);
    let checks = json!({"HealthChecks": [{"Id": "c", "HealthCheckConfig": config}]});
    source.health_checks = Some(("checks.json".into(), checks.to_string()));
    Imported::new(import(&source).unwrap())
}

fn plain(name: &str, rtype: &str, value: &str) -> Value {
    json!({"Name": name, "Type": rtype, "TTL": 300, "ResourceRecords": [{"Value": value}]})
}

/// A set of www with a routing policy.
fn routed(identifier: &str, value: &str, policy: Value) -> Value {
    let rtype = match value {
        value if value.contains(':') => "AAAA",
        value if value.parse::<std::net::Ipv4Addr>().is_ok() => "A",
        _ => "CNAME",
    };
    with(
        with(plain("www.app.example.", rtype, value), json!({"SetIdentifier": identifier})),
        policy,
    )
}

fn alias(name: &str, target: &str) -> Value {
    json!({"Name": name, "Type": "A", "AliasTarget":
        {"HostedZoneId": "Z", "DNSName": target, "EvaluateTargetHealth": true}})
}

fn with(mut set: Value, more: Value) -> Value {
    set.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    set
}

#[test]
fn the_shop_is_imported() {
    let mut files = fixture("route53");
    let checks = files.remove("checks.json").unwrap();
    let source = Source {
        zones: files,
        health_checks: Some(("checks.json".into(), checks)),
        cidr_blocks: None,
    };
    let import = import(&source).unwrap();
    let notes: String = import.notes.iter().map(|note| format!("{note}\n")).collect();
    let files = shown(&import.files);
    Imported::new(import);
    insta::assert_snapshot!(format!("{notes}\n{files}"));
}

// records

#[test]
fn simple_sets_are_records_of_absolute_names() {
    imported(&[
        plain("a.app.example.", "A", "192.0.2.1"),
        plain("app.example.", "MX", "10 mail.app.example"),
        plain("\\052.users.app.example.", "CNAME", "app.example"),
    ])
    .has(ZONE, "a.app.example. 300 A 192.0.2.1\n")
    .has(ZONE, "app.example. 300 MX 10 mail.app.example.\n")
    .has(ZONE, "*.users.app.example. 300 CNAME app.example.\n")
    .whole();
}

#[test]
fn a_file_that_is_no_output_of_the_command_is_refused_with_its_place() {
    let source = Source { zones: [("x.json".into(), "\n[]".into())].into(), ..Source::default() };
    assert!(import(&source).unwrap_err().to_string().starts_with("x.json:2: "));
}

#[test]
fn a_zone_without_soa_is_refused() {
    let text = json!({"ResourceRecordSets": []}).to_string();
    let source = Source { zones: [("x.json".into(), text)].into(), ..Source::default() };
    let error = import(&source).unwrap_err().to_string();
    assert_eq!(error, "x.json: there is no SOA record, so no zone's name");
}

#[test]
fn a_part_of_a_zone_is_refused() {
    for sign in [json!({"IsTruncated": true}), json!({"NextToken": "x"})] {
        let part = with(json!({"ResourceRecordSets": []}), sign).to_string();
        let source = Source { zones: [("x.json".into(), part)].into(), ..Source::default() };
        let error = import(&source).unwrap_err().to_string();
        assert_eq!(error, "x.json: this is not all of it: export it without --max-items");
    }
}

// aliases

#[test]
fn an_alias_of_records_in_the_zone_is_those_records() {
    imported(&[
        plain("a.app.example.", "A", "192.0.2.1"),
        alias("b.app.example.", "a.app.example."),
    ])
    .has(ZONE, "; an alias of a.app.example.\nb.app.example. 300 A 192.0.2.1\n")
    .whole();
}

#[test]
fn an_alias_of_a_name_with_a_pool_has_the_pool() {
    imported(&[
        routed("one", "192.0.2.1", json!({"Weight": 1})),
        alias("app.example.", "www.app.example."),
    ])
    .has(POLICY, "\"@\" = \"www\"")
    .whole();
}

#[test]
fn an_alias_of_a_name_elsewhere_is_a_cname_and_named() {
    imported(&[alias("b.app.example.", "lb.elb.example.")])
        .has(ZONE, "b.app.example. 60 CNAME lb.elb.example.\n")
        .names(&["b.app.example. A: an alias of lb.elb.example., which is not in the zone, is a \
                  CNAME record"]);
}

#[test]
fn an_alias_of_a_name_elsewhere_at_the_apex_is_left_out_and_named() {
    imported(&[alias("app.example.", "lb.elb.example.")]).names(&[
        "app.example. A: an alias of lb.elb.example., which is not in the zone, can't be \
                  a CNAME record here; it is left out",
    ]);
}

#[test]
fn an_alias_of_a_policy_within_a_policy_is_named() {
    let set = with(
        alias("top.app.example.", "www.app.example."),
        json!({"SetIdentifier": "in", "Weight": 1}),
    );
    let other = with(
        plain("top.app.example.", "A", "192.0.2.9"),
        json!({"SetIdentifier": "out", "Weight": 1}),
    );
    imported(&[set, other, routed("one", "192.0.2.1", json!({"Weight": 1}))]).names(&[
        "top.app.example. A \"in\": an alias of www.app.example., which has a policy or alias of \
         its own, does not map; it is left out",
    ]);
}

// routing policies

#[test]
fn latency_is_nearest_among_regions() {
    imported(&[
        routed("India", "192.0.2.1", json!({"Region": "ap-south-1"})),
        routed("Germany", "192.0.2.2", json!({"Region": "eu-central-1"})),
        routed("India", "2001:db8::1", json!({"Region": "ap-south-1"})),
        routed("Germany", "2001:db8::2", json!({"Region": "eu-central-1"})),
    ])
    .has(SERVER, "[az.ap-south-1]\nlocation = [19.1, 72.9]\ncountry = \"IN\"")
    .has(POLICY, "[pool.www]\npolicy = \"nearest\"\nttl = \"300s\"")
    .has(POLICY, r#"endpoints.ap-south-1 = ["192.0.2.1", "2001:db8::1"]"#)
    .whole();
}

#[test]
fn a_region_that_is_not_known_is_named() {
    imported(&[
        routed("India", "192.0.2.1", json!({"Region": "ap-south-1"})),
        routed("Moon", "192.0.2.2", json!({"Region": "lunar-north-1"})),
    ])
    .names(&[
        "www.app.example. A \"Moon\": where region lunar-north-1 is is not known; the set is \
              left out",
    ]);
}

#[test]
fn geoproximity_has_a_place_and_a_bias() {
    let place = |more: Value| json!({ "GeoProximityLocation": more });
    let coordinates = json!({"Latitude": "48.10", "Longitude": "11.50"});
    imported(&[
        routed("India", "192.0.2.1", place(json!({"AWSRegion": "ap-south-1", "Bias": 50}))),
        routed("Munich", "192.0.2.2", place(json!({"Coordinates": coordinates, "Bias": -50}))),
    ])
    .has(SERVER, "location = [19.1, 72.9]\ncountry = \"IN\"\nbias = 0.5")
    .has(SERVER, "[az.Munich]\nlocation = [48.1, 11.5]\nbias = 2.0")
    .has(POLICY, "policy = \"nearest\"")
    .whole();
}

#[test]
fn a_local_zone_group_is_named() {
    let place = |more: Value| json!({ "GeoProximityLocation": more });
    imported(&[
        routed("oregon", "192.0.2.1", place(json!({"AWSRegion": "us-west-2"}))),
        routed("lax", "192.0.2.2", place(json!({"LocalZoneGroup": "us-west-2-lax-1"}))),
    ])
    .names(&[
        "www.app.example. A \"lax\": where local zone group us-west-2-lax-1 is is not known; \
              the set is left out",
    ]);
}

#[test]
fn failover_has_the_primary_first() {
    imported(&[
        routed("spare", "192.0.2.2", json!({"Failover": "SECONDARY"})),
        routed("main", "192.0.2.1", json!({"Failover": "PRIMARY"})),
    ])
    .has(POLICY, "policy = \"failover\"\norder = [\"main\", \"spare\"]")
    .whole();
}

#[test]
fn a_secondary_that_is_not_checked_is_a_fallback() {
    let check = json!({"Id": "c", "HealthCheckConfig": {"Type": "TCP", "Port": 443}});
    let main = routed("main", "192.0.2.1", json!({"Failover": "PRIMARY", "HealthCheckId": "c"}));
    let mut source = zone(&[main, routed("spare", "192.0.2.2", json!({"Failover": "SECONDARY"}))]);
    let checks = json!({"HealthChecks": [check]}).to_string();
    source.health_checks = Some(("checks.json".into(), checks));
    Imported::new(import(&source).unwrap())
        .has(POLICY, "order = [\"main\"]\ncheck = \"www\"\nall_down = \"fallback\"\nfallback = \"www-spare\"")
        .has(POLICY, "[pool.www-spare]\npolicy = \"failover\"\norder = [\"spare\"]\n")
        .whole();
}

#[test]
fn a_secondary_that_is_elsewhere_and_a_primary_of_addresses_are_not_one_pool() {
    let main = routed("main", "192.0.2.1", json!({"Failover": "PRIMARY", "HealthCheckId": "c"}));
    let spare = with(
        alias("www.app.example.", "site.s3.example."),
        json!({"SetIdentifier": "spare", "Failover": "SECONDARY"}),
    );
    let mut source = zone(&[main, spare]);
    let check = json!({"Id": "c", "HealthCheckConfig": {"Type": "TCP", "Port": 443}});
    source.health_checks = Some(("c.json".into(), json!({"HealthChecks": [check]}).to_string()));
    let notes = Imported::new(import(&source).unwrap()).lacks(POLICY, "endpoints.spare").notes;
    let expected = "site.s3.example. is a name in a pool of addresses, which is all of one kind";
    assert!(notes.iter().any(|note| note.ends_with(expected)), "{notes:?}");
}

#[test]
fn a_policy_of_which_nothing_maps_is_named() {
    let set = with(
        alias("top.app.example.", "www.app.example."),
        json!({"SetIdentifier": "in", "Weight": 1}),
    );
    let imported = imported(&[set, routed("one", "192.0.2.1", json!({"Weight": 1}))]);
    let last = imported.notes.last().unwrap();
    assert_eq!(
        last,
        "top.app.example. A \"in\": an alias of www.app.example., which has a policy \
                      or alias of its own, does not map; it is left out"
    );
    imported.lacks(POLICY, "top").has(ZONE, "nothing of this name's policy maps");
}

#[test]
fn a_set_without_a_health_check_among_others_is_named() {
    let check = json!({"Id": "c", "HealthCheckConfig": {"Type": "TCP", "Port": 443}});
    let one = routed("one", "192.0.2.1", json!({"Weight": 1, "HealthCheckId": "c"}));
    let mut source = zone(&[one, routed("two", "192.0.2.2", json!({"Weight": 1}))]);
    let checks = json!({"HealthChecks": [check]}).to_string();
    source.health_checks = Some(("checks.json".into(), checks));
    Imported::new(import(&source).unwrap()).names(&[
        "www.app.example. A \"two\": a set without a health check is probed as the others of its \
         name are",
    ]);
}

#[test]
fn geolocation_is_rules_with_the_places_around_behind() {
    let place = |more: Value| json!({ "GeoLocation": more });
    imported(&[
        routed("eu", "192.0.2.1", place(json!({"ContinentCode": "EU"}))),
        routed("de", "192.0.2.2", place(json!({"CountryCode": "DE"}))),
        routed("ca", "192.0.2.3", place(json!({"CountryCode": "US", "SubdivisionCode": "CA"}))),
        routed("rest", "192.0.2.4", place(json!({"CountryCode": "*"}))),
    ])
    .has(POLICY, "policy = \"failover\"\norder = [\"rest\", \"eu\", \"de\", \"ca\"]")
    .has(POLICY, "clients = [\"subdivision:US-CA\"]\nprefer = [\"ca\", \"rest\"]")
    .has(POLICY, "clients = [\"country:DE\"]\nprefer = [\"de\", \"eu\", \"rest\"]")
    .has(POLICY, "clients = [\"continent:EU\"]\nprefer = [\"eu\", \"rest\"]")
    .whole();
}

#[test]
fn geolocation_without_a_default_is_named() {
    imported(&[routed("eu", "192.0.2.1", json!({"GeoLocation": {"ContinentCode": "EU"}}))]).names(
        &["www.app.example.: no default: clients elsewhere got no answer, here they get the first az"],
    );
}

#[test]
fn weights_are_of_azs() {
    imported(&[
        routed("old", "192.0.2.1", json!({"Weight": 9})),
        routed("new", "192.0.2.2", json!({"Weight": 1})),
    ])
    .has(POLICY, "policy = \"weighted\"\nweights = { old = 9, new = 1 }")
    .whole();
}

#[test]
fn weights_that_are_all_zero_are_alike() {
    imported(&[routed("old", "192.0.2.1", json!({"Weight": 0}))]).lacks(POLICY, "weights").whole();
}

#[test]
fn multivalue_answers_are_one_az() {
    imported(&[
        routed("a", "192.0.2.1", json!({"MultiValueAnswer": true})),
        routed("b", "192.0.2.2", json!({"MultiValueAnswer": true})),
    ])
    .has(POLICY, "max_answers = 8")
    .has(POLICY, r#"endpoints.www-app-example = ["192.0.2.1", "192.0.2.2"]"#)
    .whole();
}

#[test]
fn networks_of_a_collection_are_rules() {
    let place =
        |name: &str| json!({"CidrRoutingConfig": {"CollectionId": "c", "LocationName": name}});
    let mut source = zone(&[
        routed("office", "192.0.2.1", place("berlin")),
        routed("rest", "192.0.2.2", place("*")),
    ]);
    let blocks = json!({"CidrBlocks": [{"CidrBlock": "10.1.0.0/16", "LocationName": "berlin"}]});
    source.cidr_blocks = Some(("blocks.json".into(), blocks.to_string()));
    Imported::new(import(&source).unwrap())
        .has(POLICY, "clients = [\"net:10.1.0.0/16\"]\nprefer = [\"office\", \"rest\"]")
        .has(POLICY, "order = [\"rest\", \"office\"]")
        .whole();
    source.cidr_blocks = None;
    Imported::new(import(&source).unwrap()).names(&[
        "www.app.example. A \"office\": the networks of location berlin are not known; give them \
         with --cidr-blocks",
    ]);
}

#[test]
fn cname_sets_are_a_cname_pool() {
    imported(&[
        routed("a", "a.cdn.example", json!({"Weight": 1})),
        routed("b", "b.cdn.example", json!({"Weight": 1})),
    ])
    .has(POLICY, "endpoints.a = \"a.cdn.example.\"")
    .whole();
}

#[test]
fn an_alias_elsewhere_within_a_policy_is_a_name_and_named() {
    let set = |identifier: &str, target: &str| {
        with(alias("www.app.example.", target), json!({"SetIdentifier": identifier, "Weight": 1}))
    };
    imported(&[set("a", "a.elb.example."), set("b", "b.elb.example.")])
        .has(POLICY, "endpoints.b = \"b.elb.example.\"")
        .names(&[
            "www.app.example. A \"a\": an alias of a.elb.example., which is not in the zone, is \
             given as a name",
            "www.app.example. A \"b\": an alias of b.elb.example., which is not in the zone, is \
             given as a name",
        ]);
}

#[test]
fn ttls_that_differ_are_named() {
    imported(&[
        routed("a", "192.0.2.1", json!({"Weight": 1, "TTL": 30})),
        routed("b", "192.0.2.2", json!({"Weight": 1})),
    ])
    .has(POLICY, "ttl = \"30s\"")
    .names(&["www.app.example. A \"b\": a pool has one TTL, here 30"]);
}

#[test]
fn a_policy_on_another_type_is_named() {
    let set =
        with(plain("www.app.example.", "TXT", "\"x\""), json!({"SetIdentifier": "a", "Weight": 1}));
    imported(&[set]).names(&[
        "www.app.example. TXT \"a\": a routing policy on this type does not map; it is left out",
    ]);
}

#[test]
fn a_record_beside_a_pool_is_named() {
    imported(&[
        routed("a", "192.0.2.1", json!({"Weight": 1})),
        plain("www.app.example.", "AAAA", "2001:db8::1"),
    ])
    .names(&["www.app.example. AAAA: the name has a pool, which answers for A and AAAA; this is \
              left out"]);
}

#[test]
fn a_set_made_by_a_traffic_policy_is_named() {
    let set =
        with(plain("a.app.example.", "A", "192.0.2.1"), json!({"TrafficPolicyInstanceId": "t"}));
    imported(&[set]).has(ZONE, "a.app.example. 300 A 192.0.2.1").names(&[
        "a.app.example. A: made by a traffic policy: it is imported as it stands, without the policy",
    ]);
}

// health checks

#[test]
fn an_http_health_check_is_a_check() {
    checked(json!({"Type": "HTTP", "IPAddress": "192.0.2.1", "Port": 8080, "ResourcePath": "/ok",
        "FullyQualifiedDomainName": "a.example", "RequestInterval": 10, "FailureThreshold": 2}))
    .has(
        POLICY,
        "[check.www]\ntype = \"http\"\nport = 8080\nhost = \"a.example\"\npath = \"/ok\"\n\
         status = [\"2xx\", \"3xx\"]\ninterval = \"10s\"\ntimeout = \"6s\"\nfast_interval = \"10s\"\n\
         rise = 2\nfall = 2\n",
    )
    .has(POLICY, "endpoints.one = [\"192.0.2.1\"]")
    .whole();
}

#[test]
fn a_search_string_is_a_body() {
    checked(json!({"Type": "HTTPS_STR_MATCH", "FullyQualifiedDomainName": "a.example",
        "SearchString": "all \"well\""}))
    .has(POLICY, "type = \"https\"\nport = 443")
    .has(POLICY, "body = 'all \"well\"'")
    .whole();
}

#[test]
fn a_health_check_of_another_address_probes_that() {
    checked(json!({"Type": "TCP", "IPAddress": "198.51.100.1", "Port": 9000}))
        .has(POLICY, "type = \"tcp\"\nport = 9000")
        .has(POLICY, "{ address = \"192.0.2.1\", probe = \"198.51.100.1:9000\" }")
        .whole();
}

#[test]
fn health_checks_that_do_not_map_are_named() {
    for (config, why) in [
        (json!({"Type": "HTTP", "Inverted": true}), "it is inverted"),
        (json!({"Type": "HTTP", "Disabled": true}), "it is disabled, which counts as healthy"),
        (json!({"Type": "CALCULATED"}), "type CALCULATED has no counterpart"),
        (json!({"Type": "CLOUDWATCH_METRIC"}), "type CLOUDWATCH_METRIC has no counterpart"),
        (
            json!({"Type": "HTTPS", "IPAddress": "192.0.2.1"}),
            "an HTTPS check needs a host name, and it has none",
        ),
    ] {
        let note = format!(
            "www.app.example. A \"one\": health check c does not map, so this counts as up: {why}"
        );
        checked(config).lacks(POLICY, "check =").names(&[&note]);
    }
}

#[test]
fn a_health_check_that_is_not_given_is_named() {
    let set = with(routed("one", "192.0.2.1", json!({"Weight": 1})), json!({"HealthCheckId": "c"}));
    imported(&[set])
        .names(&["www.app.example. A \"one\": health check c: give it with --health-checks"]);
}

#[test]
fn a_health_check_without_a_policy_is_named() {
    let set = with(plain("a.app.example.", "A", "192.0.2.1"), json!({"HealthCheckId": "c"}));
    imported(&[set]).names(&[
        "a.app.example. A: a health check without a routing policy changes nothing; it is left out",
    ]);
}
