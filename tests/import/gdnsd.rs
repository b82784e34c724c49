//! gdnsd 3.

use std::collections::BTreeMap;

use proptest::prelude::{prop, proptest};

use super::{Imported, fixture, shown};
use meridian::import::{Files, gdnsd};

const SERVER: &str = "meridian.toml";
const ZONE: &str = "zones/app.example.zone";
const NAMES: &str = "zones/app.example.toml";

/// The import of a configuration and one zone with these records.
fn imported(config: &str, records: &str) -> Imported {
    Imported::new(gdnsd::import(&files(config, records), &BTreeMap::new()).unwrap())
}

fn files(config: &str, records: &str) -> Files {
    let zone = "@ SOA ns1 h 1 2H 30M 2W 30\n@ NS ns1\nns1 A 192.0.2.53\n".to_owned() + records;
    [("config", config.to_owned()), ("zones/app.example", zone)]
        .map(|(name, text)| (name.to_owned(), text))
        .into()
}

/// A geoip map with two datacenters, and a resource `www`.
fn mapped(map: &str) -> String {
    format!(
        "plugins => {{ geoip => {{ maps => {{ m => {{ datacenters => [a, b], {map} }} }}
         resources => {{ www => {{ map => m, dcmap => {{ a => 192.0.2.1, b => 192.0.2.2 }} }} }} }} }}"
    )
}

/// A map by distance.
fn automatic(map: &str) -> String {
    mapped(&format!("auto_dc_coords => {{ a => [19.08, 72.88], b => [50.11, 8.68] }}, {map}"))
}

const WWW: &str = "www 60 DYNA geoip!www\n";

#[test]
fn the_shop_is_imported() {
    let import = gdnsd::import(&fixture("gdnsd"), &BTreeMap::new()).unwrap();
    let notes: String = import.notes.iter().map(|note| format!("{note}\n")).collect();
    let files = shown(&import.files);
    Imported::new(import);
    insta::assert_snapshot!(format!("{notes}\n{files}"));
}

// options

#[test]
fn listen_addresses_have_ports() {
    imported(
        "options => { listen => [192.0.2.1, 2001:db8::1, \"[2001:db8::2]:54\"], dns_port => 5353 }",
        "",
    )
    .has(SERVER, r#"listen = ["192.0.2.1:5353", "[2001:db8::1]:5353", "[2001:db8::2]:54"]"#)
    .whole();
}

#[test]
fn listen_any_is_the_default() {
    imported("options => { listen => any }", "").lacks(SERVER, "listen").whole();
}

#[test]
fn other_options_are_named() {
    imported("options => {\n udp_threads => 4 }", "")
        .names(&["config:2: option `udp_threads` has no counterpart"]);
}

#[test]
fn databases_of_maps_come_before_the_own_one() {
    let config = mapped("geoip2_db => city.mmdb");
    let databases = [("geoip/city.mmdb".to_owned(), "/etc/gdnsd/geoip/city.mmdb".to_owned())];
    let import = gdnsd::import(&files(&config, WWW), &databases.into()).unwrap();
    Imported::new(import)
        .has(SERVER, r#"databases = ["/etc/gdnsd/geoip/city.mmdb", "geoip/world.mmdb"]"#)
        .whole();
}

#[test]
fn a_database_that_is_not_there_is_named() {
    imported(&mapped("geoip2_db => city.mmdb"), WWW)
        .lacks(SERVER, "databases =")
        .names(&["config:1: there is no city.mmdb in geoip/; add it to [geoip] databases"]);
}

// zones

#[test]
fn the_default_ttl_is_that_of_the_options() {
    imported("options => { zones_default_ttl => 900 }", "").has(ZONE, "$TTL 900\n").whole();
    imported("", "").has(ZONE, "$TTL 86400\n").whole();
}

#[test]
fn the_root_and_classless_zones_have_files_of_their_own_names() {
    let mut files = files("", "");
    let text = files.remove("zones/app.example").unwrap();
    files.insert("zones/ROOT_ZONE".into(), text.clone());
    files.insert("zones/0@25.2.0.192.in-addr.arpa".into(), text);
    let imported = Imported::new(gdnsd::import(&files, &BTreeMap::new()).unwrap());
    let names: Vec<_> = imported.files.keys().map(String::as_str).collect();
    assert_eq!(names, [SERVER, "zones/0\\04725.2.0.192.in-addr.arpa.zone", "zones/@.zone"]);
}

#[test]
fn a_directory_without_zones_is_refused() {
    let error = gdnsd::import(&Files::new(), &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), "zones/: there is no zone file");
}

#[test]
fn a_fault_in_the_configuration_is_told_with_its_place() {
    let error = gdnsd::import(&files("a =>\n=> b", ""), &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), "config:2: expected a word, found `=`");
}

