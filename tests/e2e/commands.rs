//! What an operator types.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::failover::with_ipv6;
use super::fleet::{CLIENTS, Fleet, POLICY};
use super::host::{Ended, Host};
use super::support::authority::Authority;

// check

#[test]
fn check_counts_what_is_whole() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let counts = "2 zones, 3 azs, 1 pool, 3 endpoints, 1 database: 0 errors, 0 warnings\n";
    assert_eq!(host.meridian(&["check"]).success(), counts);
}

#[test]
fn check_opens_nothing_and_leaves_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = Host::new();
    host.edit("meridian.toml", "127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    let names = || {
        let entries = std::fs::read_dir(host.path("")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    host.meridian(&["check"]).success();
    assert_eq!(names(), before);
}

#[test]
fn check_shows_all_faults_of_all_files_in_one_run() {
    let fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("hold", "holt"));
    host.edit("meridian.toml", "workers = 2", "worker = 2");
    host.append("zones/app.example.zone", "a IN A nowhere\nb IN AAAA 192.0.2.1\n");
    host.write("zones/other.example.zone", "@ 1h IN NS ns1\n");
    host.write("city.mmdb", "no database");
    let shown = host.meridian(&["check"]).failure(1);
    for part in [
        // The kind of fault, its place, the line with the fault underlined, and what to do.
        "error[config/unknown-key]: ",
        "--> meridian.toml:5:1\n  |\n5 | worker = 2\n  | ^^^^^^",
        "`workers`",
        "--> zones/app.example.toml:14:1\n   |\n14 | holt = \"100ms\"\n   | ^^^^",
        "`hold`",
        "--> zones/app.example.zone:7:8\n  |\n7 | a IN A nowhere\n  |        ^^^^^^^",
        "--> zones/app.example.zone:8:11\n  |\n8 | b IN AAAA 192.0.2.1\n  |           ^^^^^^^^^",
        "zones/other.example.zone",
        "error[geoip/bad-database]: city.mmdb: ",
        "= help: ",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(shown.contains("meridian: 6 errors, 1 warning"), "{shown}");
}

#[test]
fn check_finds_a_damaged_database() {
    let host = Host::new();
    host.write("city.mmdb", "no database");
    let shown = host.meridian(&["check"]).failure(1);
    assert!(shown.contains("error[geoip/bad-database]: city.mmdb: "), "{shown}");
}

#[test]
fn check_warns_of_clients_that_no_database_can_tell() {
    let fleet = Fleet::new();
    let rule = "[[pool.web.rules]]\nclients = [\"asn:64500\"]\nprefer = [\"paris\"]\n";
    let ended = fleet.host(&format!("{POLICY}{rule}")).meridian(&["check"]);
    let warning =
        "warning[pool/untold-clients]: no database tells the autonomous system of any client";
    assert!(ended.err.contains(warning), "{ended:?}");
    ended.success();
}

#[test]
fn check_finds_that_nobody_is_there_to_trust() {
    let fleet = Fleet::new();
    let https = "type = \"https\"\nhost = \"www.app.example\"";
    let host = fleet.host(&POLICY.replace("type = \"http\"", https));
    let mut command = host.command(&["check"]);
    let ended = command.env("SSL_CERT_FILE", "/dev/null").env_remove("SSL_CERT_DIR").output();
    let shown = String::from_utf8(ended.unwrap().stderr).unwrap();
    assert!(shown.contains("error[check/unprobeable]: "), "{shown}");
    assert!(shown.contains("this system has no certificate authorities"), "{shown}");
}

#[test]
fn check_knows_what_was_meant() {
    let fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("check = \"web\"", "check = \"wbe\""));
    host.edit("zones/app.example.toml", "www = \"web\"", "www = \"web\"\nshop = \"weeb\"");
    host.edit("zones/app.example.toml", "sydney   =", "sidney   =");
    let shown = host.meridian(&["check"]).failure(1);
    for meant in ["`web`", "`sydney`"] {
        assert!(shown.contains(meant), "{meant} is not in\n{shown}");
    }
}

#[test]
fn check_succeeds_with_warnings() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    host.append("zones/app.example.zone", "www.elsewhere.example. IN A 192.0.2.1\n");
    let ended = host.meridian(&["check"]);
    assert!(ended.err.contains("warning["), "{ended:?}");
    let counts = ended.success();
    assert!(counts.ends_with(": 0 errors, 1 warning\n"), "{counts}");
}

