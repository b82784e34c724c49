//! What a change of files may not do until somebody asks for a reload: what looks like an accident
//! leaves its zone as it is, with its pools.
//!
//! A zone never goes, nor does its policy, and no zone loses many of its names at once. A disk that
//! is not mounted, a checkout that failed half-way or a generator that wrote half a file are more
//! often the reason than an operator is, and who means it can say so.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::content::Contents;
use super::load::{Hold, LoadedZone};
use super::survey::Stillness;
use super::topology::origin_text;
use super::{Code, Config, ConfiguredZone};
use crate::diag::Diagnostic;
use crate::span::Span;
use crate::wire::Name;
use crate::zone::Zone;

/// Has zones stay as they are in `last` whose files are gone, say much less, or are being changed.
/// Returns what that is told by.
pub(super) fn hold_back(
    zones: &mut Vec<LoadedZone>,
    last: &Config,
    contents: &mut Contents,
) -> Vec<Diagnostic> {
    let mut faults = vec![];
    let mut all: BTreeMap<_, _> = zones.drain(..).map(|zone| (zone.origin.clone(), zone)).collect();
    // Who has nothing yet to stay as it is has time to become whole.
    all.retain(|origin, zone| zone.hold.is_none() || last.zone(origin).is_some());
    for served in &last.zones {
        let there = all.get(&served.origin).map(|zone| &zone.paths[..]).unwrap_or_default();
        for path in served.paths.iter().filter(|path| !there.contains(path)) {
            // What it holds is of no interest, only whether it is gone for good.
            contents.survey.look(path);
        }
        let stillness = contents.survey.end_group();
        let zone = all.entry(served.origin.clone()).or_insert_with(|| LoadedZone {
            origin: served.origin.clone(),
            content: None,
            hold: Some(Hold::Gone),
            paths: served.paths.clone(),
        });
        if stillness == Stillness::Changing {
            zone.hold = Some(Hold::Changing);
        }
        faults.extend(judge(zone, served, contents));
    }
    zones.extend(all.into_values());
    faults
}

/// Whether `zone` stays as it was `served`, and what that is told by.
fn judge(
    zone: &mut LoadedZone,
    served: &ConfiguredZone,
    contents: &Contents,
) -> Option<Diagnostic> {
    let origin = origin_text(&zone.origin);
    let fault = match zone.hold {
        Some(Hold::Changing) => changing(&origin, &zone.paths),
        Some(Hold::Gone | Hold::Shrunk) => zone_gone(&origin, &zone.paths),
        None => {
            let (now, before) = (zone.content.as_ref()?, served.content()?);
            let lost = lost_names(&before.zone, &now.zone);
            if zone.paths.len() == 1 && !before.policy.names.is_empty() {
                zone.hold = Some(Hold::Gone);
                zone.paths.clone_from(&served.paths);
                policy_gone(&origin, &served.paths)
            } else if lost >= FEWEST_LOST && 100 * lost > MOST_LOST_PERCENT * before.zone.names() {
                zone.hold = Some(Hold::Shrunk);
                let start = start_of(&zone.paths, contents);
                zone_shrunk(&origin, lost, before.zone.names(), start)
            } else {
                return None;
            }
        }
    };
    zone.content = None;
    Some(fault)
}

/// Where the zone file among `paths` begins.
fn start_of(paths: &[PathBuf], contents: &Contents) -> Option<Span> {
    let is_zone = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "zone");
    let path = paths.iter().find(is_zone)?;
    Some(Span::new(contents.id(path)?, 0, 0))
}

/// How many names with data or a pool are in `before` and not in `now`.
fn lost_names(before: &Arc<Zone>, now: &Arc<Zone>) -> usize {
    if Arc::ptr_eq(before, now) {
        return 0;
    }
    let names = |zone: &Zone| -> HashSet<Name> {
        let nodes = zone.nodes().filter(|node| node.binding().is_some() || node.sets().len() > 0);
        nodes.map(|node| node.name()).collect()
    };
    names(before).difference(&names(now)).count()
}