// multifo

#[test]
fn multifo_is_an_az_with_a_threshold() {
    imported(
        "plugins => { multifo => { up_thresh => 0.3, w => { l1 => 192.0.2.1, l2 => 192.0.2.2 } } }",
        "w 60 DYNA multifo!w",
    )
    .has(SERVER, r#"endpoints.w = ["192.0.2.1", "192.0.2.2"]"#)
    .has(SERVER, "min_up = \"30%\"")
    .has(NAMES, "\"w\" = \"w\"")
    .whole();
}

#[test]
fn both_families_of_multifo_are_one_pool() {
    imported(
        "plugins => { multifo => { w => { addrs_v4 => [192.0.2.1], addrs_v6 => { x => 2001:db8::1 } } } }",
        "w 60 DYNA multifo!w",
    )
    .has(SERVER, r#"endpoints.w = ["192.0.2.1", "2001:db8::1"]"#)
    .has(SERVER, "min_up = \"50%\"")
    .whole();
}

#[test]
fn ttls_of_a_record_are_its_pools() {
    imported(
        "plugins => { multifo => { w => [192.0.2.1] } }",
        "a 600/30 DYNA multifo!w\nb 600/30 DYNA multifo!w\nc 60 DYNA multifo!w\n",
    )
    .has(
        SERVER,
        "[pool.w]\npolicy = \"failover\"\norder = [\"w\"]\nttl = \"600s\"\nmin_ttl = \"30s\"",
    )
    .has(
        SERVER,
        "[pool.w-2]\npolicy = \"failover\"\norder = [\"w\"]\nttl = \"60s\"\nmin_ttl = \"30s\"",
    )
    .has(NAMES, "\"a\" = \"w\"\n\"b\" = \"w\"\n\"c\" = \"w-2\"")
    .whole();
}

#[test]
fn ignored_health_is_named() {
    imported(
        "plugins => { multifo => { w => { ignore_health => true, a => 192.0.2.1 } } }",
        "w DYNA multifo!w",
    )
    .names(&["config:1: `ignore_health` has no counterpart"]);
}

#[test]
fn a_resource_without_a_record_is_named() {
    imported("plugins => {\n multifo => { w => 192.0.2.1 } }", "")
        .names(&["config:2: no record asks for multifo!w; it is left out"]);
}

#[test]
fn a_record_of_no_resource_is_named() {
    imported("plugins => { multifo => { } }", "w DYNA multifo!gone")
        .has(ZONE, "; w DYNA multifo!gone")
        .names(&["zones/app.example:4: there is no resource multifo!gone"]);
}

// service types

/// A resource monitored by the service type `s`.
fn monitored(service: &str) -> Imported {
    let config = format!(
        "service_types => {{ s => {{ {service} }} }}
         plugins => {{ multifo => {{ w => {{ service_types => s, a => 192.0.2.1 }} }} }}"
    );
    imported(&config, "w DYNA multifo!w")
}

#[test]
fn http_status_is_an_http_check() {
    monitored("plugin => http_status, port => 8080, url_path => /ok, vhost => a.example, ok_codes => [200 301]")
        .has(SERVER, "[check.s]\ntype = \"http\"\nport = 8080\npath = \"/ok\"\nhost = \"a.example\"\nstatus = [200, 301]")
        .has(SERVER, "check = \"s\"")
        .whole();
}

#[test]
fn tcp_connect_is_a_tcp_check() {
    monitored("plugin => tcp_connect, port => 25")
        .has(SERVER, "[check.s]\ntype = \"tcp\"\nport = 25")
        .whole();
}

#[test]
fn timing_is_kept_and_gdnsds_where_it_is_not_given() {
    monitored("plugin => http_status, interval => 8, up_thresh => 4, down_thresh => 2")
        .has(
            SERVER,
            "interval = \"8s\"\ntimeout = \"4s\"\nfast_interval = \"8s\"\nrise = 4\nfall = 2",
        )
        .has(SERVER, "hold = \"0s\"")
        .whole();
    monitored("plugin => http_status")
        .has(
            SERVER,
            "interval = \"10s\"\ntimeout = \"5s\"\nfast_interval = \"10s\"\nrise = 20\nfall = 10",
        )
        .whole();
}

#[test]
fn ok_thresh_is_named() {
    monitored("plugin => http_status, ok_thresh => 5")
        .names(&["config:1: `ok_thresh` has no counterpart: `fall` counts failures in a row"]);
}

#[test]
fn a_threshold_out_of_range_is_named() {
    monitored("plugin => http_status, up_thresh => 200")
        .has(SERVER, "rise = 100")
        .names(&["config:1: `up_thresh` is at most 100, not 200"]);
}

#[test]
fn extmon_and_extfile_are_named() {
    for plugin in ["extmon", "extfile"] {
        let note = format!(
            "config:2: service type `s` is of plugin {plugin}, which has no counterpart: \
             it is not asked"
        );
        monitored(&format!("plugin => {plugin}")).lacks(SERVER, "check = ").names(&[&note]);
    }
}

#[test]
fn a_second_service_type_is_named() {
    imported(
        "service_types => { s => { plugin => http_status }, t => { plugin => tcp_connect, port => 25 } }
         plugins => { multifo => { w => { service_types => [up, s, t], a => 192.0.2.1 } } }",
        "w DYNA multifo!w",
    )
    .has(SERVER, "check = \"s\"")
    .names(&["config:2: a pool has one check, so `t` is not asked"]);
}

#[test]
fn service_type_down_is_named() {
    imported(
        "plugins => { multifo => { w => { service_types => down, a => 192.0.2.1 } } }",
        "w DYNA multifo!w",
    )
    .names(&["config:1: service type `down` does not map; remove the endpoints"]);
}

// simplefo, weighted, static, and others

#[test]
fn simplefo_is_failover_between_two_azs() {
    imported(
        "plugins => { simplefo => { w => { addrs_v4 => { primary => 192.0.2.1, secondary => 192.0.2.2 }
         addrs_v6 => { primary => 2001:db8::1, secondary => 2001:db8::2 } } } }",
        "w DYNA simplefo!w",
    )
    .has(SERVER, "policy = \"failover\"\norder = [\"w-primary\", \"w-secondary\"]")
    .has(SERVER, r#"endpoints.w-secondary = ["192.0.2.2", "2001:db8::2"]"#)
    .whole();
}

