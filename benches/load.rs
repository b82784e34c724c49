//! What 1,000 pools of 20 azs over 200 distinct views cost on the shipped database: a cold load,
//! the memory of a real `meridian run`, and a reload after one rule was edited, from the files to
//! the published generation. The targets are 10 s, 300 MB and 100 ms.
//!
//! `cargo bench --bench load` measures 1,000 zones of one pool, 10 zones of 100 pools, and 1,000
//! pools in `meridian.toml`. Every endpoint has an address and a monitor of its own, in 127.0.0.0/8.
#![allow(clippy::unwrap_used, reason = "what can't be set up has failed the benchmark")]
#![allow(clippy::print_stdout, reason = "the table is the result")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use meridian::answer::Generation;
use meridian::config::Environment;
use meridian::control::load::{Loaded, Occasion, load};
use meridian::diag::Style;
use meridian::route::{Director, Event, Overrides, Saved};
use meridian::time::Now;

const POOLS: usize = 1_000;
const VIEWS: usize = 200;
/// Each with a capital's location.
const AZS: [(&str, &str); 20] = [
    ("amsterdam", "52.37, 4.90"),
    ("bahrain", "26.07, 50.55"),
    ("capetown", "-33.92, 18.42"),
    ("dublin", "53.35, -6.26"),
    ("frankfurt", "50.11, 8.68"),
    ("hongkong", "22.32, 114.17"),
    ("jakarta", "-6.21, 106.85"),
    ("london", "51.51, -0.13"),
    ("montreal", "45.50, -73.57"),
    ("mumbai", "19.08, 72.88"),
    ("ohio", "40.00, -83.00"),
    ("oregon", "45.84, -119.70"),
    ("osaka", "34.69, 135.50"),
    ("paris", "48.86, 2.35"),
    ("saopaulo", "-23.55, -46.63"),
    ("seoul", "37.57, 126.98"),
    ("singapore", "1.35, 103.82"),
    ("stockholm", "59.33, 18.07"),
    ("sydney", "-33.87, 151.21"),
    ("tokyo", "35.68, 139.69"),
];
/// Rules name them; as many as make 200 views with the 20 azs.
const COUNTRIES: [&str; 10] = ["AR", "CA", "DE", "EG", "IN", "JP", "KE", "MX", "NZ", "TR"];
const ROUNDS: usize = 10;
/// For the first probes of all endpoints, which all are refused.
const SETTLING: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("| {POOLS} pools, {VIEWS} views | min | median | max | on the CPU, min |");
    println!("|---|---|---|---|---|");
    for layout in [Layout::Zones(POOLS), Layout::Zones(10), Layout::Shared] {
        let world = World::new(layout);
        world.measure_load();
        world.measure_run();
    }
}

/// Where the pools stand.
#[derive(Clone, Copy)]
enum Layout {
    /// In so many zones.
    Zones(usize),
    /// In meridian.toml, bound by names of one zone.
    Shared,
}

struct World {
    layout: Layout,
    directory: tempfile::TempDir,
}

impl World {
    fn new(layout: Layout) -> Self {
        let world = Self { layout, directory: tempfile::tempdir().unwrap() };
        fs::create_dir(world.path("zones")).unwrap();
        let zones = match layout {
            Layout::Zones(zones) => zones,
            Layout::Shared => 1,
        };
        for zone in 0..zones {
            fs::write(world.path(&format!("zones/zone{zone}.example.zone")), ZONE).unwrap();
        }
        world.write_pools(0);
        world
    }

    /// Edition `edition` differs from the others in the rule of the first pool alone.
    fn write_pools(&self, edition: usize) {
        let pools = |range: std::ops::Range<usize>| {
            let mut text = String::from(CHECK);
            range.for_each(|index| pool(&mut text, index, edition));
            text
        };
        let names = |range: std::ops::Range<usize>| {
            range.fold("[names]\n".to_owned(), |text, index| {
                text + &format!("www{index} = \"pool{index}\"\n")
            })
        };
        let mut server = self.server();
        match self.layout {
            Layout::Zones(zones) => {
                let each = POOLS / zones;
                for zone in if edition == 0 { 0..zones } else { 0..1 } {
                    let range = || zone * each..(zone + 1) * each;
                    let text = names(range()) + &pools(range());
                    fs::write(self.path(&format!("zones/zone{zone}.example.toml")), text).unwrap();
                }
            }
            Layout::Shared => {
                server.push_str(&pools(0..POOLS));
                fs::write(self.path("zones/zone0.example.toml"), names(0..POOLS)).unwrap();
            }
        }
        fs::write(self.path("meridian.toml"), server).unwrap();
    }

