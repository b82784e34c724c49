//! RFC 7871: Client Subnet, whom it decides for, and the scope of what it decides.
//!
//! The fixture database places 1.0.0.0/24 in Australia, 2.0.0.0/17 in Paris, 2.0.128.0/17 in Lyon,
//! 7.0.0.0/16 in São Paulo, 2400:1::/32 in Tokyo, 2a00:1:0:1::/64 in London.

use super::steered::{AZS, POOL, ZONE};
use super::{Ask, World, check, show};

fn expect(question: &str, expected: &str) {
    check(&world("").snapshot(), question, expected);
}

/// The azs and pools of [`super::steered`], calm, where `server` says more of the server.
fn world(server: &str) -> World {
    let mut world = World::new(&format!(
        "=== meridian.toml\n{server}{AZS}=== zones/example.zone\n{ZONE}\
         === zones/example.toml\n{POOL}"
    ));
    world.settle();
    world
}

#[test]
fn section_7_2_1_the_subnet_decides_and_not_the_peer() {
    expect(
        "www.example. A +from=7.0.1.1 +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/24
        an www.example. 30 A 203.0.113.50",
    );
    expect(
        "www.example. A +from=1.0.0.1 +subnet=7.0.1.0/24",
        "NOERROR aa edns=1232 subnet=7.0.1.0/24/16
        an www.example. 30 A 203.0.113.40",
    );
}

#[test]
fn without_the_option_the_peer_decides() {
    expect("www.example. A +from=1.0.0.9", "NOERROR aa\nan www.example. 30 A 203.0.113.50");
    expect(
        "www.example. A +from=7.0.0.9 +edns",
        "NOERROR aa edns=1232\nan www.example. 30 A 203.0.113.40",
    );
}

#[test]
fn the_scope_is_the_widest_prefix_of_one_answer() {
    // Paris and Lyon have the same order of azs, so the scope spans both.
    for subnet in ["2.0.5.0/24", "2.0.200.0/24", "2.0.200.7/32", "2.0.0.0/16"] {
        let (_, response) =
            Ask::new(&format!("www.example. A +subnet={subnet}")).of(&world("").snapshot());
        let line = show(&response).lines().next().unwrap().to_owned();
        let (address, source) = subnet.split_once('/').unwrap();
        assert_eq!(line, format!("NOERROR aa edns=1232 subnet={address}/{source}/16"));
    }
}

#[test]
fn the_scope_may_be_longer_than_the_source() {
    expect(
        "www.example. A +subnet=1.0.0.0/20",
        "NOERROR aa edns=1232 subnet=1.0.0.0/20/24
        an www.example. 30 A 203.0.113.50",
    );
}

#[test]
fn section_7_1_2_a_source_of_0_means_the_peer_and_scope_0() {
    expect(
        "www.example. A +from=1.0.0.9 +subnet=0.0.0.0/0",
        "NOERROR aa edns=1232 subnet=0.0.0.0/0/0
        an www.example. 30 A 203.0.113.50",
    );
    expect(
        "www.example. A +from=7.0.0.9 +subnet=::/0",
        "NOERROR aa edns=1232 subnet=::/0/0
        an www.example. 30 A 203.0.113.40",
    );
}

#[test]
fn section_11_3_a_subnet_that_cannot_be_routed_means_the_peer_with_the_source_as_scope() {
    for subnet in ["10.1.2.0/24", "192.168.0.0/16", "127.0.0.1/32", "fd00:1::/48"] {
        let (address, source) = subnet.split_once('/').unwrap();
        expect(
            &format!("www.example. A +from=1.0.0.9 +subnet={subnet}"),
            &format!(
                "NOERROR aa edns=1232 subnet={address}/{source}/{source}
                an www.example. 30 A 203.0.113.50"
            ),
        );
    }
}

#[test]
fn a_subnet_of_which_a_part_cannot_be_routed_has_the_scope_of_the_part_around_its_first_address() {
    for (subnet, scope) in [
        ("198.51.100.0/22", 24),
        ("0.0.0.0/2", 8),
        ("0.0.0.0/8", 8),
        ("2001:db8::/31", 32),
        ("64:ff9b::/64", 104),
        ("::ffff:0.0.0.0/97", 104),
        // In a /64 that holds embedded IPv4 addresses.
        ("64:ff9b::1:0:0/96", 128),
        ("::/3", 128),
    ] {
        let (address, source) = subnet.split_once('/').unwrap();
        expect(
            &format!("www.example. A +from=1.0.0.9 +subnet={subnet}"),
            &format!(
                "NOERROR aa edns=1232 subnet={address}/{source}/{scope}
                an www.example. 30 A 203.0.113.50"
            ),
        );
    }
}

#[test]
fn ipv6_clients_are_placed_by_their_64() {
    expect(
        "www.example. A +subnet=2400:1::/32",
        "NOERROR aa edns=1232 subnet=2400:1::/32/32
        an www.example. 30 A 203.0.113.60",
    );
    expect(
        "www.example. AAAA +subnet=2400:1:2:3::/64",
        "NOERROR aa edns=1232 subnet=2400:1:2:3::/64/32
        an www.example. 30 AAAA 2001:db8::60",
    );
}

