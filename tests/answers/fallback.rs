//! Pools with `all_down = "fallback"`: the pool `fallen` of [`super::steered`], of Sydney and Tokyo,
//! whose fallback `spare` is of Frankfurt and Sao Paulo.

use std::time::Duration;

use meridian::answer::{Kind, Question, explain};
use meridian::route::{AzId, Override, OverrideKind};
use meridian::time::Wall;

use super::steered::{AZS, ZONE, settled};
use super::{Ask, World, check};

fn fallen() -> World {
    let mut world = settled();
    world.fail("sydney");
    world.fail("tokyo");
    world
}

#[test]
fn the_fallback_answers_as_on_its_own_for_at_most_min_ttl() {
    let mut world = fallen();
    let expect = |world: &World, ttl: u32, last: u32| {
        let expected = format!("NOERROR aa\nan fallen.example. {ttl} A 203.0.113.{last}");
        check(&world.snapshot(), "fallen.example. A +from=7.0.0.9", &expected);
    };
    expect(&world, 3, 42);
    world.fail("saopaulo");
    expect(&world, 3, 32);
    // The fallback's own TTL is shorter while Sao Paulo is held.
    world.restore("saopaulo");
    expect(&world, 2, 32);
}

#[test]
fn the_answer_says_the_pool_that_was_asked_for_and_the_az_that_was_given() {
    let world = fallen();
    let (answer, _) = Ask::new("fallen.example. A +from=7.0.0.9").of(&world.snapshot());
    let told = (answer.kind, answer.pool, answer.az);
    assert_eq!(told, (Kind::Steered, Some(world.pool("example:fallen")), Some(AzId(1))));
}

#[test]
fn a_name_has_the_types_of_both_pools() {
    let soa = |ttl| format!("ns example. {ttl} SOA ns.test. host.test. 1 7200 3600 1209600 30");
    let question = "fallen.example. AAAA +subnet=7.0.0.0/16";
    let head = "NOERROR aa edns=1232 subnet=7.0.0.0/16";
    check(&settled().snapshot(), question, &format!("{head}/7\n{}", soa(20)));
    let expected = format!("{head}/16\nan fallen.example. 3 AAAA 2001:db8::42");
    check(&fallen().snapshot(), question, &expected);
}

#[test]
fn both_decisions_are_explained() {
    let world = fallen();
    let client = [7, 0, 0, 9].into();
    let question = Question::from_text("fallen.example", "A", client).unwrap();
    let explained = explain(&world.snapshot(), &question, None);
    let steering = explained.steering.unwrap();
    assert_eq!((&*steering.pool, steering.tier, steering.ttl), ("example:spare", 1, 3));
    assert!(steering.ttl_is_short, "the asked pool's `min_ttl` is");
    let [asked] = &explained.earlier[..] else { panic!("one pool before") };
    let told = (&*asked.pool, asked.tier, &*asked.all_down, asked.ttl);
    assert_eq!(told, ("example:fallen", 3, "fallback", 3));
    assert!(asked.azs.iter().all(|az| az.state == "down"));
}

#[test]
fn the_fallbacks_rules_name_networks_that_the_asked_pools_do_not() {
    let world = fallen_to("", &rule("saopaulo"));
    let expected = format!("{HEAD} subnet=10.1.2.0/24/24\nan www.example. 3 A 203.0.113.42");
    check(&world.snapshot(), QUESTION, &expected);
}

#[test]
fn networks_of_the_asked_pools_rules_alone_are_unroutable_in_the_fallback() {
    let world = fallen_to(&rule("tokyo"), "");
    let expected = format!("{HEAD} subnet=10.1.2.0/24/24\nan www.example. 3 A 203.0.113.42");
    // 7.0.0.9 is near Sao Paulo; who is nowhere is sent to Frankfurt.
    let question = QUESTION.replace("5.0.0.9", "7.0.0.9");
    check(&world.snapshot(), &question, &expected);
}

#[test]
fn a_fallback_without_ecs_goes_by_the_peer() {
    let world = fallen_to("", "ecs = false\n");
    // 7.0.0.9 is near Sao Paulo, the peer near Frankfurt.
    let question = "www.example. A +from=5.0.0.9 +subnet=7.0.0.0/16";
    let expected = format!("{HEAD} subnet=7.0.0.0/16/7\nan www.example. 3 A 203.0.113.32");
    check(&world.snapshot(), question, &expected);
}

#[test]
fn what_is_ordered_is_explained_before_what_is_measured() {
    let mut world = settled();
    let wall = |seconds| Wall::from_epoch(Duration::from_secs(seconds));
    world.give(Override {
        kind: OverrideKind::Drain,
        to: meridian::route::Share::NONE,
        given: "web/sydney".into(),
        targets: world.director.expand("web/sydney").unwrap(),
        reason: "deploy 42".into(),
        by: "uid 1000 (alice)".into(),
        given_at: wall(0),
        until: wall(86_400),
    });
    let question = Question::from_text("www.example", "A", [1, 0, 0, 9].into()).unwrap();
    let explained = explain(&world.snapshot(), &question, Some(&world.status()));
    let sydney = &explained.steering.unwrap().azs[0];
    assert_eq!((&*sydney.name, &*sydney.state), ("sydney", "eligible"));
    let told = "drained by uid 1000 (alice) until 1970-01-02T00:00:00Z (deploy 42)";
    assert_eq!(sydney.overridden.as_ref().unwrap().to_string(), told);
}

const QUESTION: &str = "www.example. A +from=5.0.0.9 +subnet=10.1.2.0/24";
const HEAD: &str = "NOERROR aa edns=1232";

/// The start of a table of rules, by which a private network prefers `az`.
fn rule(az: &str) -> String {
    format!("rules = [{{ clients = [\"net:10.0.0.0/8\"], prefer = [\"{az}\"] }}]\n")
}

/// The pool `asked`, of which all is down, and its fallback `spare`, each with more settings.
fn fallen_to(asked: &str, spare: &str) -> World {
    let pools = format!(
        r#"
[names]
www = "asked"
[check.web]
type = "tcp"
port = 80
[pool.asked]
min_ttl = "3s"
check = "web"
all_down = "fallback"
fallback = "spare"
endpoints.sydney = ["203.0.113.52"]
endpoints.tokyo = ["203.0.113.64"]
{asked}
[pool.spare]
endpoints.frankfurt = ["203.0.113.32"]
endpoints.saopaulo = ["203.0.113.42"]
{spare}"#
    );
    let mut world = World::new(&format!(
        "=== meridian.toml\n{AZS}=== zones/example.zone\n{ZONE}=== zones/example.toml\n{pools}"
    ));
    world.settle();
    world.fail("sydney");
    world.fail("tokyo");
    world
}
