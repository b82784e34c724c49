//! A client of zones that a fault must not touch: it asks all the while, and every answer counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hickory_proto::op::Message;

use super::client::{Client, Connection, answer};
use super::daemon::eventually;

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