#[test]
fn check_tells_programs_the_code_and_place_of_every_fault() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    host.edit("meridian.toml", "workers = 2", "worker = 2");
    let ended = host.meridian(&["check", "--format", "json"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""));
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["summary"]["errors"], 1);
    assert!(told["summary"]["loaded"].is_null(), "{told}");
    let fault = &told["diagnostics"][0];
    assert_eq!(fault["code"], "config/unknown-key");
    assert_eq!(fault["severity"], "error");
    assert_eq!(fault["file"], "meridian.toml");
    assert_eq!((&fault["line"], &fault["column"]), (&json!(5), &json!(1)));
    assert_eq!(fault["end"], json!({ "line": 5, "column": 7 }));
    assert!(fault["remedy"].as_str().unwrap().contains("`workers`"), "{fault}");
}

#[test]
fn check_tells_programs_how_much_there_is() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let told = host.meridian(&["check", "--format", "json"]).success();
    let told: Value = serde_json::from_str(&told).unwrap();
    let loaded = json!({ "zones": 2, "azs": 3, "pools": 1, "endpoints": 3, "databases": 1 });
    assert_eq!(told["summary"], json!({ "errors": 0, "warnings": 0, "loaded": loaded }));
}

// explain

#[test]
fn explain_gives_place_order_and_answer() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    let told = explain(&host, &["www.app.example", "--client", "1.0.0.7"]).success();
    for part in [
        "query     www.app.example. A from 1.0.0.7\n",
        "place     -33.49, 143.21 (AU, OC) from ",
        "pool      app.example:web, policy nearest\n",
        "azs       sydney",
        " km  chosen       eligible\n",
        " km  not needed   eligible\n",
        "answer    www.app.example. ",
        " IN A 192.0.2.1\n",
        "scope     /24\n",
        "rcode     NOERROR, from generation ",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}

#[test]
fn explain_agrees_with_the_answers() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    for (client, _, _) in CLIENTS {
        let answered = daemon.ask(&format!("www.app.example A from {client}"));
        let address = client.split('/').next().unwrap();
        let told = explain(&host, &["www.app.example", "--client", address]).success();
        assert!(told.contains(&format!(" IN A {answered}\n")), "{answered} is not in\n{told}");
    }
}

#[test]
fn explain_names_the_cause_of_what_is_passed_over() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    let told = explain(&host, &["www.app.example", "--client", "1.0.0.7"]).success();
    assert!(told.contains("passed over  down: connection refused\n"), "{told}");
    assert!(told.contains("chosen       eligible\n"), "{told}");
}

#[test]
fn explain_offline_needs_no_server_and_takes_all_for_up() {
    let mut fleet = Fleet::new();
    fleet.sydney.kill();
    let host = fleet.host(POLICY);
    let told = explain(&host, &["www.app.example", "--client", "1.0.0.7", "--offline"]).success();
    assert!(told.contains(" 30 IN A 192.0.2.1\n"), "{told}");
    assert!(told.contains("rcode     NOERROR, from the files, every endpoint up\n"), "{told}");
}

#[test]
fn explain_offline_shows_what_is_wrong_with_the_files() {
    let host = Host::new();
    host.append("zones/app.example.zone", "www IN A nowhere\n");
    let ended = explain(&host, &["www.app.example", "--client", "1.0.0.7", "--offline"]);
    assert!(ended.err.contains("error[Z201]: A address"), "{}", ended.err);
    assert!(ended.success().contains("rcode     SERVFAIL, from the files"));
}

#[test]
fn explain_says_that_a_pool_lacks_the_family() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let asked = ["www.app.example", "--client", "1.0.0.7", "--type", "AAAA", "--offline"];
    let told = explain(&host, &asked).success();
    assert!(told.contains("\nanswer    none: NODATA\nauthority app.example. 30 IN SOA "), "{told}");
}

#[test]
fn explain_takes_a_type() {
    let fleet = Fleet::new();
    let host = fleet.host(&with_ipv6(&fleet.sydney));
    for offline in [&[][..], &["--offline"]] {
        let _daemon = offline.is_empty().then(|| host.start());
        let asked = |rtype| {
            let asked = ["www.app.example", "--client", "2400:1::1", "--type", rtype];
            explain(&host, &[&asked, offline].concat()).success()
        };
        let told = asked("AAAA");
        assert!(told.contains("query     www.app.example. AAAA from 2400:1::1\n"), "{told}");
        assert!(told.contains(" IN AAAA 2001:db8::1\n"), "{told}");
        let told = asked("MX");
        assert!(told.contains("authority app.example. 30 IN SOA "), "{told}");
    }
}

