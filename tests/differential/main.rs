//! Static zones against two others: a plain search through their records by RFC 1034 section 4.3.2,
//! from which nothing is excepted, and hickory's Catalog, from which [`known`] says what is.
//!
//! Compared are the code, AA, and each section as a set of records with owner, TTL and data. The
//! zones are random but the same in each run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalog;
mod known;
mod search;
#[path = "../support/world.rs"]
mod world;
mod zones;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use hickory_proto::op::Message;
use hickory_proto::rr::Record;
use hickory_proto::serialize::binary::BinEncodable;
use meridian::answer::{Request, Snapshot, Transport, answer};
use meridian::time::Wall;
use proptest::collection::vec;
use proptest::prelude::ProptestConfig;
use proptest::test_runner::{RngSeed, TestCaseError, TestError, TestRunner};

use catalog::Oracle;
use search::Search;
use world::World;
use zones::{Labels, Question};

/// Worlds of up to five zones, and the questions to each.
const WORLDS: u32 = 500;
const QUESTIONS: usize = 200;

#[test]
fn static_zones_answer_as_two_others_do() {
    let config = ProptestConfig {
        cases: WORLDS,
        failure_persistence: None,
        max_shrink_iters: 500,
        rng_seed: RngSeed::Fixed(4),
        ..ProptestConfig::default()
    };
    let excepted = RefCell::new(BTreeSet::new());
    let strategy = (zones::zones(), vec(zones::question(), QUESTIONS));
    let result = TestRunner::new(config).run(&strategy, |(zones, questions)| {
        let zones = zones::build(&zones);
        let snapshot = World::new(&zones::files(&zones)).snapshot();
        let oracle = Oracle::new(&zones);
        for question in questions.iter().map(|question| question.of(&zones)) {
            let fail = |problem: &str| {
                let files = zones::files(&zones);
                TestCaseError::fail(format!("{question}: {problem}\n{files}"))
            };
            let ours = ask(&snapshot, &question);
            let expected = Search::new(&zones).answer(&question);
            if let Some(difference) = expected.response.difference(&ours) {
                return Err(fail(&format!("not as RFC 1034 section 4.3.2 has it: {difference}")));
            }
            let theirs = oracle.ask(&question);
            match known::compare(&zones, &question, &expected, &theirs) {
                Ok(names) => excepted.borrow_mut().extend(names),
                Err(difference) => return Err(fail(&format!("hickory differs: {difference}"))),
            }
        }
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, _) | TestError::Abort(reason)) => panic!("{reason}"),
    }
    let excepted = excepted.into_inner();
    for known in &known::DIFFERENCES {
        assert!(excepted.contains(known.name), "no longer: {}: {}", known.name, known.reason);
    }
}

/// What two answers must have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Response {
    rcode: u16,
    is_authoritative: bool,
    answer: BTreeSet<Line>,
    authority: BTreeSet<Line>,
    additional: BTreeSet<Line>,
}

/// A record: owner, TTL, type, and data with its names in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    owner: Labels,
    ttl: u32,
    rtype: u16,
    data: Vec<u8>,
}

impl Line {
    fn new(record: &Record) -> Self {
        Self {
            owner: zones::labels_of(&record.name),
            ttl: record.ttl,
            rtype: record.record_type().into(),
            data: record.data.to_bytes().unwrap().to_ascii_lowercase(),
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (owner, data) = (zones::text(&self.owner), self.data.escape_ascii());
        write!(f, "{owner} {} TYPE{} {data}", self.ttl, self.rtype)
    }
}

impl Response {
    fn new(message: &Message) -> Self {
        let set = |records: &[Record]| records.iter().map(Line::new).collect();
        Self {
            rcode: message.metadata.response_code.into(),
            is_authoritative: message.metadata.authoritative,
            answer: set(&message.answers),
            authority: set(&message.authorities),
            additional: set(&message.additionals),
        }
    }

    /// What `other` has otherwise, if anything.
    fn difference(&self, other: &Self) -> Option<String> {
        (self != other).then(|| format!("expected {self:#?}, not {other:#?}"))
    }
}

fn ask(snapshot: &Snapshot, question: &Question) -> Response {
    let message = question.message();
    let request = Request {
        message: &message,
        peer: "192.0.2.99".parse().unwrap(),
        transport: Transport::Tcp,
        now: Wall::default(),
    };
    let mut out = vec![0; 65_535];
    let answered = answer(snapshot, &request, &mut out);
    let message = Message::from_vec(&out[..answered.len]).unwrap();
    let response = Response::new(&message);
    assert!(response.answer.len() == message.answers.len(), "{question}: twice in {message}");
    response
}