    fn server(&self) -> String {
        let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/world.mmdb");
        let mut text = format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\n[geoip]\ndatabases = [{:?}]\n",
            database.display().to_string()
        );
        for (name, location) in AZS {
            writeln!(text, "[az.{name}]\nlocation = [{location}]").unwrap();
        }
        text
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn load(&self, previous: Option<&Loaded>) -> Loaded {
        let path = self.path("meridian.toml");
        let loaded = load(&path, &Environment::default(), previous, Occasion::Asked);
        let mut loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(Style::Plain)));
        let report = std::mem::take(&mut loaded.report);
        assert!(!report.has_errors(), "{}", report.render(Style::Plain));
        loaded
    }

    fn measure_load(&self) {
        let begin = Span::begin();
        let mut loaded = self.load(None);
        row(self.layout, "cold load", vec![begin.end()]);
        assert_eq!(loaded.routing.topology.views.len(), VIEWS);

        let now = Now::default();
        let wait = Duration::ZERO;
        let begin = Span::begin();
        let (mut director, _) = Director::start(
            loaded.routing.clone(),
            &Saved::default(),
            Overrides::default(),
            1,
            wait,
            now,
        );
        row(self.layout, "director: start", vec![begin.end()]);
        let (mut unchanged, mut loads, mut replaces, mut wholes) = (vec![], vec![], vec![], vec![]);
        let mut published = Arc::new(loaded.snapshot(Generation(1), director.routes()));
        for edition in 1..=ROUNDS {
            let begin = Span::begin();
            let same = self.load(Some(&loaded));
            unchanged.push(begin.end());
            drop(same);
            self.write_pools(edition);
            let begin = Span::begin();
            let next = self.load(Some(&loaded));
            loads.push(begin.end());
            let replace = Span::begin();
            let effects = director.apply(Event::Replace(next.routing.clone()), now);
            let routes = effects.routes.unwrap_or_else(|| director.routes());
            replaces.push(replace.end());
            let snapshot = Arc::new(next.snapshot(Generation(1), routes));
            wholes.push(begin.end());
            // What was served is freed by whoever publishes, after that.
            drop(std::mem::replace(&mut published, snapshot));
            loaded = next;
        }
        row(self.layout, "reload of unchanged files", unchanged);
        row(self.layout, "one edited rule: load", loads);
        row(self.layout, "one edited rule: director", replaces);
        row(self.layout, "one edited rule: load to generation", wholes);
    }

    fn measure_run(&self) {
        self.write_pools(0);
        let begin = Instant::now();
        let server = Server::start(self.path("meridian.toml"));
        let started = (begin.elapsed(), server.cpu_time());
        std::thread::sleep(SETTLING);
        let first = server.memory();
        let mut reloads = vec![];
        for edition in 1..=ROUNDS {
            self.write_pools(edition);
            // The last generation is freed a second after it was replaced.
            std::thread::sleep(Duration::from_secs(3));
            let (begin, cpu_time) = (Instant::now(), server.cpu_time());
            assert!(server.command(&["reload"]), "the reload is clean");
            reloads.push((begin.elapsed(), server.cpu_time() - cpu_time));
        }
        row(self.layout, "`meridian run` to its first answer to `status`", vec![started]);
        row(self.layout, "`meridian reload`, one edited rule", reloads);
        let last = server.memory();
        server.stop();
        for (when, memory) in [("after the first probes", first), ("after the reloads", last)] {
            println!("| {} {when}: {} | | | | |", self.layout, memory.join(", "));
        }
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Zones(zones) => write!(f, "{zones} zones:"),
            Self::Shared => write!(f, "meridian.toml:"),
        }
    }
}

/// A running `meridian run`.
struct Server {
    process: Child,
    config: PathBuf,
}

impl Server {
    /// Returns when it answers `status`.
    fn start(config: PathBuf) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["run", "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, config };
        let deadline = Instant::now() + PATIENCE;
        while !server.command(&["status"]) {
            assert!(Instant::now() < deadline, "the server did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn command(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
        command.args(arguments).arg("--config").arg(&self.config);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    /// What all its threads have had of the CPU, those that have ended too.
    fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let behind_the_name = stat.rsplit(')').next().unwrap_or_default();
        let fields = behind_the_name.split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// The resident memory, now and at its highest.
    fn memory(&self) -> Vec<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let lines =
            status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    fn stop(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        self.process.wait().unwrap();
    }
}

/// Time in this thread.
struct Span {
    wall: Instant,
    on_cpu: Duration,
}

impl Span {
    fn begin() -> Self {
        Self { wall: Instant::now(), on_cpu: on_cpu() }
    }

    /// By the clock, and on the CPU, which is the same where nobody else wants it.
    fn end(&self) -> (Duration, Duration) {
        (self.wall.elapsed(), on_cpu() - self.on_cpu)
    }
}

/// What this thread has had of the CPU.
fn on_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

fn row(layout: Layout, what: &str, times: Vec<(Duration, Duration)>) {
    let (mut wall, mut on_cpu): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    wall.sort();
    on_cpu.sort();
    let [min, median, max] = [0, wall.len() / 2, wall.len() - 1].map(|at| wall[at]);
    println!("| {layout} {what} | {min:.1?} | {median:.1?} | {max:.1?} | {:.1?} |", on_cpu[0]);
}

/// A pool with a rule of its own kind among 200; the first pool's goes by the edition.
fn pool(text: &mut String, index: usize, edition: usize) {
    let view = index % VIEWS;
    let country = COUNTRIES[view / AZS.len()];
    let az = AZS[view % AZS.len()].0;
    writeln!(text, "[pool.pool{index}]\ncheck = \"web\"\n[pool.pool{index}.endpoints]").unwrap();
    for (position, (name, _)) in AZS.iter().enumerate() {
        let host = Ipv4Addr::from_bits(0x7f01_0000 + (index * AZS.len() + position) as u32);
        writeln!(text, "{name} = [\"{host}\"]").unwrap();
    }
    let edited = if index == 0 && edition % 2 == 1 { ", \"country:ZW\"" } else { "" };
    let rule = format!("clients = [\"country:{country}\"{edited}]\nprefer = [\"{az}\"]");
    writeln!(text, "[[pool.pool{index}.rules]]\n{rule}").unwrap();
}

const ZONE: &str = "\
$TTL 1h
@   IN SOA ns1 hostmaster 2026112401 2h 30m 2w 30
    IN NS  ns1
    IN MX  10 mail
ns1 IN A   192.0.2.53
mail IN A  192.0.2.25
";

const CHECK: &str = "[check.web]\ntype = \"http\"\nport = 9\ninterval = \"1h\"\n";
