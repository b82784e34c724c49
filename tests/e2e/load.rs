//! Clients that ask over UDP without pause and count every query.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::client::query;
use super::daemon::{PATIENCE, eventually, now};

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Counts>>,
}

/// What became of their queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub sent: usize,
    pub answered: usize,
    /// The longest that one of those that were answered took.
    pub longest: Duration,
}

const CLIENTS: usize = 4;
/// Queries under way of one client. So few that no buffer is too small for all of them.
const WINDOW: usize = 16;

impl Load {
    /// Clients that wait for each answer as long as anything may take.
    pub fn on(address: SocketAddr) -> Self {
        Self::waiting(address, PATIENCE)
    }

    /// Clients that give an answer up after some seconds.
    pub fn impatient(address: SocketAddr) -> Self {
        Self::waiting(address, PATIENCE / 6)
    }

    fn waiting(address: SocketAddr, patience: Duration) -> Self {
        let (over, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |_| {
            let (over, answered) = (over.clone(), answered.clone());
            thread::spawn(move || client(address, patience, &over, &answered))
        };
        let clients = (0..CLIENTS).map(client).collect();
        let load = Self { over, answered, clients };
        load.wait_for(CLIENTS * WINDOW);
        load
    }

    /// Waits until so many more queries are answered.
    #[track_caller]
    pub fn wait_for(&self, more: usize) {
        let before = self.answered.load(Ordering::Relaxed);
        let is_done = || self.answered.load(Ordering::Relaxed) >= before + more;
        eventually("queries are answered", || is_done().then_some(()));
    }

    /// Stops asking, and waits for the last answers.
    pub fn end(self) -> Counts {
        self.over.store(true, Ordering::Relaxed);
        let mut sum = Counts::default();
        for client in self.clients {
            let Counts { sent, answered, longest } = client.join().unwrap();
            sum.sent += sent;
            sum.answered += answered;
            sum.longest = sum.longest.max(longest);
        }
        sum
    }

    /// Ends with every query answered, each once.
    #[track_caller]
    pub fn assert_lost_none(self) {
        let counts = self.end();
        assert_eq!(counts.sent, counts.answered);
        assert!(counts.sent > 0);
    }
}

/// Each window is another flow, which the kernel may give to another socket of the server's.
fn client(
    address: SocketAddr,
    patience: Duration,
    over: &AtomicBool,
    answered_by_all: &AtomicUsize,
) -> Counts {
    let mut counts = Counts::default();
    let mut question = query("text.app.example TXT").to_vec().unwrap();
    while !over.load(Ordering::Relaxed) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(patience)).unwrap();
        socket.connect(address).unwrap();
        let mut outstanding = vec![];
        let asked_at = now();
        for id in 0..WINDOW as u16 {
            question[..2].copy_from_slice(&id.to_be_bytes());
            // A refusal of the query before would be told here.
            if socket.send(&question).is_ok() {
                outstanding.push(id);
            }
            counts.sent += 1;
        }
        let mut response = [0; 1232];
        while !outstanding.is_empty() {
            let Ok(len) = socket.recv(&mut response) else { break };
            let id = u16::from_be_bytes([response[0], response[1]]);
            let at = outstanding.iter().position(|&of| of == id).expect("an answer to each once");
            outstanding.swap_remove(at);
            // NOERROR, with one record.
            assert!(len > 12 && response[3] & 15 == 0 && response[6..8] == [0, 1]);
            counts.answered += 1;
            counts.longest = counts.longest.max(now() - asked_at);
            answered_by_all.fetch_add(1, Ordering::Relaxed);
        }
    }
    counts
}