fn changing(origin: &str, paths: &[PathBuf]) -> Diagnostic {
    let message = format!("{} changing; zone {origin} stays as it is", are(paths));
    Code::Changing.fault(message).remedy("it is read again once its files are still")
}

fn zone_gone(origin: &str, paths: &[PathBuf]) -> Diagnostic {
    let message = format!("{} gone; zone {origin} stays as it was", are(paths));
    Code::ZoneGone.fault(message).remedy("put it back, or end the zone by `meridian reload`")
}

fn policy_gone(origin: &str, paths: &[PathBuf]) -> Diagnostic {
    let is_policy = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "toml");
    let policy: Vec<_> = paths.iter().filter(is_policy).cloned().collect();
    let message = format!("{} gone; zone {origin} stays as it was", are(&policy));
    let remedy = "put it back, or end the zone's steering by `meridian reload`";
    Code::PolicyGone.fault(message).remedy(remedy)
}

fn zone_shrunk(origin: &str, lost: usize, of: usize, start: Option<Span>) -> Diagnostic {
    let message = format!("lacks {lost} of the {of} names of zone {origin}, which stays as it was");
    let fault = Code::ZoneShrunk.fault(message);
    Diagnostic { span: start, ..fault }
        .remedy("restore the names, or have the file taken as it is by `meridian reload`")
}

/// `a is`, or `a and b are`.
fn are(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    format!("{} {}", names.join(" and "), if names.len() == 1 { "is" } else { "are" })
}