#[test]
fn weights_are_of_azs() {
    imported(
        "plugins => { weighted => { w => { old => [192.0.2.1, 9], new => [192.0.2.2, 1] } } }",
        "w DYNA weighted!w",
    )
    .has(SERVER, "policy = \"weighted\"\nweights = { w-old = 9, w-new = 1 }")
    .whole();
}

#[test]
fn weighted_names_are_a_cname_pool() {
    imported(
        "plugins => { weighted => { w => { a => [a.cdn.example., 3], b => [b.cdn.example., 1] } } }",
        "w DYNC weighted!w",
    )
    .has(SERVER, "endpoints.w-a = \"a.cdn.example.\"")
    .whole();
}

#[test]
fn groups_of_equal_weights_are_azs_with_their_sum() {
    imported(
        "plugins => { weighted => { w => { g => { a => [192.0.2.1, 2], b => [192.0.2.2, 2] }
         h => { c => [192.0.2.3, 1] } } } }",
        "w DYNA weighted!w",
    )
    .has(SERVER, "weights = { w-g = 4, w-h = 1 }")
    .has(SERVER, r#"endpoints.w-g = ["192.0.2.1", "192.0.2.2"]"#)
    .whole();
}

#[test]
fn weights_within_a_group_and_multi_and_their_threshold_are_named() {
    imported(
        "plugins => { weighted => { w => {\n multi => true,\n up_thresh => 0.1,
         g => { a => [192.0.2.1, 2], b => [192.0.2.2, 1] } } } }",
        "w DYNA weighted!w",
    )
    .names(&[
        "config:2: `multi` has no counterpart: a client gets one item, not several",
        "config:3: `up_thresh` of weights has no counterpart",
        "config:4: weights within group g have no counterpart",
    ]);
}

