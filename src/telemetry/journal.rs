//! Log lines as entries of the systemd journal, with their priority and fields, where standard
//! error is the journal: `journalctl -p warning MERIDIAN_AZ=mumbai`.
//!
//! An entry is one datagram in the journal's native protocol: fields as `NAME=value` and a line
//! feed, or, where the value has line feeds, the name, a line feed, the length as 64 bits in little
//! endian, the value and a line feed.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::sys::stat::fstat;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::lines::Lines;

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// The journal as a place that whole entries are written to. Not connected, so that it finds a
/// journal that took the place of another.
#[derive(Debug)]
pub(super) struct Journal {
    datagrams: UnixDatagram,
    path: PathBuf,
}

impl Journal {
    /// The journal that listens at `path`, if one does.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        UnixDatagram::unbound()?.connect(path)?;
        Ok(Self { datagrams: UnixDatagram::unbound()?, path: path.into() })
    }
}

/// Each call sends one entry.
impl Write for Journal {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.datagrams.send_to(entry, &self.path)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether `errors` is the stream that `JOURNAL_STREAM` names by device and inode: a process can have
/// inherited the variable and have its errors sent elsewhere.
pub(super) fn is_led_to_by(errors: &impl AsFd, journal_stream: &str) -> bool {
    fstat(errors).is_ok_and(|stat| format!("{}:{}", stat.st_dev, stat.st_ino) == journal_stream)
}

/// Makes an entry of each event.
pub(super) struct Entries<L>(pub(super) L);

impl<S, L> Layer<S> for Entries<L>
where
    S: Subscriber,
    L: AsRef<Lines> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut entry = Entry(Vec::with_capacity(256));
        entry.put("PRIORITY", priority(*event.metadata().level()));
        entry.put("SYSLOG_IDENTIFIER", "meridian");
        entry.put("MERIDIAN_TARGET", event.metadata().target());
        event.record(&mut entry);
        // What finds the queue full is lost and counted there.
        let _ = self.0.as_ref().write(&entry.0);
    }
}

/// The fields of an entry as they are sent.
struct Entry(Vec<u8>);

impl Entry {
    fn put(&mut self, name: &str, value: &str) {
        self.0.extend(name.bytes());
        if value.contains('\n') {
            self.0.push(b'\n');
            self.0.extend((value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend(value.bytes());
        self.0.push(b'\n');
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.put("MESSAGE", value),
            name => self.put(&format!("MERIDIAN_{}", name.to_ascii_uppercase()), value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }
}

/// syslog's number (RFC 5424 section 6.2.1).
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// The entry that the journal gets when `tell` logs.
    fn entry(tell: impl FnOnce()) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let (lines, flush) = Lines::spawn(Journal::at(&path).unwrap()).unwrap();
        let subscriber = tracing_subscriber::registry().with(Entries(Arc::new(lines)));
        tracing::subscriber::with_default(subscriber, tell);
        drop(flush);
        let mut entry = [0; 1024];
        let length = journal.recv(&mut entry).unwrap();
        String::from_utf8(entry[..length].to_vec()).unwrap()
    }

    #[test]
    fn an_entry_has_its_priority_and_every_field() {
        let told = entry(|| tracing::warn!(az = "mumbai", generation = 5, "mumbai is out"));
        let target = module_path!();
        assert_eq!(
            told,
            format!(
                "PRIORITY=4\nSYSLOG_IDENTIFIER=meridian\nMERIDIAN_TARGET={target}\n\
                 MESSAGE=mumbai is out\nMERIDIAN_AZ=mumbai\nMERIDIAN_GENERATION=5\n"
            )
        );
    }

    #[test]
    fn a_value_of_several_lines_is_one_field() {
        let told = entry(|| tracing::error!("{}", "one\nPRIORITY=0"));
        assert!(told.ends_with("\nMESSAGE\n\u{e}\0\0\0\0\0\0\0one\nPRIORITY=0\n"), "{told:?}");
    }

    #[test]
    fn a_journal_that_took_the_place_of_another_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let first = UnixDatagram::bind(&path).unwrap();
        let mut journal = Journal::at(&path).unwrap();
        drop(first);
        journal.write_all(b"MESSAGE=lost\n").unwrap_err();
        std::fs::remove_file(&path).unwrap();
        let second = UnixDatagram::bind(&path).unwrap();
        journal.write_all(b"MESSAGE=found\n").unwrap();
        let mut entry = [0; 64];
        let length = second.recv(&mut entry).unwrap();
        assert_eq!(&entry[..length], b"MESSAGE=found\n");
    }

    #[test]
    fn the_stream_is_known_by_device_and_inode() {
        let file = tempfile::tempfile().unwrap();
        let stat = fstat(&file).unwrap();
        assert!(is_led_to_by(&file, &format!("{}:{}", stat.st_dev, stat.st_ino)));
    }

    #[test]
    fn another_stream_is_not_the_journal() {
        let file = tempfile::tempfile().unwrap();
        assert!(!is_led_to_by(&file, "0:0"));
        assert!(!is_led_to_by(&file, ""));
    }
}
