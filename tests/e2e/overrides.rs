//! Overrides, from the command to the answers, the disk and the audit log.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use serde_json::{Value, json};

use super::daemon::eventually;
use super::fleet::{Fleet, POLICY, SAOPAULO, SYDNEY};
use super::host::{Ended, Host};
use super::http::{Reply, control, send, tcp};

const NEAR_SYDNEY: &str = "www.app.example A from 1.0.0.0/24";

#[test]
fn a_drained_az_gets_no_clients_until_it_is_cleared() {
    let (_fleet, host) = fleet();
    let daemon = host.start();
    assert_eq!(daemon.ask(NEAR_SYDNEY), SYDNEY);
    let told = drain(&host, "sydney", &[]).success();
    assert!(told.starts_with("drain of sydney until 2"), "{told}");
    assert!(told.contains(&format!(" by {}: deploy 42\n", own_name())), "{told}");
    assert!(told.contains("\nsydney is out of app.example:web\n"), "{told}");
    assert_eq!(daemon.ask(NEAR_SYDNEY), SAOPAULO);
    let told = host.meridian(&["clear", "sydney"]).success();
    assert!(told.starts_with("drain of sydney cleared\n"), "{told}");
    assert!(told.contains("\nsydney is back in app.example:web\n"), "{told}");
    assert_eq!(daemon.ask(NEAR_SYDNEY), SYDNEY);
}

#[test]
fn what_was_confirmed_survives_kill_9() {
    let (_fleet, host) = fleet();
    let mut daemon = host.start();
    drain(&host, "web/sydney", &[]).success();
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    let daemon = host.start();
    assert_eq!(daemon.ask(NEAR_SYDNEY), SAOPAULO);
    let listed = host.meridian(&["overrides"]).success();
    assert!(listed.starts_with("drain of web/sydney until 2"), "{listed}");
    assert!(listed.ends_with(": deploy 42\n  app.example:web/sydney\n"), "{listed}");
    let [given] = &audit(&host)[..] else { panic!("{:?}", audit(&host)) };
    assert_eq!(given["what"], "given");
}

#[test]
fn an_override_ends_by_itself() {
    let (_fleet, host) = fleet();
    let mut daemon = host.start();
    let arguments = ["drain", "sydney", "--for", "1s", "--reason", "deploy 42"];
    host.meridian(&arguments).success();
    daemon.wait("drain of sydney by uid ");
    daemon.wait("has come to its end");
    assert_eq!(daemon.ask(NEAR_SYDNEY), SYDNEY);
    assert_eq!(host.meridian(&["overrides"]).success(), "no overrides\n");
    let expired = eventually("the end is in the audit log", || audit(&host).into_iter().nth(1));
    assert_eq!((&expired["what"], &expired["by"]), (&json!("expired"), &json!("meridian")));
}

#[test]
fn what_ended_while_nothing_ran_is_told_at_the_start() {
    let (_fleet, host) = fleet();
    let mut daemon = host.start();
    drain(&host, "sydney", &[]).success();
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    let mut in_force: Value = read(&host, "state/overrides.json");
    in_force[0]["until"] = json!("2026-01-01T00:00:00Z");
    host.write("state/overrides.json", &in_force.to_string());
    let mut daemon = host.launch();
    daemon.wait("has come to its end");
    daemon.listening();
    assert_eq!(daemon.ask(NEAR_SYDNEY), SYDNEY);
}

#[test]
fn the_last_eligible_az_is_refused_and_told_as_such() {
    let (_fleet, host) = fleet();
    let daemon = host.start();
    drain(&host, "sydney", &[]).success();
    drain(&host, "paris", &[]).success();
    let shown = drain(&host, "saopaulo", &[]).failure(1);
    let told = "meridian: no az would be left eligible: saopaulo is the last of app.example:web; \
                --even-if-last does it even so\n";
    assert_eq!(shown, told);
    assert_eq!(daemon.ask(NEAR_SYDNEY), SAOPAULO);
    let refused = audit(&host).pop().unwrap();
    assert_eq!((&refused["what"], &refused["target"]), (&json!("refused"), &json!("saopaulo")));
    assert!(refused["refusal"].as_str().unwrap().contains("is the last of app.example:web"));
    drain(&host, "saopaulo", &["--even-if-last"]).success();
}

