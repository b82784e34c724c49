//! Log lines on their way to standard error, written by a thread of their own: a paused terminal,
//! a full pipe or a journal that hangs must hold up nobody who has something to tell.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Takes lines without waiting. Those that find the queue full are lost, and counted.
#[derive(Debug)]
pub(super) struct Lines {
    queue: SyncSender<Item>,
    lost: Arc<AtomicU64>,
}

/// Waits when dropped, within reason, until the lines so far are written.
#[derive(Debug)]
#[must_use = "lines that are not written when the process ends are lost"]
pub struct Flush(SyncSender<Item>);

#[derive(Debug)]
enum Item {
    Line(Vec<u8>),
    /// Told once everything before it is written.
    Mark(mpsc::Sender<()>),
}

/// Lines that may wait: those of a fault in every file of a large installation.
const QUEUE: usize = 4096;
/// How long the end of the process waits for the lines.
const PATIENCE: Duration = Duration::from_secs(1);

impl Lines {
    /// Starts the thread, which ends with the process.
    pub(super) fn spawn(mut target: impl Write + Send + 'static) -> io::Result<(Self, Flush)> {
        let (queue, items) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let losses = Arc::clone(&lost);
        let run = move || run(&items, &mut target, &losses);
        thread::Builder::new().name("log".into()).spawn(run)?;
        Ok((Self { queue: queue.clone(), lost }, Flush(queue)))
    }
}

/// Each call is one line: so the formatter writes.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Item::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let (mark, written) = mpsc::channel();
        // Where the queue is full nobody reads, and waiting is vain.
        if self.0.try_send(Item::Mark(mark)).is_ok() {
            // They may take longer, and are lost then.
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

fn run(items: &Receiver<Item>, target: &mut impl Write, lost: &AtomicU64) {
    while let Ok(item) = items.recv() {
        // There is nowhere to tell of a failure, and who waited may have lost patience.
        let _ = match item {
            Item::Line(line) => target.write_all(&line).ok(),
            Item::Mark(written) => written.send(()).ok(),
        };
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "{lost} log lines were lost: nobody read them fast enough");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};

    use super::*;

    #[test]
    fn a_reader_that_pauses_holds_up_nobody() {
        let (mut reader, writer) = pipe().unwrap();
        let (lines, flush) = Lines::spawn(writer).unwrap();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        // Far more than the pipe and the queue hold.
        for _ in 0..10 * QUEUE {
            (&lines).write_all(&line).unwrap();
        }
        drop(flush);
        assert!(lines.lost.load(Ordering::Relaxed) > 0);
        let mut first = [0; 1024];
        reader.read_exact(&mut first).unwrap();
        assert_eq!(first[..], line[..]);
    }

    #[test]
    fn lines_are_written_in_order_before_the_flush_ends() {
        let (mut reader, writer) = pipe().unwrap();
        let (lines, flush) = Lines::spawn(writer).unwrap();
        (&lines).write_all(b"one\n").unwrap();
        (&lines).write_all(b"two\n").unwrap();
        drop(flush);
        let mut both = [0; 8];
        reader.read_exact(&mut both).unwrap();
        assert_eq!(&both, b"one\ntwo\n");
    }
}