#[test]
fn static_resources_are_records() {
    imported(
        "plugins => { static => { a => 192.0.2.1, b => 2001:db8::1, c => x.example. } }",
        "a 60 DYNA static!a\n  MX 10 m\nb DYNA static!b\nc 60 DYNC static!c",
    )
    .has(ZONE, "; a 60 DYNA static!a\na.app.example. 60 A 192.0.2.1\na  MX 10 m\n")
    .has(ZONE, "b.app.example. 86400 AAAA 2001:db8::1\n")
    .has(ZONE, "c.app.example. 60 CNAME x.example.\n")
    .whole();
}

#[test]
fn other_plugins_are_named() {
    imported("plugins => {\n reflect => { } }", "w DYNA reflect!both").names(&[
        "config:2: plugin reflect has no counterpart",
        "zones/app.example:4: plugin reflect has no counterpart",
    ]);
}

// metafo

/// A metafo resource `w` with these parameters and datacenters a and b.
fn failing_over(parameters: &str, a: &str, b: &str, others: &str) -> Imported {
    let config = format!(
        "plugins => {{ metafo => {{ resources => {{ w => {{ {parameters} datacenters => [b, a]
         dcmap => {{ a => {a},\n b => {b} }} }} }} }} {others} }}"
    );
    imported(&config, "w DYNA metafo!w")
}

#[test]
fn metafo_is_failover_in_the_order_of_its_datacenters() {
    failing_over("", "192.0.2.1", "[192.0.2.2, 192.0.2.3]", "")
        .has(SERVER, "policy = \"failover\"\norder = [\"b\", \"a\"]")
        .has(SERVER, r#"endpoints.b = ["192.0.2.2", "192.0.2.3"]"#)
        .whole();
}

#[test]
fn datacenters_refer_to_resources_of_other_plugins() {
    failing_over(
        "",
        "%multifo!x",
        "!y",
        "multifo => { x => [192.0.2.1], y => { l => 192.0.2.2 } }",
    )
    .has(SERVER, r#"endpoints.a = ["192.0.2.1"]"#)
    .has(SERVER, r#"endpoints.b = ["192.0.2.2"]"#)
    .whole();
}

#[test]
fn the_first_datacenter_is_skipped_where_it_should_be() {
    failing_over("skip_first => true", "192.0.2.1", "192.0.2.2", "")
        .has(SERVER, "order = [\"a\"]")
        .lacks(SERVER, "192.0.2.2")
        .whole();
}

#[test]
fn one_datacenter_of_a_resource_is_a_pool() {
    imported(
        "plugins => { metafo => { resources => { w => { datacenters => [a, b]
         dcmap => { a => 192.0.2.1, b => 192.0.2.2 } } } } }",
        "w DYNA metafo!w\nonly DYNA metafo!w/b",
    )
    .has(SERVER, "[pool.w-b]\npolicy = \"failover\"\norder = [\"b\"]")
    .whole();
}

#[test]
fn a_secondary_within_a_datacenter_is_named() {
    failing_over(
        "",
        "192.0.2.1",
        "{ plugin => simplefo, primary => 192.0.2.2, secondary => 192.0.2.3 }",
        "",
    )
    .lacks(SERVER, "192.0.2.3")
    .names(&["config:3: an az's endpoints all serve, so the secondary is left out"]);
}

