//! Which databases a load takes, from where, and what waits to be asked for.
#![allow(clippy::unwrap_used, reason = "files that can't be arranged have failed the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use meridian::answer::{Generation, Question, Snapshot, explain};
use meridian::config::{Environment, Fingerprint, PathKind, Still, list};
use meridian::control::load::{Loaded, Occasion, Report, load};
use meridian::diag::Style;
use meridian::route::{Director, Overrides, Saved};
use meridian::time::Now;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

/// A directory with a configuration, and one where databases are looked up.
struct Files {
    beside: TempDir,
    elsewhere: TempDir,
}

/// Clients without a place go to paris, the first by name.
const SERVER: &str = r#"
[az.paris]
location = [48.86, 2.35]

[az.sydney]
location = [-33.87, 151.21]

[geoip]
databases = ["city"]
"#;

const ZONE: &str =
    "@ 3600 IN SOA ns1 hostmaster 1 7200 1800 1209600 30\n@ 3600 IN NS ns1.example.\n";

const POLICY: &str = r#"
[names]
www = "web"

[pool.web]
endpoints.paris = ["192.0.2.1"]
endpoints.sydney = ["192.0.2.2"]
"#;

impl Files {
    /// With `fixture` as the database.
    fn new(fixture: &str) -> Self {
        let [beside, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let files = Self { beside, elsewhere };
        fs::create_dir(files.path("zones")).unwrap();
        files.write("meridian.toml", SERVER);
        files.write("zones/app.example.zone", ZONE);
        files.write("zones/app.example.toml", POLICY);
        files.database(fixture);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.beside.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Renames `fixture` into place.
    fn database(&self, fixture: &str) {
        fs::write(self.path("new"), bytes(fixture)).unwrap();
        fs::rename(self.path("new"), self.path("city.mmdb")).unwrap();
    }

    fn load(&self, previous: Option<&Loaded>, occasion: Occasion) -> Result<Loaded, Report> {
        let environment = Environment {
            database_directories: vec![self.elsewhere.path().into()],
            ..Environment::default()
        };
        load(&self.path("meridian.toml"), &environment, previous, occasion)
    }

    fn start(&self) -> Loaded {
        self.load(None, Occasion::Asked).unwrap()
    }

    /// What all files that were looked at are now, and those that would be.
    fn seen(&self, previous: &Loaded) -> Arc<Still> {
        let next = self.load(None, Occasion::Asked).map_or_else(|report| report, |it| it.report);
        let paths = previous.report.survey.paths.iter().chain(&next.survey.paths);
        let seen = paths.map(|(path, looked)| match looked.kind {
            PathKind::File => (path.clone(), Fingerprint::of_file(path)),
            PathKind::Directory => (path.clone(), Fingerprint::of_names(&list(path).unwrap())),
        });
        Arc::new(seen.collect())
    }

    fn see(&self, previous: &Loaded) -> Loaded {
        self.load(Some(previous), Occasion::Watched(self.seen(previous))).unwrap()
    }

    fn reload(&self, previous: &Loaded) -> Loaded {
        self.load(Some(previous), Occasion::Asked).unwrap()
    }
}

fn bytes(fixture: &str) -> Vec<u8> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mmdb");
    fs::read(fixtures.join(format!("{fixture}.mmdb"))).unwrap()
}

fn snapshot(loaded: &Loaded) -> Snapshot {
    let (saved, now) = (Saved::default(), Now::default());
    let overrides = Overrides::default();
    let routing = loaded.routing.clone();
    let director = Director::start(routing, &saved, overrides, 1, Duration::ZERO, now).0;
    loaded.snapshot(Generation(1), director.routes())
}

/// The az that clients at `ip` are sent to first.
fn first(loaded: &Loaded, ip: &str) -> String {
    let question = Question::from_text("www.app.example", "A", ip.parse().unwrap()).unwrap();
    explain(&snapshot(loaded), &question, None).steering.unwrap().azs[0].name.clone()
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    let codes = loaded.report.diagnostics.iter().map(|fault| fault.code);
    codes.filter(|code| code.starts_with("geoip/") && *code != "geoip/old-database").collect()
}

#[test]
fn a_database_is_found_where_updaters_put_it() {
    let files = Files::new("globe");
    fs::rename(files.path("city.mmdb"), files.elsewhere.path().join("city.mmdb")).unwrap();
    assert_eq!(first(&files.start(), "1.0.0.1"), "sydney");
}

#[test]
fn a_database_that_is_nowhere_is_told_with_where_it_was_looked_for() {
    let files = Files::new("globe");
    fs::remove_file(files.path("city.mmdb")).unwrap();
    let shown = files.load(None, Occasion::Asked).unwrap_err().render(Style::Plain);
    for part in [
        "error[file/unreadable]: can't read ".to_owned(),
        format!("{}/meridian.toml:9:14\n", files.beside.path().display()),
        format!("it is in none of {}/city.mmdb, ", files.beside.path().display()),
        format!(", {}/city.mmdb either; ", files.elsewhere.path().display()),
    ] {
        assert!(shown.contains(&part), "{part:?} is not in\n{shown}");
    }
}

#[test]
fn a_pipe_is_no_database() {
    let files = Files::new("globe");
    fs::remove_file(files.path("city.mmdb")).unwrap();
    mkfifo(&files.path("city.mmdb"), Mode::S_IRWXU).unwrap();
    let shown = files.load(None, Occasion::Asked).unwrap_err().render(Style::Plain);
    assert!(shown.contains("not a regular file"), "{shown}");
}

#[test]
fn the_age_of_a_database_is_told_but_for_the_shipped_one() {
    let ages = |fixture: &str| {
        let loaded = Files::new(fixture).start();
        let old = loaded.report.diagnostics.iter().filter(|it| it.code == "geoip/old-database");
        old.count()
    };
    assert_eq!((ages("globe"), ages("shipped")), (1, 0));
}

#[test]
fn an_update_that_moves_few_clients_is_taken_at_sight() {
    let files = Files::new("globe");
    let before = files.start();
    files.database("globe_one_moved");
    let after = files.see(&before);
    assert_eq!(codes(&after), [""; 0]);
    assert_eq!(first(&after, "33.0.0.1"), "sydney");
    let note = "an update of the databases gives 14.5 % of IPv4 and 0.0 % of IPv6 another first az, \
                such as 32.0.0.0/3 from paris to sydney in app.example:web";
    assert_eq!(after.report.notes, [note]);
}

#[test]
fn an_update_that_moves_many_clients_waits_to_be_asked_for() {
    let files = Files::new("globe");
    let before = files.start();
    files.database("globe_two_moved");
    files.write("zones/other.example.zone", ZONE);
    let held = files.see(&before);
    let shown = held.report.render(Style::Plain);
    let told = "city.mmdb waits to be asked for: it gives 28.4 % of IPv4 and 0.0 % of IPv6 another first az, \
                such as 32.0.0.0/3 from paris to sydney in app.example:web";
    assert!(shown.contains("error[geoip/held-database]: the update of "), "{shown}");
    assert!(shown.contains(told), "{shown}");
    assert_eq!(first(&held, "33.0.0.1"), "paris");
    assert_eq!(held.counts().zones, 2);

    // At every look, until somebody asks.
    let held = files.see(&files.see(&held));
    assert_eq!(codes(&held), ["geoip/held-database"]);
    assert_eq!(first(&held, "33.0.0.1"), "paris");

    let taken = files.reload(&held);
    assert_eq!(codes(&taken), [""; 0]);
    assert_eq!(first(&taken, "33.0.0.1"), "sydney");
    assert_eq!(codes(&files.see(&taken)), [""; 0]);
}

#[test]
fn an_update_that_has_half_the_networks_waits_to_be_asked_for() {
    let files = Files::new("globe");
    let before = files.start();
    files.database("globe_halved");
    let held = files.see(&before);
    let shown = held.report.render(Style::Plain);
    let told = "it gives 0.0 % of IPv4 and 0.0 % of IPv6 another first az, and has 4 networks instead of 8";
    assert!(shown.contains(told), "{shown}");
    assert_eq!(codes(&files.reload(&held)), [""; 0]);
}

#[test]
fn ipv6_is_measured_as_far_as_it_is_known() {
    let files = Files::new("city");
    let before = files.start();
    // It has no IPv6.
    files.database("globe");
    let shown = files.see(&before).report.render(Style::Plain);
    assert!(shown.contains("% of IPv4 and 100.0 % of IPv6 another first az"), "{shown}");
}

#[test]
fn what_is_put_back_ends_the_wait() {
    let files = Files::new("globe");
    let before = files.start();
    files.database("globe_two_moved");
    let held = files.see(&before);
    files.database("globe");
    let back = files.see(&held);
    assert_eq!(codes(&back), [""; 0]);
    files.database("globe_one_moved");
    assert_eq!(first(&files.see(&back), "33.0.0.1"), "sydney");
}

#[test]
fn other_databases_that_the_configuration_names_are_taken_at_sight() {
    let files = Files::new("globe");
    let before = files.start();
    fs::write(files.path("other.mmdb"), bytes("globe_two_moved")).unwrap();
    files.write("meridian.toml", &SERVER.replace("city", "other"));
    let after = files.see(&before);
    assert_eq!(codes(&after), [""; 0]);
    assert_eq!(first(&after, "33.0.0.1"), "sydney");
}

#[test]
fn a_change_that_leaves_length_and_times_alone_is_seen() {
    let files = Files::new("globe");
    let before = files.start();
    let path = files.path("city.mmdb");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let one_moved = bytes("globe_one_moved");
    assert_eq!(bytes("globe").len(), one_moved.len());
    fs::write(&path, one_moved).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(first(&files.see(&before), "33.0.0.1"), "sydney");
}

#[test]
fn what_is_touched_or_copied_is_not_compiled_again() {
    let files = Files::new("globe");
    let before = files.start();
    files.database("globe");
    let file = fs::File::options().write(true).open(files.path("city.mmdb")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let after = files.see(&before);
    assert!(Arc::ptr_eq(&snapshot(&after).places, &snapshot(&before).places));
    assert_eq!(after.report.notes, [""; 0]);
}

#[test]
fn a_database_that_changes_again_while_it_is_read_is_not_taken() {
    let files = Files::new("globe");
    let before = files.start();
    files.database("globe_one_moved");
    let seen = files.seen(&before);
    files.database("globe_two_moved");
    let after = files.load(Some(&before), Occasion::Watched(seen)).unwrap();
    assert!(after.report.diagnostics.iter().any(|fault| fault.code == "watch/changing"));
    assert!(Arc::ptr_eq(&snapshot(&after).places, &snapshot(&before).places));
    let watched = &after.report.survey.paths[&files.path("city.mmdb")];
    assert_eq!(watched.taken, None);
}

#[test]
fn every_place_where_a_database_may_appear_is_watched() {
    let files = Files::new("globe");
    let elsewhere = files.elsewhere.path().join("city.mmdb");
    fs::rename(files.path("city.mmdb"), &elsewhere).unwrap();
    let survey = files.start().report.survey;
    let taken = |path: &Path| survey.paths[path].taken;
    assert_eq!(taken(&files.path("city")), Some(Fingerprint::NOTHING));
    assert_eq!(taken(&files.path("city.mmdb")), Some(Fingerprint::NOTHING));
    assert_eq!(taken(&elsewhere), Some(Fingerprint::of_file(&elsewhere)));
}