#[test]
fn ipv4_embedded_in_ipv6_is_placed_as_ipv4_with_the_scope_counted_from_the_front() {
    expect(
        "www.example. A +subnet=::ffff:1.0.0.0/120",
        "NOERROR aa edns=1232 subnet=::ffff:1.0.0.0/120/120
        an www.example. 30 A 203.0.113.50",
    );
    expect(
        "www.example. A +subnet=2002:100::/40",
        "NOERROR aa edns=1232 subnet=2002:100::/40/40
        an www.example. 30 A 203.0.113.50",
    );
    expect(
        "www.example. A +subnet=64:ff9b::700:0/112",
        "NOERROR aa edns=1232 subnet=64:ff9b::700:0/112/112
        an www.example. 30 A 203.0.113.40",
    );
}

#[test]
fn what_no_client_sees_otherwise_has_scope_0() {
    let soa = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";
    let subnet = "+subnet=1.0.0.0/24";
    let line = "aa edns=1232 subnet=1.0.0.0/24/0";
    expect(
        &format!("ns.example. A {subnet}"),
        &format!("NOERROR {line}\nan ns.example. 3600 A 192.0.2.53"),
    );
    expect(&format!("gone.example. A {subnet}"), &format!("NXDOMAIN {line}\n{soa}"));
    expect(&format!("www.example. TXT {subnet}"), &format!("NOERROR {line}\n{soa}"));
    expect(
        &format!("x.sub.example. A {subnet}"),
        "NOERROR edns=1232 subnet=1.0.0.0/24/0\nns sub.example. 3600 NS ns.test.",
    );
    // A family that no az of the pool has.
    let soa = soa.replace("example. 30", "example. 20");
    expect(&format!("four.example. AAAA {subnet}"), &format!("NOERROR {line}\n{soa}"));
}

#[test]
fn section_7_2_1_every_response_to_a_query_that_was_understood_has_the_option() {
    let subnet = "+subnet=1.0.0.0/24";
    let line = "edns=1232 subnet=1.0.0.0/24/0";
    expect(&format!("www.test. A {subnet}"), &format!("REFUSED {line}"));
    expect(&format!("example. AXFR {subnet}"), &format!("REFUSED {line}"));
    let chaos = Ask { class: 3, ..Ask::new(&format!("version.bind. A {subnet}")) };
    assert_eq!(show(&chaos.of(&world("").snapshot()).1), format!("NOERROR aa {line}"));
    let broken = World::with_faults("=== zones/broken.test.zone\nnonsense\n");
    check(&broken.snapshot(), &format!("broken.test. A {subnet}"), &format!("SERVFAIL {line}"));
}

#[test]
fn a_response_that_is_truncated_has_it_with_the_scope_of_the_decision() {
    let addresses: String = (0..40).map(|n| format!("\"203.0.113.{n}\", ")).collect();
    let mut world = World::new(&format!(
        "=== meridian.toml\n{AZS}=== zones/example.zone\n{ZONE}\
         === zones/example.toml\nnames.many = \"many\"\npool.many.max_answers = 40\n\
         pool.many.endpoints.sydney = [{addresses}]\n\
         pool.many.endpoints.tokyo = [\"203.0.113.60\"]\n"
    ));
    world.settle();
    check(
        &world.snapshot(),
        "many.example. A +edns=512 +subnet=1.0.0.0/24",
        "NOERROR aa tc edns=1232 subnet=1.0.0.0/24/24",
    );
}

#[test]
fn what_was_not_understood_has_it_not() {
    // An EDNS version whose options mean who knows what; a query that can't be read.
    expect("www.example. A +version=1 +subnet=1.0.0.0/24", "BADVERS edns=1232");
    let ask = Ask { options: vec![0], ..Ask::new("www.example. A +subnet=1.0.0.0/24") };
    assert_eq!(show(&ask.of(&world("").snapshot()).1), "FORMERR edns=1232");
}

#[test]
fn section_7_2_1_twice_is_a_format_error() {
    let option = [0, 8, 0, 7, 0, 1, 24, 0, 1, 0, 0];
    let ask = Ask { options: option.repeat(2), ..Ask::new("www.example. A +edns") };
    assert_eq!(show(&ask.of(&world("").snapshot()).1), "FORMERR edns=1232");
}

#[test]
fn family_0_with_source_0_as_some_resolvers_send_it_means_the_peer() {
    let options = vec![0, 8, 0, 4, 0, 0, 0, 0];
    let ask = Ask { options, ..Ask::new("www.example. A +edns +from=1.0.0.9") };
    let (_, response) = ask.of(&world("").snapshot());
    assert_eq!(super::opt::values(&response, 8), [[0, 0, 0, 0]]);
    assert_eq!(response[response.len() - 23..][..4], [203, 0, 113, 50]);
}