/// A zone that loses fewer names than this is not held back.
const FEWEST_LOST: usize = 10;
/// A zone that loses more of its names than this is.
const MOST_LOST_PERCENT: usize = 30;

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::config::{Environment, Fingerprint, Still, load, reload, reload_still};
    use crate::diag::one_line;

    const ZONE: &str = "$TTL 1h\n@ SOA ns1 hostmaster 1 2h 30m 2w 30\n@ NS ns1\nns1 A 192.0.2.53\n";
    const POLICY: &str = "names.www = \"web\"\npool.web.endpoints.tokyo = [\"203.0.113.20\"]\n";
    const SERVER: &str = "az.tokyo.location = [35.7, 139.7]\n";

    /// Two zones, of which the first is steered, and what was last made of them.
    struct World {
        directory: TempDir,
        config: Config,
    }

    impl World {
        fn new() -> Self {
            let directory = TempDir::new().unwrap();
            fs::create_dir(directory.path().join("zones")).unwrap();
            let files = [
                ("meridian.toml", SERVER),
                ("zones/a.example.zone", ZONE),
                ("zones/a.example.toml", POLICY),
                ("zones/b.example.zone", ZONE),
            ];
            for (path, text) in files {
                fs::write(directory.path().join(path), text).unwrap();
            }
            let mut world = Self { directory, config: empty() };
            world.ask();
            world
        }

        /// Somebody asks for a reload.
        fn ask(&mut self) {
            let load = load(&self.path("meridian.toml"), &Environment::default());
            self.config = load.build(Some(&self.config)).0.unwrap();
        }

        /// What all files are now.
        fn still(&self) -> Still {
            let zones = self.path("zones");
            let paths = crate::config::list(&zones).unwrap();
            let directory = (zones, Fingerprint::of_names(&paths));
            let missing = ["zones/a.example.zone", "zones/a.example.toml", "zones/b.example.zone"];
            let missing = missing.map(|path| self.path(path));
            let files = paths.into_iter().chain(missing).chain([self.path("meridian.toml")]);
            files
                .map(|path| (path.clone(), Fingerprint::of_file(&path)))
                .chain([directory])
                .collect()
        }

        /// Reads files that were seen to be still. Returns what is told of that.
        fn change(&mut self, still: Still) -> Vec<String> {
            let environment = Environment::default();
            let path = self.path("meridian.toml");
            let load = reload_still(&path, &environment, &self.config, Arc::new(still));
            assert!(!load.is_void);
            self.config = load.build(Some(&self.config)).0.unwrap();
            let told = load.diagnostics.iter().filter(|fault| fault.code.starts_with("watch/"));
            let told = told.map(|fault| one_line(fault, &load.sources));
            told.map(|line| line.replace(self.path("").to_str().unwrap(), "")).collect()
        }

        fn path(&self, path: &str) -> PathBuf {
            self.directory.path().join(path)
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.path(path), text).unwrap();
        }

        fn holds(&self) -> Vec<Option<Hold>> {
            self.config.zones.iter().map(|zone| zone.hold).collect()
        }
    }

    /// The configuration of nothing.
    fn empty() -> Config {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("meridian.toml");
        fs::create_dir(directory.path().join("zones")).unwrap();
        fs::write(&path, "").unwrap();
        load(&path, &Environment::default()).build(None).0.unwrap()
    }

    /// A zone with as many further names.
    fn zone_of(names: std::ops::Range<u32>) -> String {
        names.fold(ZONE.to_owned(), |zone, name| zone + &format!("n{name} TXT n\n"))
    }

    #[test]
    fn a_zone_without_files_stays_with_its_pools_until_somebody_asks() {
        let mut world = World::new();
        for path in ["zones/a.example.zone", "zones/a.example.toml"] {
            fs::remove_file(world.path(path)).unwrap();
        }
        let told = "error[watch/zone-gone]: zones/a.example.zone and zones/a.example.toml are gone; \
                    zone a.example stays as it was";
        for _ in 0..2 {
            assert_eq!(world.change(world.still()), [told]);
            assert_eq!(world.holds(), [Some(Hold::Gone), None]);
            assert_eq!(world.config.topology.pools.len(), 1);
        }
        world.ask();
        assert_eq!(world.holds(), [None]);
    }

    #[test]
    fn a_policy_that_is_gone_stays_until_somebody_asks() {
        let mut world = World::new();
        fs::remove_file(world.path("zones/a.example.toml")).unwrap();
        let told = "error[watch/policy-gone]: zones/a.example.toml is gone; \
                    zone a.example stays as it was";
        for _ in 0..2 {
            assert_eq!(world.change(world.still()), [told]);
            assert_eq!(world.config.topology.pools.len(), 1);
        }
        world.ask();
        assert_eq!(world.config.topology.pools.len(), 0);
    }

    #[test]
    fn a_zone_that_loses_more_than_thirty_percent_of_its_names_stays() {
        // 32 names with those of every zone, of which these are 11.
        let mut world = World::new();
        world.write("zones/b.example.zone", &zone_of(0..30));
        world.ask();
        world.write("zones/b.example.zone", &zone_of(11..30));
        let told = "zones/b.example.zone:1:1: error[watch/zone-shrunk]: lacks 11 of the 32 names \
                    of zone b.example, which stays as it was";
        assert_eq!(world.change(world.still()), [told]);
        assert_eq!(world.holds(), [None, Some(Hold::Shrunk)]);
        assert_eq!(world.config.zones[1].zone().unwrap().names(), 32);
        world.ask();
        assert_eq!(world.config.zones[1].zone().unwrap().names(), 21);
    }

    #[test]
    fn names_that_are_others_are_lost_ones() {
        let mut world = World::new();
        world.write("zones/b.example.zone", &zone_of(0..20));
        world.ask();
        world.write("zones/b.example.zone", &zone_of(20..40));
        assert_eq!(world.change(world.still()).len(), 1);
    }

    #[test]
    fn a_zone_that_loses_fewer_is_taken() {
        // Of 40 names 12 are no more than 30 %; of 20 names 9 are more, but fewer than 10.
        for (names, lost) in [(38, 12), (18, 9)] {
            let mut world = World::new();
            world.write("zones/b.example.zone", &zone_of(0..names));
            world.ask();
            world.write("zones/b.example.zone", &zone_of(lost..names));
            assert_eq!(world.change(world.still()), [""; 0]);
            assert_eq!(world.holds(), [None, None]);
        }
    }

    #[test]
    fn of_a_zone_that_is_being_changed_neither_file_is_taken() {
        let mut world = World::new();
        let still = world.still();
        world.write("zones/a.example.zone", &zone_of(0..1));
        world.write("zones/a.example.toml", "[pool");
        world.write("zones/b.example.zone", ZONE);
        let told = "warning[watch/changing]: zones/a.example.zone and zones/a.example.toml are \
                    changing; zone a.example stays as it is";
        assert_eq!(world.change(still), [told]);
        assert_eq!(world.holds(), [Some(Hold::Changing), None]);
        assert_eq!(world.config.zones[0].zone().unwrap().names(), 3);
    }

    #[test]
    fn a_file_that_is_away_while_it_is_read_is_not_gone() {
        let mut world = World::new();
        let still = world.still();
        fs::remove_file(world.path("zones/a.example.toml")).unwrap();
        // The names in the directory are not known to be still.
        let still = still.into_iter().filter(|(path, _)| !path.is_dir()).collect();
        assert_eq!(world.change(still).len(), 1);
        assert_eq!(world.holds(), [Some(Hold::Changing), None]);
        assert_eq!(world.config.topology.pools.len(), 1);
    }

    #[test]
    fn a_new_zone_is_not_there_before_its_files_are_still() {
        let mut world = World::new();
        let mut still = world.still();
        world.write("zones/c.example.zone", "half");
        still.remove(&world.path("zones"));
        assert_eq!(world.change(still), [""; 0]);
        assert_eq!(world.config.zones.len(), 2);
    }

    /// The names of the files of each group that a load looked at, without that of all zones.
    fn groups(load: &crate::config::Load) -> Vec<Vec<String>> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let groups = load.survey.groups.iter();
        let groups = groups.map(|group| group.iter().map(name).collect::<Vec<_>>());
        groups.filter(|group| *group != ["zones"]).collect()
    }

    #[test]
    fn what_a_file_names_belongs_to_it_whether_it_is_read_anew_or_shared() {
        let mut world = World::new();
        let check = |name: &str| {
            let kind = "type = \"https\", host = \"a\"";
            format!("check.{name} = {{ {kind}, ca = \"ca.pem\" }}\n")
        };
        let authority = rcgen::generate_simple_self_signed([]).unwrap().cert.pem();
        for path in ["ca.pem", "zones/ca.pem"] {
            world.write(path, &authority);
        }
        world.write("fleet.toml", &format!("{SERVER}{}", check("shared")));
        world.write("zones/a.example.toml", &format!("{POLICY}{}", check("own")));
        world.write("zones/a.example.zone", &format!("{ZONE}$INCLUDE hosts.inc\n"));
        world.write("zones/hosts.inc", "hosts A 192.0.2.1\n");
        let expected = [
            &["ca.pem", "fleet.toml", "meridian.toml", "missing.toml"][..],
            &["a.example.toml", "a.example.zone", "ca.pem", "hosts.inc"],
            &["b.example.zone"],
        ];
        world.write("meridian.toml", "include = [\"fleet.toml\"]\n");
        world.ask();
        let path = world.path("meridian.toml");
        world.write("meridian.toml", "include = [\"fleet.toml\", \"missing.toml\"]\n");
        assert_eq!(groups(&load(&path, &Environment::default())), expected);
        assert_eq!(groups(&reload(&path, &Environment::default(), &world.config)), expected);
    }

    #[test]
    fn nothing_is_said_of_files_while_the_server_s_own_is_being_changed() {
        let world = World::new();
        let still = Arc::new(world.still());
        let path = world.path("meridian.toml");
        let load = || reload_still(&path, &Environment::default(), &world.config, still.clone());
        fs::rename(world.path("zones"), world.path("away")).unwrap();
        assert!(load().is_void);
        fs::rename(world.path("away"), world.path("zones")).unwrap();
        assert!(!load().is_void);
        world.write("meridian.toml", "[server");
        assert!(load().is_void);
        assert_eq!(load().diagnostics, []);
    }
}
