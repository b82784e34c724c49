//! Names that pools steer: which addresses, in what order, with which TTL.

use std::time::Duration;

use meridian::answer::{Kind, Question, explain};
use meridian::route::AzId;

use super::{Ask, World, check, show};

/// Four azs, and the fixture database of cities.
pub(crate) const AZS: &str = r#"
[geoip]
databases = ["FIXTURES/city.mmdb"]
[az.frankfurt]
location = [50.11, 8.68]
[az.saopaulo]
location = [-23.55, -46.63]
[az.sydney]
location = [-33.87, 151.21]
[az.tokyo]
location = [35.68, 139.69]
[group]
partners = ["asn:64500", "net:2.0.128.0/17", "net:192.168.0.0/16", "net:fd00:1::/48", "country:JP"]
"#;

pub(crate) const ZONE: &str = "
$TTL 3600
@ SOA ns.test. host.test. 1 7200 3600 1209600 30
@ NS ns.test.
@ MX 10 mail
@ TXT apex
ns A 192.0.2.53
alias CNAME www
sub NS ns.test.
";

/// Sydney lacks IPv6.
pub(crate) const POOL: &str = r#"
[names]
"@" = "web"
www = "web"
"*.shop" = "web"
four = "four"
blind = "blind"
first = "first"
ruled = "ruled"
netted = "netted"
fallen = "fallen"

[check.web]
type = "tcp"
port = 80

[pool.web]
check = "web"
[pool.web.endpoints]
frankfurt = ["203.0.113.30", "2001:db8::30"]
saopaulo = ["203.0.113.40", "2001:db8::40"]
sydney = ["203.0.113.50"]
tokyo = ["203.0.113.60", "2001:db8::60"]

[pool.four]
ttl = "20s"
min_ttl = "3s"
hold = "10s"
check = "web"
all_down = "closed"
endpoints.tokyo = ["203.0.113.61", "203.0.113.62", "203.0.113.63"]
endpoints.sydney = ["203.0.113.51"]

[pool.blind]
ecs = false
endpoints.saopaulo = ["203.0.113.40"]
endpoints.sydney = ["203.0.113.50"]

[pool.first]
policy = "failover"
order = ["saopaulo"]
endpoints.saopaulo = ["203.0.113.40"]
endpoints.sydney = ["203.0.113.50"]

[pool.fallen]
ttl = "20s"
min_ttl = "3s"
hold = "10s"
check = "web"
all_down = "fallback"
fallback = "spare"
endpoints.sydney = ["203.0.113.52"]
endpoints.tokyo = ["203.0.113.64"]

[pool.spare]
min_ttl = "2s"
check = "web"
endpoints.frankfurt = ["203.0.113.32", "2001:db8::32"]
endpoints.saopaulo = ["203.0.113.42", "2001:db8::42"]

[pool.ruled]
check = "web"
endpoints.frankfurt = ["203.0.113.31"]
endpoints.sydney = ["203.0.113.51"]
endpoints.tokyo = ["203.0.113.61"]
[[pool.ruled.rules]]
clients = ["country:FR"]
prefer = ["tokyo"]
[[pool.ruled.rules]]
clients = ["continent:AS", "continent:EU"]
prefer = ["frankfurt", "sydney"]

[pool.netted]
check = "web"
endpoints.frankfurt = ["203.0.113.32"]
endpoints.saopaulo = ["203.0.113.42"]
endpoints.sydney = ["203.0.113.52"]
[[pool.netted.rules]]
clients = ["net:1.0.0.128/25", "net:10.1.0.0/16", "net:2400:1:8000::/33"]
prefer = ["frankfurt"]
[[pool.netted.rules]]
clients = ["group:partners"]
prefer = ["sydney"]
"#;

const NO_DATA: &str = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";

pub(crate) fn world() -> World {
    let files = format!(
        "=== meridian.toml\n{AZS}=== zones/example.zone\n{ZONE}=== zones/example.toml\n{POOL}"
    );
    World::new(&files)
}

pub(crate) fn settled() -> World {
    let mut world = world();
    world.settle();
    world
}

#[test]
fn the_apex_is_steered_beside_its_own_records() {
    let zone = settled().snapshot();
    check(&zone, "example. A +from=1.0.0.9", "NOERROR aa\nan example. 30 A 203.0.113.50");
    check(&zone, "example. MX", "NOERROR aa\nan example. 3600 MX 10 mail.example.");
    check(&zone, "example. TXT", "NOERROR aa\nan example. 3600 TXT apex");
    check(&zone, "example. NS", "NOERROR aa\nan example. 3600 NS ns.test.");
}

#[test]
fn a_wildcard_is_steered_and_answers_with_the_name_that_was_asked_for() {
    let zone = settled().snapshot();
    check(
        &zone,
        "a.shop.example. A +from=1.0.0.9",
        "NOERROR aa\nan a.shop.example. 30 A 203.0.113.50",
    );
    check(
        &zone,
        "x.y.shop.example. A +from=7.0.0.9",
        "NOERROR aa\nan x.y.shop.example. 30 A 203.0.113.40",
    );
    check(
        &zone,
        "*.shop.example. A +from=7.0.0.9",
        "NOERROR aa\nan *.shop.example. 30 A 203.0.113.40",
    );
    check(&zone, "shop.example. A", &format!("NOERROR aa\n{NO_DATA}"));
}

