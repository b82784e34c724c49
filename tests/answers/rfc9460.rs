//! RFC 9460: HTTPS and SVCB records at a pool's name, whose hints go by the client, and the addresses
//! of targets.

use super::check;
use super::slots::{world, world_with};

/// Records for [`super::slots`]: `www` has both families, `first` IPv4 alone.
pub(crate) const SERVICES: &str = r#"
www HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8:ffff::1
www HTTPS 2 other.test. ipv4hint=192.0.2.9
www SVCB 1 WWW.example. mandatory=ipv4hint,ipv6hint,port port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8:ffff::1
*.shop HTTPS 1 . ipv4hint=192.0.2.1
many HTTPS 1 . ipv4hint=192.0.2.1
four HTTPS 0 www
four SVCB 1 . alpn=h2
first HTTPS 1 . mandatory=ipv6hint ipv6hint=2001:db8:ffff::1
even HTTPS 1 . ipv4hint=192.0.2.1
blind HTTPS 1 . ipv4hint=192.0.2.1
"#;

#[test]
fn hints_are_the_addresses_of_the_clients_az_and_the_ttl_is_the_pools() {
    let zone = world("").snapshot();
    check(
        &zone,
        "www.example. HTTPS +subnet=2.0.5.0/24",
        "NOERROR aa edns=1232 subnet=2.0.5.0/24/16
        an www.example. 30 HTTPS 1 . alpn=h2, ipv4hint=203.0.113.30, ipv6hint=2001:db8::30,
        an www.example. 30 HTTPS 2 other.test. ipv4hint=192.0.2.9,",
    );
}

#[test]
fn section_7_3_a_hint_that_would_be_empty_is_left_out() {
    // Sydney has no IPv6.
    check(
        &world("").snapshot(),
        "www.example. HTTPS +from=1.0.0.1",
        "NOERROR aa
        an www.example. 30 HTTPS 1 . alpn=h2, ipv4hint=203.0.113.50,
        an www.example. 30 HTTPS 2 other.test. ipv4hint=192.0.2.9,",
    );
}

#[test]
fn section_8_a_hint_that_is_left_out_is_not_mandatory() {
    let zone = world("").snapshot();
    check(
        &zone,
        "www.example. SVCB +from=1.0.0.1",
        "NOERROR aa
        an www.example. 30 SVCB 1 WWW.example. mandatory=port,ipv4hint, port=8443 ipv4hint=203.0.113.50,",
    );
    // Nobody gets IPv6 from this pool, so no client plays a part.
    check(
        &zone,
        "first.example. HTTPS +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/0\nan first.example. 30 HTTPS 1 .",
    );
}

#[test]
fn section_2_4_2_aliases_and_records_without_hints_stay_as_they_are() {
    let zone = world("").snapshot();
    check(
        &zone,
        "four.example. HTTPS +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/0\nan four.example. 3600 HTTPS 0 www.example.",
    );
    check(
        &zone,
        "four.example. SVCB +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/0\nan four.example. 3600 SVCB 1 . alpn=h2,",
    );
}

#[test]
fn a_wildcards_hints_go_by_the_client_too() {
    check(
        &world("").snapshot(),
        "a.shop.example. HTTPS +from=7.0.0.1",
        "NOERROR aa\nan a.shop.example. 30 HTTPS 1 . ipv4hint=203.0.113.40,",
    );
}

#[test]
fn hints_follow_failover() {
    let mut world = world("");
    world.fail("sydney");
    check(
        &world.snapshot(),
        "a.shop.example. HTTPS +from=1.0.0.1",
        "NOERROR aa\nan a.shop.example. 30 HTTPS 1 . ipv4hint=203.0.113.60,",
    );
    world.restore("sydney");
    check(
        &world.snapshot(),
        "a.shop.example. HTTPS +from=1.0.0.1",
        "NOERROR aa\nan a.shop.example. 5 HTTPS 1 . ipv4hint=203.0.113.60,",
    );
}

#[test]
fn hints_have_the_window_and_rotation_of_addresses() {
    check(
        &world("").snapshot(),
        "many.example. HTTPS +subnet=1.0.0.0/24 +id=1",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/24
        an many.example. 30 HTTPS 1 . ipv4hint=203.0.113.108,203.0.113.109,203.0.113.107,",
    );
}

#[test]
fn a_pool_without_client_subnet_gives_hints_by_the_peer() {
    check(
        &world("").snapshot(),
        "blind.example. HTTPS +from=1.0.0.1 +subnet=7.0.0.0/24",
        "NOERROR aa edns=1232 subnet=7.0.0.0/24/0
        an blind.example. 30 HTTPS 1 . ipv4hint=203.0.113.50,",
    );
}

/// Services of [`world_with`].
const TARGETS: &str = "\
moved HTTPS 0 static
static HTTPS 1 . alpn=h3
static A 192.0.2.1
both HTTPS 1 static alpn=h2
both HTTPS 2 . alpn=h2
both A 192.0.2.2
nowhere HTTPS 0 .
pool HTTPS 0 www
outside HTTPS 1 cdn.other.test.
";

#[test]
fn section_4_1_an_alias_comes_with_addresses_and_services_of_its_target() {
    let zone = world_with("minimal_responses = false", TARGETS).snapshot();
    check(
        &zone,
        "moved.example. HTTPS",
        "NOERROR aa
        an moved.example. 3600 HTTPS 0 static.example.
        ar static.example. 3600 A 192.0.2.1
        ar static.example. 3600 HTTPS 1 . alpn=h3,",
    );
    check(&zone, "nowhere.example. HTTPS", "NOERROR aa\nan nowhere.example. 3600 HTTPS 0 .");
    check(
        &zone,
        "outside.example. HTTPS",
        "NOERROR aa\nan outside.example. 3600 HTTPS 1 cdn.other.test.",
    );
}

#[test]
fn section_4_1_a_service_comes_with_addresses_of_its_target_and_of_itself() {
    check(
        &world_with("minimal_responses = false", TARGETS).snapshot(),
        "both.example. HTTPS",
        "NOERROR aa
        an both.example. 3600 HTTPS 1 static.example. alpn=h2,
        an both.example. 3600 HTTPS 2 . alpn=h2,
        ar static.example. 3600 A 192.0.2.1
        ar both.example. 3600 A 192.0.2.2",
    );
}

#[test]
fn section_4_1_a_steered_target_has_this_clients_addresses() {
    let zone = world_with("minimal_responses = false", TARGETS).snapshot();
    check(
        &zone,
        "pool.example. HTTPS +from=2.0.5.1",
        "NOERROR aa
        an pool.example. 3600 HTTPS 0 www.example.
        ar www.example. 30 A 203.0.113.30
        ar www.example. 30 AAAA 2001:db8::30",
    );
    check(
        &zone,
        "www.example. HTTPS +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/24
        an www.example. 30 HTTPS 1 . alpn=h2, ipv4hint=203.0.113.50,
        an www.example. 30 HTTPS 2 other.test. ipv4hint=192.0.2.9,",
    );
    // At a wildcard the name is the one that was asked for.
    check(
        &zone,
        "a.shop.example. HTTPS +from=7.0.0.1",
        "NOERROR aa
        an a.shop.example. 30 HTTPS 1 . ipv4hint=203.0.113.40,
        ar a.shop.example. 30 A 203.0.113.40
        ar a.shop.example. 30 AAAA 2001:db8::40",
    );
}