#[test]
fn explain_names_the_rule_that_matched() {
    let fleet = Fleet::new();
    let rule = "\n[[pool.web.rules]]\nclients = [\"country:AU\"]\nprefer = [\"paris\"]\n";
    let host = fleet.host(&(POLICY.to_owned() + rule));
    let told = explain(&host, &["www.app.example", "--client", "1.0.0.7", "--offline"]).success();
    assert!(told.contains("rule      number 1 (country:AU)\n"), "{told}");
    assert!(told.contains(" IN A 192.0.2.2\n"), "{told}");
}

#[test]
fn explain_of_a_name_outside_the_zones_is_refused() {
    let host = Host::new();
    for offline in [&[][..], &["--offline"]] {
        let _daemon = offline.is_empty().then(|| host.start());
        let asked = [&["www.elsewhere.example", "--client", "192.0.2.1"], offline].concat();
        let told = explain(&host, &asked).success();
        assert!(told.contains("rcode     REFUSED, from "), "{told}");
        assert!(!told.contains("\nanswer "), "{told}");
    }
}

#[test]
fn explain_needs_a_question_that_can_be_asked() {
    let host = Host::new();
    let asked = |name, rtype| explain(&host, &[name, "--client", "192.0.2.1", "--type", rtype]);
    let shown = asked("a..b", "A").failure(2);
    assert!(shown.starts_with("meridian: \"a..b\" is not a domain name"), "{shown}");
    let shown = asked("a", "ADDRESS").failure(2);
    assert!(shown.starts_with("meridian: \"ADDRESS\" is not a record type"), "{shown}");
}

// The server behind them.

#[test]
fn commands_say_that_no_server_runs() {
    let host = Host::new();
    for arguments in [
        &["status"][..],
        &["reload"],
        &["explain", "a", "--client", "192.0.2.1"],
        &["demo", "stop", "sydney"],
    ] {
        let ended = host.meridian(arguments);
        assert_eq!(ended.out, "");
        let shown = ended.failure(3);
        let unreachable = "meridian: can't reach the server at control.sock: No such file";
        assert!(shown.starts_with(unreachable), "{shown}");
    }
}

#[test]
fn commands_say_that_a_server_was_killed() {
    let host = Host::new();
    let mut daemon = host.start();
    daemon.signal(nix::sys::signal::Signal::SIGKILL);
    daemon.ended();
    let shown = host.meridian(&["status"]).failure(3);
    assert!(shown.contains("Connection refused"), "{shown}");
}