#[test]
fn no_data_that_other_clients_do_not_see_has_the_scope_of_the_decision() {
    // Sydney lacks IPv6; Tokyo has it.
    expect(
        "www.example. AAAA +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/24
        ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn an_alias_to_a_pool_has_the_pools_scope() {
    expect(
        "alias.example. A +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/24
        an alias.example. 3600 CNAME www.example.
        an www.example. 30 A 203.0.113.50",
    );
}

#[test]
fn a_server_that_does_not_honour_it_ignores_it_and_does_not_echo_it() {
    for setting in ["server.ecs = false\n", "server.ecs = [\"198.18.0.0/15\"]\n"] {
        check(
            &world(setting).snapshot(),
            "www.example. A +from=1.0.0.9 +subnet=7.0.0.0/24",
            "NOERROR aa edns=1232\nan www.example. 30 A 203.0.113.50",
        );
    }
}

#[test]
fn a_resolver_that_is_named_is_honoured() {
    check(
        &world("server.ecs = [\"198.18.0.0/15\"]\n").snapshot(),
        "www.example. A +from=198.18.5.5 +subnet=7.0.0.0/24",
        "NOERROR aa edns=1232 subnet=7.0.0.0/24/16\nan www.example. 30 A 203.0.113.40",
    );
}

#[test]
fn a_pool_that_does_not_honour_it_echoes_it_with_scope_0() {
    check(
        &world("").snapshot(),
        "blind.example. A +from=1.0.0.9 +subnet=7.0.0.0/24",
        "NOERROR aa edns=1232 subnet=7.0.0.0/24/0\nan blind.example. 30 A 203.0.113.50",
    );
}

#[test]
fn section_7_2_1_a_malformed_option_is_a_format_error() {
    for value in [
        &[0, 1, 24, 0, 49, 36][..],
        &[0, 1, 24, 0, 49, 36, 10, 0],
        &[0, 1, 23, 0, 49, 36, 11],
        &[0, 1, 33, 0, 1, 2, 3, 4, 5],
        &[0, 3, 8, 0, 1],
        &[0, 1, 24, 24, 49, 36, 10],
        &[0, 1],
        &[],
    ] {
        let options = [&[0, 8, 0, value.len() as u8], value].concat();
        let ask = Ask { options, ..Ask::new("www.example. A +edns") };
        let (_, response) = ask.of(&world("").snapshot());
        assert_eq!(show(&response), "FORMERR edns=1232", "{value:?}");
    }
}

#[test]
fn section_7_2_1_a_server_that_does_not_honour_it_ignores_a_malformed_one_too() {
    for setting in ["server.ecs = false\n", "server.ecs = [\"198.18.0.0/15\"]\n"] {
        let options = vec![0, 8, 0, 1, 0];
        let ask = Ask { options, ..Ask::new("www.example. A +edns +from=1.0.0.9") };
        let (_, response) = ask.of(&world(setting).snapshot());
        assert_eq!(show(&response), "NOERROR aa edns=1232\nan www.example. 30 A 203.0.113.50");
    }
}

#[test]
fn one_order_for_everybody_has_scope_0() {
    check(
        &world("").snapshot(),
        "first.example. A +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/0\nan first.example. 30 A 203.0.113.40",
    );
}

#[test]
fn a_network_of_a_rule_has_a_scope_of_its_own_and_bounds_those_around_it() {
    for (subnet, scope, az) in [
        ("1.0.0.200/32", 25, 32),
        ("1.0.0.5/32", 25, 52),
        ("::ffff:1.0.0.200/128", 121, 32),
        ("2002:100:c8::/48", 41, 32),
        ("2.0.128.9/32", 17, 52),
        ("2400:1:8000::/48", 33, 32),
    ] {
        let (address, source) = subnet.split_once('/').unwrap();
        expect(
            &format!("netted.example. A +subnet={subnet}"),
            &format!(
                "NOERROR aa edns=1232 subnet={address}/{source}/{scope}
                an netted.example. 30 A 203.0.113.{az}"
            ),
        );
    }
}

#[test]
fn of_a_subnet_shorter_than_a_rules_network_the_first_address_decides() {
    expect(
        "netted.example. A +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/25
        an netted.example. 30 A 203.0.113.52",
    );
}

#[test]
fn section_11_3_a_subnet_that_cannot_be_routed_decides_where_a_rule_names_it() {
    for (subnet, scope, az) in [
        ("10.1.2.0/24", 16, 32),
        ("192.168.0.0/16", 16, 52),
        ("fd00:1::/56", 48, 52),
        // Nobody names these: the peer, for all of the subnet, or for the part of it around its first address of
        // which none is named.
        ("10.2.0.0/16", 16, 42),
        ("10.0.0.0/8", 16, 42),
        ("10.0.0.0/15", 16, 42),
        ("fd00::/16", 32, 42),
    ] {
        let (address, source) = subnet.split_once('/').unwrap();
        expect(
            &format!("netted.example. A +from=7.0.0.9 +subnet={subnet}"),
            &format!(
                "NOERROR aa edns=1232 subnet={address}/{source}/{scope}
                an netted.example. 30 A 203.0.113.{az}"
            ),
        );
    }
}
