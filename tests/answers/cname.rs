//! CNAME pools: names that get a CNAME record to the name of an az.

use meridian::answer::{Kind, Question, explain};
use meridian::route::AzId;

use super::slots::world;
use super::{Ask, check, show};

/// Pools for [`super::slots`].
pub(crate) const CNAMES: &str = r#"
[pool.cdn]
check = "web"
ttl = "40s"
endpoints.sydney = { name = "Syd.cdn.test.", probe = "192.0.2.5:80" }
endpoints.tokyo = { name = "tyo.cdn.test.", probe = "192.0.2.6:80" }

[pool.inner]
check = "web"
ttl = "20s"
min_ttl = "4s"
all_down = "closed"
endpoints.frankfurt = { name = "www", probe = "192.0.2.3:80" }
endpoints.sydney = { name = "many", probe = "192.0.2.4:80" }

[pool.ping]
endpoints.tokyo = "pong"

[pool.pong]
endpoints.tokyo = "ping"
"#;

const NO_DATA: &str = "ns example. 4 SOA ns.test. host.test. 1 7200 3600 1209600 30";

#[test]
fn every_type_gets_the_cname_of_the_clients_az() {
    let zone = world("").snapshot();
    for rtype in ["A", "AAAA", "TXT", "HTTPS", "CNAME", "ANY", "MX", "NS", "DS"] {
        check(
            &zone,
            &format!("cdn.example. {rtype} +subnet=1.0.0.0/24"),
            "NOERROR aa edns=1232 subnet=1.0.0.0/24/24\nan cdn.example. 40 CNAME syd.cdn.test.",
        );
        check(
            &zone,
            &format!("cdn.example. {rtype} +from=2400:1::1"),
            "NOERROR aa\nan cdn.example. 40 CNAME tyo.cdn.test.",
        );
    }
    let (answer, _) = Ask::new("cdn.example. A +from=1.0.0.1").of(&zone);
    assert_eq!((answer.kind, answer.az), (Kind::Steered, Some(AzId(2))));
}

#[test]
fn a_wildcard_has_a_cname_pool_too() {
    check(
        &world("").snapshot(),
        "a.edge.example. A +from=1.0.0.1",
        "NOERROR aa\nan a.edge.example. 40 CNAME syd.cdn.test.",
    );
}

#[test]
fn a_lost_az_hands_its_clients_on() {
    let mut world = world("");
    world.fail("sydney");
    check(
        &world.snapshot(),
        "cdn.example. A +from=1.0.0.1",
        "NOERROR aa\nan cdn.example. 40 CNAME tyo.cdn.test.",
    );
}

#[test]
fn a_target_in_the_zone_is_followed_to_its_own_pool_with_the_longest_scope() {
    let zone = world("").snapshot();
    check(
        &zone,
        "inner.example. A +subnet=2.0.5.0/24",
        "NOERROR aa edns=1232 subnet=2.0.5.0/24/16
        an inner.example. 20 CNAME www.example.
        an www.example. 30 A 203.0.113.30",
    );
    check(
        &zone,
        "inner.example. A +subnet=1.0.0.0/24 +id=0",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/24
        an inner.example. 20 CNAME many.example.
        an many.example. 30 A 203.0.113.107
        an many.example. 30 A 203.0.113.108
        an many.example. 30 A 203.0.113.109",
    );
    check(
        &zone,
        "inner.example. CNAME +from=2.0.5.1",
        "NOERROR aa\nan inner.example. 20 CNAME www.example.",
    );
}

#[test]
fn a_target_with_static_records_is_followed_to_them() {
    let zone = super::World::new(
        "=== meridian.toml\ngeoip.databases = []\n[az.tokyo]\nlocation = [35.68, 139.69]\n\
         === zones/example.zone\n$TTL 3600\n@ SOA ns.test. host.test. 1 7200 3600 1209600 30\n\
         @ NS ns.test.\nlb A 192.0.2.1\n\
         === zones/example.toml\nnames.www = \"lb\"\npool.lb.endpoints.tokyo = \"LB\"\n",
    );
    check(
        &zone.snapshot(),
        "www.example. A",
        "NOERROR aa\nan www.example. 30 CNAME lb.example.\nan lb.example. 3600 A 192.0.2.1",
    );
    check(
        &zone.snapshot(),
        "www.example. TXT",
        "NOERROR aa
        an www.example. 30 CNAME lb.example.
        ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn aliases_and_redirections_of_the_zone_lead_to_pools_with_their_scope() {
    let records = "old DNAME cname\nto.cname CNAME inner\nin.cname CNAME www\n";
    let zone = world(records).snapshot();
    check(
        &zone,
        "in.old.example. A +subnet=2.0.5.0/24",
        "NOERROR aa edns=1232 subnet=2.0.5.0/24/16
        an old.example. 3600 DNAME cname.example.
        an in.old.example. 3600 CNAME in.cname.example.
        an in.cname.example. 3600 CNAME www.example.
        an www.example. 30 A 203.0.113.30",
    );
    check(
        &zone,
        "to.old.example. A +subnet=1.0.0.0/24 +id=0",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/24
        an old.example. 3600 DNAME cname.example.
        an to.old.example. 3600 CNAME to.cname.example.
        an to.cname.example. 3600 CNAME inner.example.
        an inner.example. 20 CNAME many.example.
        an many.example. 30 A 203.0.113.107
        an many.example. 30 A 203.0.113.108
        an many.example. 30 A 203.0.113.109",
    );
}

#[test]
fn explain_tells_every_pool_of_a_chain() {
    let question = Question::from_text("inner.example.", "A", "2.0.5.1".parse().unwrap()).unwrap();
    let explained = explain(&world("").snapshot(), &question, None);
    let earlier: Vec<_> = explained.earlier.iter().map(|steering| &*steering.pool).collect();
    assert_eq!(earlier, ["example:inner"]);
    assert_eq!(explained.steering.unwrap().pool, "example:web");
}

#[test]
fn a_closed_cname_pool_of_which_all_is_down_has_no_data_of_any_type() {
    let mut world = world("");
    world.fail("frankfurt");
    world.fail("sydney");
    for rtype in ["A", "TXT", "ANY"] {
        check(
            &world.snapshot(),
            &format!("inner.example. {rtype} +subnet=1.0.0.0/24"),
            &format!("NOERROR aa edns=1232 subnet=1.0.0.0/24/23\n{NO_DATA}"),
        );
    }
}

#[test]
fn pools_that_lead_to_each_other_end() {
    let (_, response) = Ask::new("ping.example. A").of(&world("").snapshot());
    let text = show(&response);
    let expected = "NOERROR aa\nan ping.example. 30 CNAME pong.example.\n\
        an pong.example. 30 CNAME ping.example.";
    assert_eq!(text, expected);
}