#[test]
fn a_glob_is_shown_with_what_it_came_to() {
    let (_fleet, host) = fleet();
    let _daemon = host.start();
    let told = drain(&host, "*/*s*y*", &[]).success();
    assert!(told.contains(": deploy 42\n  app.example:web/sydney\n"), "{told}");
    let told = drain(&host, "*/*/192.0.2.2", &[]).success();
    assert!(told.contains(": deploy 42\n  app.example:web/paris/192.0.2.2\n"), "{told}");
}

#[test]
fn the_same_target_again_takes_the_place_of_the_first() {
    let (_fleet, host) = fleet();
    let _daemon = host.start();
    drain(&host, "sydney", &[]).success();
    let arguments = ["force-down", "sydney", "--for", "1h", "--reason", "corrupt"];
    let told = host.meridian(&arguments).success();
    assert!(told.contains("\n  in place of the drain until 2"), "{told}");
    let listed = host.meridian(&["overrides"]).success();
    assert_eq!(listed.lines().count(), 1, "{listed}");
    let deeds: Vec<_> = audit(&host).into_iter().map(|entry| entry["what"].clone()).collect();
    assert_eq!(deeds, ["given", "replaced", "given"]);
}

#[test]
fn what_names_nothing_is_wrong_usage_and_leaves_no_trace() {
    let (_fleet, host) = fleet();
    let _daemon = host.start();
    let shown = drain(&host, "sidney", &[]).failure(2);
    assert!(shown.contains("did you mean \"sydney\"?"), "{shown}");
    for arguments in [
        &["drain", "sydney", "--reason", "deploy"][..],
        &["drain", "sydney", "--for", "2h"],
        &["drain", "sydney", "--for", "31d", "--reason", "deploy"],
        &["drain", "sydney", "--for", "2h", "--reason", " "],
        &["drain", "--for", "2h", "--reason", "deploy"],
    ] {
        host.meridian(arguments).failure(2);
    }
    assert!(!host.path("state/audit.log").exists());
}

#[test]
fn what_is_not_overridden_can_not_be_cleared() {
    let (_fleet, host) = fleet();
    let _daemon = host.start();
    drain(&host, "web/*y*", &[]).success();
    let shown = host.meridian(&["clear", "paris"]).failure(2);
    assert_eq!(shown, "meridian: there is no override of \"paris\"\n");
    let told = host.meridian(&["clear", "app.example:web/sydney"]).success();
    assert!(told.starts_with("drain of web/*y* cleared\n"), "{told}");
}

#[test]
fn what_can_not_be_written_down_is_refused() {
    let (_fleet, host) = fleet();
    fs::create_dir(host.path("state")).unwrap();
    symlink("/dev/full", host.path("state/audit.log")).unwrap();
    let daemon = host.start();
    let shown = drain(&host, "sydney", &[]).failure(1);
    assert!(shown.contains("this one can't be: can't write "), "{shown}");
    assert!(shown.contains("No space left on device"), "{shown}");
    assert_eq!(daemon.ask(NEAR_SYDNEY), SYDNEY);
    assert_eq!(host.meridian(&["overrides"]).success(), "no overrides\n");
    fs::remove_file(host.path("state/audit.log")).unwrap();
    drain(&host, "sydney", &[]).success();
    let deeds: Vec<_> = audit(&host).into_iter().map(|entry| entry["what"].clone()).collect();
    assert_eq!(deeds, ["refused", "given"]);
}

#[test]
fn what_can_not_be_written_down_is_not_cleared() {
    let (_fleet, host) = fleet();
    let daemon = host.start();
    drain(&host, "sydney", &[]).success();
    fs::remove_file(host.path("state/audit.log")).unwrap();
    symlink("/dev/full", host.path("state/audit.log")).unwrap();
    host.meridian(&["clear", "sydney"]).failure(1);
    assert_eq!(daemon.ask(NEAR_SYDNEY), SAOPAULO);
    fs::remove_file(host.path("state/audit.log")).unwrap();
    host.meridian(&["clear", "sydney"]).success();
    let deeds: Vec<_> = audit(&host).into_iter().map(|entry| entry["what"].clone()).collect();
    assert_eq!(deeds, ["not_cleared", "cleared"]);
}

