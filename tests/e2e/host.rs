//! A directory with a server's files, and the commands that are run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::daemon::Daemon;

/// A directory with `meridian.toml`, a database and two static zones, `app.example` and
/// `other.example`. It is deleted with this.
#[derive(Debug)]
pub struct Host {
    directory: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Clients from 1.0.0.0/24 are near Sydney, from 2.0.0.0/16 and 5.0.0.0/8 near Paris, from 7.0.0.0/16
/// near São Paulo, and from 2400:1::/32 near Sydney too.
pub const SERVER: &str = r#"
[server]
listen = ["127.0.0.1:0"]
control = "control.sock"
workers = 2
watch = false
[geoip]
databases = ["city.mmdb"]

[az.sydney]
location = [-33.87, 151.21]
country = "AU"

[az.paris]
location = [48.86, 2.35]
country = "FR"

[az.saopaulo]
location = [-23.55, -46.63]
country = "BR"
"#;

/// Makes a database say that it was built so many seconds after 1970.
pub fn set_built(database: &mut [u8], seconds: u32) {
    let key = b"build_epoch";
    let key_at = database.windows(key.len()).position(|window| window == key).unwrap();
    // Two octets say that four octets of a 64-bit number follow.
    let at = key_at + key.len() + 2;
    database[at..at + 4].copy_from_slice(&seconds.to_be_bytes());
}

pub const APP: &str = r#"
$TTL 1h
@     IN SOA ns1 hostmaster 1 2h 30m 2w 30
      IN NS  ns1
ns1   IN A   198.51.100.53
text  IN TXT "first"
"#;

pub const OTHER: &str = r#"
$TTL 1h
@     IN SOA ns1 hostmaster 1 2h 30m 2w 30
      IN NS  ns1
ns1   IN A   198.51.100.53
text  IN TXT "first"
"#;

impl Host {
    pub fn new() -> Self {
        let host = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(host.path("zones")).unwrap();
        host.database("city.mmdb", "city.mmdb");
        host.write("meridian.toml", SERVER);
        host.write("zones/app.example.zone", APP);
        host.write("zones/other.example.zone", OTHER);
        host
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Replaces a file, as editors do: whole.
    pub fn write(&self, path: &str, text: &str) {
        self.replace(path, text.as_bytes());
    }

    /// Adds `more` to the end of a file.
    pub fn append(&self, path: &str, more: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        self.write(path, &(text + more));
    }

    /// Replaces `before` in a file, where it must stand.
    pub fn edit(&self, path: &str, before: &str, after: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(before), "{path} lacks {before:?}:\n{text}");
        self.write(path, &text.replace(before, after));
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    /// Puts the database `fixture` at `path`, built so late that no test sees it old.
    pub fn database(&self, path: &str, fixture: &str) {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mmdb");
        let mut database = fs::read(fixtures.join(fixture)).unwrap();
        set_built(&mut database, 2_100_000_000);
        self.replace(path, &database);
    }

    pub fn replace(&self, path: &str, bytes: &[u8]) {
        let (new, path) = (self.path("new"), self.path(path));
        fs::write(&new, bytes).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Has the daemon read files that change unasked, which it does unless it is told not to.
    pub fn watched(self) -> Self {
        self.edit("meridian.toml", "watch = false", "");
        self
    }

    /// Starts the daemon and waits until it serves.
    pub fn start(&self) -> Daemon {
        Daemon::serving(self.command(&["run"]))
    }

    /// Starts the daemon, whatever will become of it.
    pub fn launch(&self) -> Daemon {
        Daemon::launch(self.command(&["run"]))
    }

    /// Runs a command of meridian's in the directory.
    pub fn meridian(&self, arguments: &[&str]) -> Ended {
        let ended = self.command(arguments).stdin(Stdio::null()).output().unwrap();
        Ended {
            code: ended.status.code(),
            out: String::from_utf8(ended.stdout).unwrap(),
            err: String::from_utf8(ended.stderr).unwrap(),
        }
    }

    /// A command of meridian's, to be run in the directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        // What a service manager around the tests says is not meant for this daemon.
        for name in [
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "STATE_DIRECTORY",
            "RUNTIME_DIRECTORY",
            "LISTEN_PID",
            "LISTEN_FDS",
            "LISTEN_FDNAMES",
        ] {
            command.env_remove(name);
        }
        command
    }
}

impl Ended {
    /// What it printed, if it succeeded.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// What it said on standard error, if it ended with `code`.
    #[track_caller]
    pub fn failure(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.err
    }
}
