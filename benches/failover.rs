//! How fast clients are moved: kills an az's real HTTP server under a real `meridian demo`, asks as
//! clients in six countries, and times the first answer with another az.
//!
//! `cargo bench --bench failover` runs ten rounds at the default intervals and ten at 100 ms. Each
//! round kills at another point between two probes.
#![allow(clippy::unwrap_used, reason = "what can't be set up has failed the benchmark")]
#![allow(clippy::print_stdout, reason = "the table is the result")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A client's country and its /24; the lost az is nearest to the first.
const CLIENTS: [(&str, [u8; 3]); 6] = [
    ("India", [49, 36, 10]),
    ("Singapore", [202, 166, 0]),
    ("Germany", [91, 0, 0]),
    ("United States", [71, 163, 0]),
    ("Brazil", [177, 32, 0]),
    ("Australia", [1, 128, 0]),
];
const LOST: &str = "mumbai";
/// Az n has 127.0.1.n.
const AZS: [(&str, &str); 6] = [
    ("mumbai", "[19.08, 72.88]"),
    ("singapore", "[1.35, 103.82]"),
    ("frankfurt", "[50.11, 8.68]"),
    ("virginia", "[39.04, -77.49]"),
    ("saopaulo", "[-23.55, -46.63]"),
    ("sydney", "[-33.87, 151.21]"),
];
const ROUNDS: u32 = 10;
/// Between two questions of the same client.
const POLL: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let defaults = "";
    let fast = "interval = \"100ms\"\ntimeout = \"100ms\"\nfast_interval = \"100ms\"\n";
    measure("the default intervals (2 s, fast 500 ms, fall 3)", defaults, Duration::from_secs(2));
    measure("interval, fast_interval and timeout of 100 ms", fast, Duration::from_millis(100));
}

fn measure(title: &str, check: &str, interval: Duration) {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    write_files(directory.path(), port, check);
    let mut demo = Demo::start(directory.path());
    let clients: Vec<_> = CLIENTS.iter().map(|(_, subnet)| Client::new(port, *subnet)).collect();
    let ask_all = || clients.iter().map(Client::ask).collect::<Vec<_>>();
    let first = &clients[0];
    let (mut lost, mut returned) = (vec![], vec![]);
    let mut seen = vec![];
    for round in 0..ROUNDS {
        first.wait_for(|az| az == LOST);
        sleep(interval * round / ROUNDS);
        let before = ask_all();
        let death = Instant::now();
        demo.switch(LOST, "stop");
        first.wait_for(|az| az != LOST);
        lost.push(death.elapsed().as_secs_f64());
        let during = ask_all();
        let restart = Instant::now();
        demo.switch(LOST, "start");
        first.wait_for(|az| az == LOST);
        returned.push(restart.elapsed().as_secs_f64());
        seen.push([before, during, ask_all()]);
    }
    demo.stop();
    assert!(seen.iter().all(|round| *round == seen[0]), "rounds differ: {seen:?}");

    println!("\n## {title}\n\n| client | before | during | after |\n|---|---|---|---|");
    let [before, during, after] = &seen[0];
    for (index, (country, _)) in CLIENTS.iter().enumerate() {
        println!("| {country} | {} | {} | {} |", before[index], during[index], after[index]);
    }
    println!("\n| {ROUNDS} rounds | min s | median s | max s |\n|---|---|---|---|");
    row("death to the first answer with another az", lost);
    row("restart to the first answer with the az again (hold 3 s)", returned);
}

fn row(what: &str, mut seconds: Vec<f64>) {
    seconds.sort_by(f64::total_cmp);
    let median = f64::midpoint(seconds[(seconds.len() - 1) / 2], seconds[seconds.len() / 2]);
    let (min, max) = (seconds[0], seconds[seconds.len() - 1]);
    println!("| {what} | {min:.2} | {median:.2} | {max:.2} |");
}

fn write_files(directory: &Path, port: u16, check: &str) {
    let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/world.mmdb");
    let mut server = format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\"]\n[geoip]\ndatabases = [{:?}]\n",
        database.display().to_string()
    );
    let http = free_port();
    let mut policy = format!(
        "[names]\nwww = \"web\"\n[check.web]\ntype = \"http\"\nport = {http}\npath = \"/healthz\"\n\
         suppress = 0\n{check}[pool.web]\ncheck = \"web\"\nhold = \"3s\"\n[pool.web.endpoints]\n"
    );
    for ((name, location), host) in AZS.iter().zip(1..) {
        server.push_str(&format!("[az.{name}]\nlocation = {location}\n"));
        policy.push_str(&format!("{name} = [\"127.0.1.{host}\"]\n"));
    }
    fs::create_dir(directory.join("zones")).unwrap();
    fs::write(directory.join("meridian.toml"), server).unwrap();
    fs::write(directory.join("zones/app.example.toml"), policy).unwrap();
    let zone =
        "$TTL 1h\n@ IN SOA ns1 hostmaster 1 2h 30m 2w 30\n  IN NS ns1\nns1 IN A 192.0.2.53\n";
    fs::write(directory.join("zones/app.example.zone"), zone).unwrap();
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running `meridian demo`.
struct Demo {
    process: Child,
    socket: std::path::PathBuf,
}

impl Demo {
    fn start(directory: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["demo", "--config"])
            .arg(directory.join("meridian.toml"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.map_while(Result::ok).any(|line| line.contains("Ctrl-C"));
        assert!(ready, "the demo did not start");
        Self { process, socket: directory.join("control.sock") }
    }

    /// Kills or starts an az's server; returns once that is done.
    fn switch(&mut self, az: &str, verb: &str) {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let head =
            format!("POST /demo/{az}/{verb} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }

    fn stop(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        self.process.wait().unwrap();
    }
}

/// Asks for www.app.example with one client subnet.
struct Client {
    socket: UdpSocket,
    query: Vec<u8>,
}

impl Client {
    fn new(port: u16, subnet: [u8; 3]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut query =
            b"\x12\x34\0\0\0\x01\0\0\0\0\0\x01\x03www\x03app\x07example\0\0\x01\0\x01".to_vec();
        query.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0\x0b\0\x08\0\x07\0\x01\x18\0");
        query.extend_from_slice(&subnet);
        Self { socket, query }
    }

    /// Asks until the answer's az satisfies `is_it`; returns that.
    fn wait_for(&self, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let az = self.ask();
            if is_it(&az) {
                return az;
            }
            assert!(Instant::now() < deadline, "still {az}");
            sleep(POLL);
        }
    }

    fn ask(&self) -> String {
        self.socket.send(&self.query).unwrap();
        let mut answer = [0; 512];
        let len = self.socket.recv(&mut answer).unwrap();
        // The only address record follows the question: its data ends 16 octets behind it.
        let question = 12 + 17 + 4;
        assert!(len >= question + 16 && answer[7] == 1, "no address in the answer");
        AZS[usize::from(answer[question + 15]) - 1].0.into()
    }
}