#[test]
fn weights_within_a_datacenter_are_named() {
    failing_over(
        "",
        "192.0.2.1",
        "{ plugin => weighted, x => [192.0.2.2, 1], y => [192.0.2.3, 2] }",
        "",
    )
    .names(&["config:3: weights within an az have no counterpart: all are given alike"]);
}

#[test]
fn health_of_weights_within_a_datacenter_is_named() {
    let x = "weighted => { x => {\n addrs_v4 => { i => [192.0.2.2, 1], j => [192.0.2.3, 1] }
         addrs_v6 => {\n multi => true,\n up_thresh => 0.9,\n i => [2001:db8::2, 1] } } }";
    failing_over("", "192.0.2.1", "%weighted!x", x).names(&[
        "config:6: `multi` has no counterpart: an az's endpoints are all given",
        "config:7: `up_thresh` of weights has no counterpart",
    ]);
}

#[test]
fn a_threshold_that_an_az_takes_over_is_named() {
    let x = "weighted => { x => { i => [192.0.2.2, 1], j => [192.0.2.3, 1] } }";
    failing_over("", "[192.0.2.1, 192.0.2.4]", "%weighted!x", x)
        .names(&["config:1: a pool has one min_up = \"50%\", which az b has too"]);
}

#[test]
fn a_meta_plugin_within_a_datacenter_is_named() {
    let inner = "%metafo!v";
    failing_over("", "192.0.2.1", inner, "").lacks(SERVER, "[pool.w]").names(&[
        "config:1: without az b pool w would send clients elsewhere: it is left out, with the \
             names that it answers",
        "config:3: datacenter b is left out: there is no resource metafo!v",
    ]);
}

#[test]
fn a_name_among_addresses_is_named() {
    let config = "plugins => { metafo => { resources => { w => { datacenters => [a, b]
         dcmap => { a => 192.0.2.1, b => last.example. } } } } }";
    imported(config, "w DYNC metafo!w").lacks(SERVER, "endpoints.b").names(&[
        "config:1: last.example. is a name in a pool of addresses, which is all of one kind",
        "config:1: without az b pool w would send clients elsewhere: it is left out, with the \
         names that it answers",
    ]);
}

#[test]
fn thresholds_that_differ_are_named() {
    failing_over(
        "",
        "{ up_thresh => 0.3, x => 192.0.2.1, y => 192.0.2.2 }",
        "{ up_thresh => 0.7, x => 192.0.2.3, y => 192.0.2.4 }",
        "",
    )
    .names(&["config:1: a pool has one min_up = \"70%\", not min_up = \"30%\" for az a"]);
}

// geoip

#[test]
fn coordinates_are_locations_and_the_policy_is_nearest() {
    imported(&automatic(""), WWW)
        .has(SERVER, "[az.a]\nlocation = [19.08, 72.88]")
        .has(SERVER, "policy = \"nearest\"\norder = [\"a\", \"b\"]")
        .whole();
}

#[test]
fn a_map_without_coordinates_is_failover_by_its_default() {
    imported(&mapped("map => { default => [b, a] }"), WWW)
        .has(SERVER, "policy = \"failover\"\norder = [\"b\", \"a\"]")
        .whole();
    imported(&mapped(""), WWW).has(SERVER, "order = [\"a\", \"b\"]").whole();
}

#[test]
fn lists_of_places_are_rules_the_most_specific_first() {
    imported(
        &automatic("map => { EU => { default => [b, a], CH => [a, b] }, NA => { US => { CA => [b, a] } } }"),
        WWW,
    )
    .has(
        SERVER,
        "[[pool.www.rules]]\nclients = [\"subdivision:US-CA\"]\nprefer = [\"b\", \"a\"]\n\n\
         [[pool.www.rules]]\nclients = [\"country:CH\"]\nprefer = [\"a\", \"b\"]\n\n\
         [[pool.www.rules]]\nclients = [\"continent:EU\"]\nprefer = [\"b\", \"a\"]\n",
    )
    .whole();
}