#[test]
fn without_a_state_directory_overrides_are_refused_and_serving_goes_on() {
    let (_fleet, host) = fleet();
    host.write("state", "no directory");
    let daemon = host.start();
    let shown = drain(&host, "sydney", &[]).failure(1);
    assert!(shown.contains("the state directory could not be used"), "{shown}");
    assert_eq!(daemon.ask(NEAR_SYDNEY), SYDNEY);
    let told = "\nstate directory: health and overrides are neither restored nor saved: can't ";
    let shown = host.meridian(&["status"]).success();
    assert!(shown.contains(told), "{shown}");
    let metrics = control(&host, "GET /metrics").body;
    assert!(metrics.contains("meridian_state_usable{} 0.0\n"), "{metrics}");
}

#[test]
fn damaged_overrides_are_told_and_put_aside_and_the_start_goes_on() {
    let (_fleet, host) = fleet();
    fs::create_dir(host.path("state")).unwrap();
    host.write("state/overrides.json", "[{\"kind\": \"dra");
    let mut daemon = host.launch();
    let told = daemon.wait("overrides are forgotten");
    assert!(told.contains("moved to state/overrides.json.damaged"), "{told}");
    daemon.listening();
    assert!(host.path("state/overrides.json.damaged").exists());
    let shown = host.meridian(&["overrides"]).success();
    assert!(shown.starts_with("state directory: overrides are forgotten: can't "), "{shown}");
    assert!(shown.ends_with("\nno overrides\n"), "{shown}");
    drain(&host, "sydney", &[]).success();
}

#[test]
fn status_and_metrics_show_what_is_forced_beside_what_is_measured() {
    let (_fleet, host) = fleet();
    let _daemon = host.start();
    drain(&host, "sydney", &[]).success();
    let shown = host.meridian(&["status"]).success();
    assert!(shown.contains("\ndrain of sydney until 2"), "{shown}");
    assert!(shown.contains(" (deploy 42); measured up\n"), "{shown}");
    let status = control(&host, "GET /v1/status").json();
    assert_eq!(status["overrides"][0]["kind"], "drain");
    assert_eq!(status["state"], json!(null));
    let sydney = &status["health"]["pools"][0]["azs"][2];
    assert_eq!((&sydney["state"], &sydney["eligible"]), (&json!("eligible"), &json!(false)));
    let metrics = control(&host, "GET /metrics").body;
    for sample in [
        "meridian_overrides{kind=\"drain\"} 1.0\n",
        "meridian_overrides{kind=\"force-down\"} 0.0\n",
        "meridian_state_usable{} 1.0\n",
        "meridian_az_eligible{pool=\"app.example:web\",az=\"sydney\"} 0.0\n",
        "meridian_az_eligible{pool=\"app.example:web\",az=\"paris\"} 1.0\n",
    ] {
        assert!(metrics.contains(sample), "{sample} is not in\n{metrics}");
    }
}

#[test]
fn a_deploy_waits_for_the_az_and_then_for_its_clients() {
    let (mut fleet, host) = fleet();
    let daemon = host.start();
    drain(&host, "web/sydney", &[]).success();
    fleet.sydney.kill();
    wait(&host, "web/sydney=down");
    fleet.sydney.restart();
    wait(&host, "web/sydney=up");
    assert_eq!(daemon.ask(NEAR_SYDNEY), SAOPAULO);
    host.meridian(&["clear", "web/sydney"]).success();
    wait(&host, "web/sydney=eligible");
    assert_eq!(daemon.ask(NEAR_SYDNEY), SYDNEY);
}

// The API.

