//! A server's files as one text, loaded as the server loads them, and a director whose health the
//! test decides, in virtual time.

#![allow(dead_code, unreachable_pub, reason = "each test binary includes it and uses a part")]

use std::fs;
use std::time::Duration;

use meridian::answer::{Generation, Snapshot};
use meridian::config::Environment;
use meridian::control::load::{Loaded, Occasion, Report, load};
use meridian::diag::Style;
use meridian::health::{Cause, MonitorId, Outcome, Verdict};
use meridian::route::{
    Director, Effects, Event, Override, Overrides, PoolId, Refusal, Saved, Status,
};
use meridian::time::{Now, Wall};
use tempfile::TempDir;

/// A loaded configuration and its health.
pub struct World {
    pub loaded: Loaded,
    pub director: Director,
    epoch: u64,
    now: Now,
    directory: TempDir,
}

impl World {
    /// Loads `files`, which are without errors: each begins with a line `=== path`. Where it is not
    /// given, `meridian.toml` names no az and no database.
    pub fn new(files: &str) -> Self {
        let world = Self::with_faults(files);
        let report = &world.loaded.report;
        assert!(!report.has_errors(), "{}", report.render(Style::Plain));
        world
    }

    /// As [`Self::new`]; zones may have errors.
    pub fn with_faults(files: &str) -> Self {
        Self::in_directory(tempfile::tempdir().unwrap(), files)
    }

    /// As [`Self::with_faults`], beside what is in `directory` already.
    pub fn in_directory(directory: TempDir, files: &str) -> Self {
        let config = directory.path().join("meridian.toml");
        fs::write(&config, "geoip.databases = []\n").unwrap();
        for file in files.split("=== ").skip(1) {
            let (path, text) = file.split_once('\n').unwrap();
            let path = directory.path().join(path.trim());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("FIXTURES", FIXTURES)).unwrap();
        }
        Self::load(directory).unwrap_or_else(|report| panic!("{}", report.render(Style::Plain)))
    }

    /// Loads what is in `directory`; an error where nothing of it can be used.
    pub fn load(directory: TempDir) -> Result<Self, Report> {
        let config = directory.path().join("meridian.toml");
        let loaded = load(&config, &Environment::default(), None, Occasion::Asked)?;
        let now = Now::default();
        let (director, effects) = Director::start(
            loaded.routing.clone(),
            &Saved::default(),
            Overrides::default(),
            1,
            Duration::ZERO,
            now,
        );
        Ok(Self { loaded, director, epoch: effects.epoch, now, directory })
    }

    /// The zone `origin`, with a SOA and name servers before `records`, and nothing else.
    pub fn of_zone(origin: &str, records: &str) -> Self {
        Self::new(&format!("=== zones/{origin}.zone\n{HEAD}{records}"))
    }

    /// Starts again, with nothing remembered.
    pub fn restart(&mut self) {
        self.now = Now::default();
        let (director, effects) = Director::start(
            self.loaded.routing.clone(),
            &Saved::default(),
            Overrides::default(),
            1,
            Duration::ZERO,
            self.now,
        );
        (self.director, self.epoch) = (director, effects.epoch);
    }

    /// Loads the same files again, after this load of them.
    pub fn load_again(&self) -> Result<Loaded, Report> {
        let config = self.directory.path().join("meridian.toml");
        load(&config, &Environment::default(), Some(&self.loaded), Occasion::Asked)
    }

    /// The generation that answers now.
    pub fn snapshot(&self) -> Snapshot {
        self.loaded.snapshot(Generation(1), self.director.routes())
    }

    /// Has every monitor succeed until nothing is fresh and no hold runs.
    pub fn settle(&mut self) {
        self.restore("");
        let _ = self.pass(Duration::from_secs(3600));
    }

    /// Has every endpoint of `az` fail until it is down.
    pub fn fail(&mut self, az: &str) {
        for _ in 0..3 {
            self.probe(az, &Verdict::Failure(Cause::Refused));
        }
    }

    /// Has every endpoint of `az` succeed until it is up; holds begin.
    pub fn restore(&mut self, az: &str) {
        for _ in 0..3 {
            self.probe(az, &Verdict::Success);
        }
    }

    /// Gives an override, even if it takes the last az.
    pub fn give(&mut self, order: Override) {
        let _ = self.director.apply(Event::Override(order), self.now);
    }

    /// Whether an override may be given.
    pub fn consider(&self, order: &Override) -> Result<(), Refusal> {
        self.director.consider(order, self.now)
    }

    /// What is known of health now.
    pub fn status(&self) -> Status {
        self.director.status(self.now)
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) -> Effects {
        self.now = Now {
            mono: self.now.mono + time,
            wall: Wall::from_epoch(self.now.wall.since_epoch() + time),
        };
        self.director.apply(Event::Clock, self.now)
    }

    /// The pool of this full name.
    pub fn pool(&self, name: &str) -> PoolId {
        self.loaded.routing.topology.pools.position(|pool| pool.name == name).unwrap()
    }

    /// Gives every monitor of `az` (of all, for the empty name) one result.
    pub fn probe(&mut self, az: &str, verdict: &Verdict) -> Vec<Effects> {
        let outcomes = self.monitors(az).into_iter().map(|monitor| {
            let (duration, verdict) = (Duration::ZERO, verdict.clone());
            let outcome = Outcome { monitor, duration, verdict, load: None };
            self.director.apply(Event::Outcome { epoch: self.epoch, outcome }, self.now)
        });
        outcomes.collect()
    }

    fn monitors(&self, az: &str) -> Vec<MonitorId> {
        let topology = &self.loaded.routing.topology;
        let azs = topology.pools.values().flat_map(|pool| &pool.azs);
        let azs = azs.filter(|of| az.is_empty() || topology.azs[of.az].name == az);
        let mut monitors: Vec<_> =
            azs.flat_map(|az| &az.endpoints).filter_map(|endpoint| endpoint.monitor).collect();
        monitors.sort_unstable();
        monitors.dedup();
        monitors
    }
}

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mmdb");

/// What every zone needs.
pub const HEAD: &str = "\
$TTL 3600
@ SOA ns.test. host.test. 1 7200 3600 1209600 30
@ NS ns.test.
";