#[test]
fn networks_are_rules_the_longest_first() {
    imported(
        &mapped("nets => { 10.0.0.0/8 => [a, b], 10.1.0.0/16 => [b, a], 2001:db8::/32 => [b, a], 10.2.0.0/16 => [b, a] }"),
        WWW,
    )
    .has(
        SERVER,
        "clients = [\"net:2001:db8::/32\", \"net:10.1.0.0/16\", \"net:10.2.0.0/16\"]\nprefer = [\"b\", \"a\"]\n\n\
         [[pool.www.rules]]\nclients = [\"net:10.0.0.0/8\"]\nprefer = [\"a\", \"b\"]\n",
    )
    .whole();
}

#[test]
fn networks_of_a_file_are_rules() {
    let mut files = files(&mapped("nets => offices"), WWW);
    files.insert("geoip/offices".into(), "10.0.0.0/8 => [ b, a ]".into());
    Imported::new(gdnsd::import(&files, &BTreeMap::new()).unwrap())
        .has(SERVER, "clients = [\"net:10.0.0.0/8\"]")
        .whole();
}

#[test]
fn a_network_longer_than_the_clients_of_ipv6_is_named() {
    imported(&mapped("nets => {\n 2001:db8::/96 => [a, b] }"), WWW)
        .names(&["config:2: 2001:db8::/96 does not map: IPv6 clients count by their /64"]);
}

#[test]
fn ignored_client_subnets_are_ignored() {
    imported(&mapped("ignore_ecs => true"), WWW).has(SERVER, "ecs = false").whole();
}

#[test]
fn a_city_is_named() {
    imported(&mapped("map => {\n EU => { FR => { Paris => [a, b] } } }"), WWW)
        .names(&["config:2: city `Paris` does not map: rules go down to subdivisions"]);
}

#[test]
fn an_empty_list_is_named() {
    imported(&mapped("map => {\n EU => [] }"), WWW)
        .names(&["config:2: an empty list for continent:EU has no counterpart; it gets answers"]);
}

#[test]
fn distance_within_a_list_is_named() {
    imported(&automatic("map => {\n EU => { default => [a, b], DE => auto } }"), WWW)
        .names(&["config:2: `auto` for country:DE within a list does not map"]);
}

#[test]
fn a_list_without_all_datacenters_is_named_once() {
    imported(&automatic("map => { EU => [a], AS => [b] }"), WWW).names(&[
        "config:1: lists without some datacenters: when all of a list are down, clients go to the \
         others too",
    ]);
}

#[test]
fn a_datacenter_without_coordinates_is_named() {
    imported(&mapped("auto_dc_coords => { a => [19.08, 72.88] }"), WWW)
        .lacks(SERVER, "endpoints.b")
        .names(&["config:2: az b has no coordinates, which `nearest` needs; left out"]);
}

#[test]
fn skip_first_of_a_map_is_named() {
    let config = mapped("").replace("map => m,", "map => m, skip_first => true,");
    imported(&config, WWW).names(&["config:2: `skip_first` of geoip has no counterpart"]);
}

// laws

proptest! {
    #[test]
    fn any_text_is_imported_or_refused(
        config in prop::collection::vec(prop::sample::select(CONFIG), 0..24),
        zone in prop::collection::vec(prop::sample::select(RECORDS), 0..24),
    ) {
        let _ = gdnsd::import(&files(&config.concat(), &zone.concat()), &BTreeMap::new());
    }
}

const CONFIG: &[&str] = &[
    "plugins => {",
    "service_types => {",
    "multifo => ",
    "weighted",
    "w",
    " => ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\n",
    "192.0.2.1",
    "x.",
    "\"",
    "\\",
    "\\09",
    "é",
    "$include{",
    "config",
    "#",
    ";",
    "=",
];
const RECORDS: &[&str] = &[
    "www",
    " ",
    "\n",
    "\t",
    "600/30",
    "600",
    "DYNA",
    "DYNC",
    "multifo!w",
    "static!x",
    "!",
    "@",
    "@Z",
    "x.@F",
    "$ORIGIN",
    "$TTL",
    "$INCLUDE",
    "zones/app.example",
    "(",
    ")",
    "\"",
    ";",
    "\\",
    "é",
    ".",
];