#[test]
fn the_api_gives_lists_and_clears_in_the_name_of_its_user() {
    let (_fleet, host) = fleet();
    let _daemon = host.start();
    let order =
        json!({ "kind": "force-down", "target": "web/paris", "for": "1h", "reason": "corrupt" });
    let reply = post(&host, &order);
    assert_eq!(reply.status, 200, "{reply:?}");
    let ordered = reply.json();
    assert_eq!(ordered["override"]["by"], own_name());
    assert_eq!(ordered["override"]["targets"], json!(["app.example:web/paris"]));
    let change = json!({ "pool": "app.example:web", "az": "paris", "eligible": false });
    assert_eq!(ordered["changes"], json!([change]));
    let listed = control(&host, "GET /v1/overrides").json();
    assert_eq!(listed["overrides"], json!([ordered["override"]]));
    let reply = control(&host, "DELETE /v1/overrides?target=web/paris");
    assert_eq!(reply.json()["changes"][0]["eligible"], true);
    assert_eq!(control(&host, "GET /v1/overrides").json()["overrides"], json!([]));
}

#[test]
fn who_gives_it_is_not_for_the_client_to_say() {
    let (_fleet, host) = fleet();
    let _daemon = host.start();
    let order = json!({
        "kind": "drain", "target": "paris", "for": "1h", "reason": "r", "by": "uid 7 (mallory)",
    });
    let reply = post(&host, &order);
    assert_eq!(reply.status, 400);
    assert!(reply.error().contains("unknown field `by`"), "{}", reply.error());
}

#[test]
fn the_api_tells_why_it_refuses() {
    let (_fleet, host) = fleet();
    let _daemon = host.start();
    let order = |target: &str, lasts: &str| json!({ "kind": "drain", "target": target, "for": lasts, "reason": "deploy" });
    for (order, status) in [
        (order("*", "1h"), 409),
        (order("rome", "1h"), 400),
        (order("paris", "1y"), 400),
        (json!({ "kind": "drain", "target": "paris" }), 400),
        (json!("drain"), 400),
    ] {
        let reply = post(&host, &order);
        assert_eq!(reply.status, status, "{order}: {reply:?}");
        assert!(!reply.error().is_empty());
    }
    assert_eq!(control(&host, "DELETE /v1/overrides?target=paris").status, 404);
    assert_eq!(control(&host, "DELETE /v1/overrides").status, 400);
}

#[test]
fn the_address_of_admin_lists_and_changes_nothing() {
    let (_fleet, host) = fleet();
    host.append("meridian.toml", "[admin]\nlisten = \"127.0.0.1:0\"\n");
    let daemon = host.start();
    drain(&host, "sydney", &[]).success();
    let at = |request| tcp(daemon.admin(), request);
    assert_eq!(at("GET /v1/overrides").json()["overrides"][0]["given"], "sydney");
    assert_eq!(at("DELETE /v1/overrides?target=sydney").status, 405);
    assert_eq!(at("POST /v1/overrides").status, 405);
    assert_eq!(at("GET /v1/overrides").json()["overrides"][0]["given"], "sydney");
}

fn fleet() -> (Fleet, Host) {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    (fleet, host)
}

fn drain(host: &Host, target: &str, more: &[&str]) -> Ended {
    let arguments = ["drain", target, "--for", "2h", "--reason", "deploy 42"];
    host.meridian(&[&arguments, more].concat())
}

#[track_caller]
fn wait(host: &Host, condition: &str) {
    host.meridian(&["status", "--wait", condition, "--timeout", "30s"]).success();
}

fn post(host: &Host, order: &Value) -> Reply {
    send(host, "POST /v1/overrides", &order.to_string())
}

/// The lines of the audit log.
fn audit(host: &Host) -> Vec<Value> {
    let Ok(text) = fs::read_to_string(host.path("state/audit.log")) else { return vec![] };
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read(host: &Host, path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(host.path(path)).unwrap()).unwrap()
}

/// What the server calls whoever runs these tests.
fn own_name() -> String {
    let uid = Uid::current();
    match User::from_uid(uid).unwrap() {
        Some(user) => format!("uid {uid} ({})", user.name),
        None => format!("uid {uid}"),
    }
}
