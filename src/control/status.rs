//! What `meridian status` and the metrics show.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::geo::DatabaseInfo;
use crate::route::{self, Override};
use crate::time::Wall;

use super::Report;

/// All that is known of the running server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The version of Meridian.
    pub version: String,
    /// When the process started.
    pub started_at: Wall,
    /// When this was asked.
    pub now: Wall,
    /// The current generation.
    pub generation: u64,
    /// When it was published.
    pub published_at: Wall,
    /// Since when queries are counted; `None` where no az has a capacity, and they are not.
    #[serde(default)]
    pub queries_since: Option<Wall>,
    /// Why health and overrides are not restored, or not saved; `None`: they are.
    pub state: Option<String>,
    /// Pools, azs and endpoints.
    pub health: route::Status,
    /// The overrides in force, in the order in which they were given.
    pub overrides: Vec<Override>,
    /// How often azs became eligible or ceased to be, since the start.
    pub transitions: Vec<TransitionCount>,
    /// The zones, in canonical order of their origins.
    pub zones: Vec<ZoneStatus>,
    /// The databases in use.
    pub databases: Vec<DatabaseStatus>,
    /// The last load.
    pub load: LoadStatus,
}

/// How often an az of a pool changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitionCount {
    /// The pool's full name.
    pub pool: String,
    /// The az.
    pub az: String,
    /// How often it became eligible.
    pub eligible: u64,
    /// How often it ceased to be.
    pub not_eligible: u64,
}

impl TransitionCount {
    pub(super) fn none(pool: String, az: String) -> Self {
        Self { pool, az, eligible: 0, not_eligible: 0 }
    }
}

/// A zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ZoneStatus {
    /// Its origin.
    pub origin: String,
    /// Whether and what it serves.
    pub standing: Standing,
    /// The SOA's serial of what is served.
    pub serial: Option<u32>,
    /// Names with data.
    pub names: usize,
    /// Records.
    pub records: usize,
}

/// Whether a zone serves what its files say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It does.
    Current,
    /// Its files have errors: what was served before goes on.
    Kept,
    /// Its files have errors and nothing was served before: SERVFAIL.
    Broken,
    /// A file of it is gone; what was served goes on until a reload is asked for.
    Gone,
    /// Its files would take away many of its names; what was served goes on until a reload is asked
    /// for.
    Shrunk,
    /// Its files are being changed; what was served goes on until they are still.
    Changing,
}

impl Standing {
    /// Each, with its word.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Current, "current"),
        (Self::Kept, "kept"),
        (Self::Broken, "broken"),
        (Self::Gone, "gone"),
        (Self::Shrunk, "shrunk"),
        (Self::Changing, "changing"),
    ];
}

/// A GeoIP database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatabaseStatus {
    /// The file, as configured.
    pub name: String,
    /// What it calls itself.
    pub kind: String,
    /// When it was built.
    pub built_at: Wall,
    /// Distinct records.
    pub records: usize,
    /// Networks that have one.
    pub networks: u32,
    /// Whether it was built more than 30 days ago, and not for this version of Meridian.
    pub old: bool,
}

/// What came of the last load, and of all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadStatus {
    /// When the files were last read.
    pub at: Wall,
    /// Whether everything in them took effect.
    pub clean: bool,
    /// The errors that stand since then; what they concern is as it was before.
    pub errors: Vec<StandingError>,
    /// How many warnings there were.
    pub warnings: usize,
    /// Loads since the start that took effect whole.
    pub succeeded: u64,
    /// Loads since the start of which something was refused.
    pub failed: u64,
}

/// Something in the files that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingError {
    /// The fault in a line.
    pub text: String,
    /// When a load first found it; every one since then did.
    pub since: Wall,
}

impl LoadStatus {
    /// What came of the first load.
    pub(super) fn first(report: &Report, now: Wall) -> Self {
        let (at, errors) = (now, vec![]);
        let mut load = Self { at, clean: true, errors, warnings: 0, succeeded: 0, failed: 0 };
        load.next(report, now);
        load
    }

    /// What came of the next load, which has looked at everything again. Returns the errors that are
    /// new.
    pub(super) fn next(&mut self, report: &Report, now: Wall) -> Vec<String> {
        self.count(report.is_clean(), now);
        self.warnings = report.warnings();
        self.stand(report.errors(), now)
    }

    /// A load came to nothing, so that nobody knows of its files, and what was refused still is.
    pub(super) fn not_read(&mut self, error: &str, now: Wall) {
        self.count(false, now);
        let standing = self.errors.iter().map(|error| error.text.clone());
        let errors = standing.filter(|text| text != error).chain([error.to_owned()]).collect();
        self.stand(errors, now);
    }

    fn count(&mut self, clean: bool, now: Wall) {
        self.at = now;
        self.clean = clean;
        self.succeeded += u64::from(clean);
        self.failed += u64::from(!clean);
    }

    fn stand(&mut self, errors: Vec<String>, now: Wall) -> Vec<String> {
        let before: BTreeMap<_, _> =
            self.errors.drain(..).map(|error| (error.text, error.since)).collect();
        let new = errors.iter().filter(|text| !before.contains_key(*text)).cloned().collect();
        let standing = errors.into_iter().map(|text| {
            let since = before.get(&text).copied().unwrap_or(now);
            StandingError { text, since }
        });
        self.errors = standing.collect();
        new
    }
}

impl DatabaseStatus {
    pub(super) fn of(info: &DatabaseInfo, is_old: bool) -> Self {
        let DatabaseInfo { name, kind, built, records, networks } = info;
        Self {
            name: name.clone(),
            kind: kind.clone(),
            built_at: *built,
            records: *records,
            networks: *networks,
            old: is_old,
        }
    }
}
