//! A client of zones that a fault must not touch: it asks all the while, and every answer counts.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hickory_proto::op::Message;

use super::client::{Client, Connection, answer, query};
use super::daemon::{PATIENCE, eventually, now};

/// A client at work. It asks one question at a time.
#[derive(Debug)]
pub struct Witness {
    over: Arc<AtomicBool>,
    /// Rounds of all questions.
    rounds: Arc<AtomicUsize>,
    client: JoinHandle<()>,
}

/// Between rounds, so that there is time for what is observed.
const PACE: Duration = Duration::from_millis(2);

/// Questions, and what must be answered.
pub type Answers = &'static [(&'static str, &'static str)];

impl Witness {
    /// Asks over UDP, where no query may be lost, and over TCP, each time by another connection.
    pub fn of(address: SocketAddr, answers: Answers) -> Self {
        Self::asking(
            move |question| {
                let over_tcp = Connection::to(address).ask(question);
                [Client::of(address).ask(question), over_tcp]
            },
            answers,
        )
    }

    /// Asks over UDP again and again until there is an answer: the kernel may have had no room for the
    /// query, among others that come faster than they can be answered.
    pub fn patient(address: SocketAddr, answers: Answers) -> Self {
        Self::asking(move |question| [ask_until_answered(address, question)], answers)
    }

    fn asking<const N: usize>(
        ask: impl Fn(&str) -> [Message; N] + Send + 'static,
        answers: Answers,
    ) -> Self {
        let (over, rounds) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = thread::spawn({
            let (over, rounds) = (over.clone(), rounds.clone());
            move || {
                while !over.load(Ordering::Relaxed) {
                    for (question, expected) in answers {
                        for response in ask(question) {
                            assert_eq!(answer(&response), *expected, "{question}");
                        }
                    }
                    rounds.fetch_add(1, Ordering::Relaxed);
                    thread::park_timeout(PACE);
                }
            }
        });
        let witness = Self { over, rounds, client };
        witness.wait();
        witness
    }

    /// Waits until all questions were asked and answered twice more: once from begin to end since.
    #[track_caller]
    pub fn wait(&self) {
        let before = self.rounds.load(Ordering::Relaxed);
        eventually("the answers of others", || {
            let is_done = self.rounds.load(Ordering::Relaxed) >= before + 2;
            (is_done || self.client.is_finished()).then_some(())
        });
        assert!(!self.client.is_finished(), "an answer was wrong");
    }

    /// Ends with every answer right.
    #[track_caller]
    pub fn assert_all_right(self) {
        self.over.store(true, Ordering::Relaxed);
        self.client.join().unwrap();
    }
}

fn ask_until_answered(address: SocketAddr, question: &str) -> Message {
    let socket = UdpSocket::bind((ELSEWHERE, 0)).unwrap();
    socket.set_read_timeout(Some(AGAIN)).unwrap();
    socket.connect(address).unwrap();
    let question = query(question).to_vec().unwrap();
    let deadline = now() + PATIENCE;
    let mut response = [0; 4096];
    while now() < deadline {
        socket.send(&question).unwrap();
        if let Ok(len) = socket.recv(&mut response) {
            return Message::from_vec(&response[..len]).unwrap();
        }
    }
    panic!("no answer");
}

/// When a resolver would ask again.
const AGAIN: Duration = Duration::from_millis(500);
/// Not in the network of those who flood, which a server may well hold against all of it.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 9, 9, 9);