#[test]
fn the_control_socket_is_for_owner_and_group() {
    let host = Host::new();
    let _daemon = host.start();
    let mode = std::fs::metadata(host.path("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[test]
fn status_shows_pools_zones_and_databases() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    let shown = host.meridian(&["status"]).success();
    for part in [
        "\npool app.example:web\n",
        "  sydney           eligible\n",
        "    192.0.2.1                               up for ",
        ", next probe in ",
        "\nzone app.example. serial 1, ",
        "\nzone other.example. serial 1, ",
        "database city.mmdb (Fixture-City), built ",
        "ago: clean, 0 warnings (loads so far: 1 clean, 0 refused in part)\n",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
}

#[test]
fn what_programs_are_told_is_what_the_api_tells() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    let told = |arguments: &[&str]| -> Value {
        let arguments = [arguments, &["--format", "json"]].concat();
        serde_json::from_str(&host.meridian(&arguments).success()).unwrap()
    };
    let status = told(&["status"]);
    assert_eq!(status["health"]["pools"][0]["name"], "app.example:web");
    let explained = told(&["explain", "www.app.example", "--client", "1.0.0.7"]);
    assert_eq!(explained["steering"]["azs"][0]["name"], "sydney");
    assert_eq!(told(&["reload"])["clean"], true);
}

#[test]
fn reload_tells_programs_what_it_refused() {
    let host = Host::new();
    let _daemon = host.start();
    host.append("zones/app.example.zone", "www IN A nowhere\n");
    let ended = host.meridian(&["reload", "--format", "json"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""));
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["clean"], false);
    assert_eq!(told["diagnostics"][0]["file"], "zones/app.example.zone");
}

#[test]
fn status_is_shown_while_the_configuration_has_faults() {
    let host = Host::new();
    let _daemon = host.start();
    host.append("meridian.toml", "latitude = [\n");
    assert!(host.meridian(&["status"]).success().contains("zone app.example. serial 1"));
}

#[test]
fn a_configuration_is_found_by_its_name_from_anywhere() {
    let (host, elsewhere) = (Host::new(), tempfile::tempdir().unwrap());
    let _daemon = host.start();
    let path = host.path("meridian.toml");
    for arguments in [&["check"][..], &["status"], &["reload"]] {
        let mut command = host.command(arguments);
        command.current_dir(elsewhere.path()).arg("--config").arg(&path);
        let ended = command.output().unwrap();
        assert!(ended.status.success(), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn a_configuration_that_is_nowhere_is_told() {
    let host = Host::new();
    host.remove("meridian.toml");
    if std::path::Path::new("/etc/meridian/meridian.toml").exists() {
        return;
    }
    let shown = host.meridian(&["run"]).failure(1);
    let told = "meridian: no ./meridian.toml and no /etc/meridian/meridian.toml";
    assert!(shown.starts_with(told), "{shown}");
    let shown = host.meridian(&["check", "--config", "none.toml"]).failure(1);
    assert!(shown.contains("can't read none.toml"), "{shown}");
    let shown = host.meridian(&["status", "--config", "none.toml"]).failure(1);
    assert!(shown.contains("can't read none.toml"), "{shown}");
}

#[test]
fn wrong_usage_is_told_with_code_2() {
    let host = Host::new();
    for arguments in [
        &[][..],
        &["serve"],
        &["check", "--all"],
        &["explain", "a"],
        &["explain", "a", "--client", "192.0.2"],
        &["demo", "stop"],
    ] {
        let Ended { code, err, out } = host.meridian(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains("error: ") || err.contains("Usage: "), "{arguments:?}: {err}");
    }
}

#[test]
fn the_version_is_told() {
    let told = Host::new().meridian(&["--version"]).success();
    assert_eq!(told, format!("meridian {}\n", env!("CARGO_PKG_VERSION")));
}

fn explain(host: &Host, arguments: &[&str]) -> Ended {
    host.meridian(&[&["explain"], arguments].concat())
}

#[test]
fn packages_get_man_pages_and_completions() {
    let host = Host::new();
    let told = host.meridian(&["man", "share/man1"]).success();
    assert!(told.lines().any(|line| line == "share/man1/meridian-demo-stop.1"), "{told}");
    let page = std::fs::read_to_string(host.path("share/man1/meridian-status.1")).unwrap();
    assert!(page.starts_with(".ie") || page.starts_with(".TH meridian-status 1"), "{page}");
    assert!(page.contains(".SH \"EXIT STATUS\""), "{page}");
    assert!(host.meridian(&["completions", "bash"]).success().contains("_meridian()"));
    let shown = host.meridian(&["man", "meridian.toml"]).failure(1);
    assert!(shown.starts_with("meridian: can't write meridian.toml: "), "{shown}");
}

// init

#[test]
fn what_init_writes_has_no_faults() {
    let host = Host::new();
    std::fs::create_dir_all(host.path("fresh/geoip")).unwrap();
    host.database("fresh/geoip/world.mmdb", "city.mmdb");
    let written = host.meridian(&["init", "fresh"]).success();
    assert!(
        written.starts_with("fresh/meridian.toml\nfresh/zones/app.example.zone\n"),
        "{written}"
    );
    let counts = "1 zone, 4 azs, 1 pool, 8 endpoints, 1 database: 0 errors, 0 warnings\n";
    assert_eq!(check_trusting_somebody(&host, "fresh/meridian.toml"), counts);
}

#[test]
fn what_init_writes_needs_no_database() {
    let host = Host::new();
    host.meridian(&["init", "fresh"]).success();
    // Where one is installed that is used, and may be old.
    let checked = check_trusting_somebody(&host, "fresh/meridian.toml");
    assert!(checked.contains(": 0 errors, "), "{checked}");
}

#[test]
fn init_writes_over_nothing() {
    let host = Host::new();
    std::fs::create_dir_all(host.path("fresh/zones")).unwrap();
    host.write("fresh/zones/app.example.toml", "");
    let refused = host.meridian(&["init", "fresh"]).failure(1);
    assert!(
        refused.contains("fresh/zones/app.example.toml exists; nothing was written"),
        "{refused}"
    );
    assert!(!host.path("fresh/meridian.toml").exists());
}

/// What `check` says of a configuration, whether this system trusts any authority or not.
fn check_trusting_somebody(host: &Host, configuration: &str) -> String {
    let authority = Authority::new().file();
    let mut check = host.command(&["check", "--config", configuration]);
    let checked = check.env("SSL_CERT_FILE", authority.path()).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    String::from_utf8(checked.stdout).unwrap()
}