#[test]
fn the_answer_says_which_pool_and_az_it_names() {
    let world = settled();
    let (answer, _) = Ask::new("alias.example. A +from=1.0.0.9").of(&world.snapshot());
    assert_eq!(answer.kind, Kind::Steered);
    assert_eq!(answer.pool, Some(world.pool("example:web")));
    assert_eq!(answer.az, Some(AzId(2)), "sydney, the third by name");
}

#[test]
fn addresses_are_rotated_by_the_querys_id() {
    let zone = settled().snapshot();
    let first = |id: u16| {
        let (_, response) =
            Ask::new(&format!("four.example. A +from=2400:1::1 +id={id}")).of(&zone);
        let text = show(&response);
        assert_eq!(text.lines().count(), 4, "{text}");
        text.lines().nth(1).unwrap().rsplit('.').next().unwrap().to_owned()
    };
    assert_eq!([0, 1, 2, 3, 65_535].map(first), ["61", "62", "63", "61", "61"]);
}

#[test]
fn a_family_that_the_az_lacks_has_no_data_for_at_most_the_pools_ttl() {
    let zone = settled().snapshot();
    check(&zone, "www.example. AAAA +from=1.0.0.9", &format!("NOERROR aa\n{NO_DATA}"));
    check(
        &zone,
        "four.example. AAAA",
        &format!("NOERROR aa\n{}", NO_DATA.replace("example. 30", "example. 20")),
    );
}

#[test]
fn a_family_that_no_az_has_is_no_news_while_azs_are_moving() {
    let mut world = world();
    let expected = format!("NOERROR aa\n{}", NO_DATA.replace("example. 30", "example. 20"));
    check(&world.snapshot(), "four.example. AAAA", &expected);
    world.fail("sydney");
    world.restore("sydney");
    check(&world.snapshot(), "four.example. AAAA", &expected);
}

#[test]
fn the_first_rule_that_matches_decides() {
    let zone = settled().snapshot();
    for (client, last) in [("2.0.0.1", 61), ("5.0.0.1", 31), ("2400:1::1", 31), ("7.0.0.9", 31)] {
        let expected = format!("NOERROR aa\nan ruled.example. 30 A 203.0.113.{last}");
        check(&zone, &format!("ruled.example. A +from={client}"), &expected);
    }
}

#[test]
fn the_ttl_is_short_while_an_az_before_the_answer_is_moving_and_long_when_calm() {
    let mut world = world();
    let expect = |world: &World, ttl: u32, last: u32| {
        let (_, response) = Ask::new("four.example. A +from=1.0.0.9").of(&world.snapshot());
        let text = show(&response);
        assert!(text.contains(&format!("an four.example. {ttl} A 203.0.113.{last}")), "{text}");
    };
    expect(&world, 3, 51);
    world.settle();
    expect(&world, 20, 51);
    world.fail("sydney");
    expect(&world, 20, 62);
    world.restore("sydney");
    // Held: Tokyo answers, but not for long.
    expect(&world, 3, 62);
    let _ = world.pass(Duration::from_secs(10));
    expect(&world, 20, 51);
}

#[test]
fn a_closed_pool_of_which_all_is_down_has_no_data_for_min_ttl() {
    let mut world = settled();
    world.fail("sydney");
    world.fail("tokyo");
    check(
        &world.snapshot(),
        "four.example. A +subnet=1.0.0.0/24",
        &format!(
            "NOERROR aa edns=1232 subnet=1.0.0.0/24/24\n{}",
            NO_DATA.replace("example. 30", "example. 3")
        ),
    );
    let (answer, _) = Ask::new("four.example. A +from=1.0.0.9").of(&world.snapshot());
    assert_eq!((answer.kind, answer.az), (Kind::NoData, None));
}

#[test]
fn a_steered_name_that_is_asked_for_another_type_has_no_data() {
    let zone = settled().snapshot();
    check(&zone, "www.example. MX", &format!("NOERROR aa\n{NO_DATA}"));
    check(&zone, "www.example. CNAME", &format!("NOERROR aa\n{NO_DATA}"));
    check(&zone, "www.example. ANY", "NOERROR aa\nan www.example. 3600 HINFO RFC8482");
}

#[test]
fn an_explanation_names_the_rule_the_set_and_the_group() {
    let zone = settled().snapshot();
    let rule = |client: &str| {
        let question = Question::from_text("netted.example.", "A", client.parse().unwrap());
        let rule = explain(&zone, &question.unwrap(), None).steering.unwrap().rule;
        rule.map(|rule| (rule.number, rule.clients.join(" "), rule.set, rule.group))
    };
    let group = |set: &str| {
        Some((2, "group:partners".to_owned(), set.to_owned(), Some("partners".to_owned())))
    };
    let (_, _, set, of) = rule("10.1.2.3").unwrap();
    assert_eq!((&*set, of), ("net:10.1.0.0/16", None));
    assert_eq!(rule("192.168.7.7"), group("net:192.168.0.0/16"));
    assert_eq!(rule("2400:1::1"), group("country:JP"));
    assert_eq!(rule("7.0.0.9"), None);
}
