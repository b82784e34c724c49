//! A snapshot that answers cookies, asked at times of the test's choice.

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use meridian::answer::{Answer, Request, Snapshot, answer};
use meridian::time::Wall;
use meridian::wire::{Secret, Secrets};

use super::Ask;

/// What gives and takes cookies.
pub(crate) struct Baker {
    pub(crate) snapshot: Snapshot,
}

/// A response to a query with or without a cookie.
pub(crate) struct Baked {
    pub(crate) answer: Answer,
    pub(crate) response: Vec<u8>,
    /// What the response's Cookie option holds.
    pub(crate) cookie: Option<Vec<u8>>,
}

/// The client cookie of most tests.
pub(crate) const CLIENT: &[u8] = b"clientco";

impl Baker {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self::with_secrets(snapshot, &["000102030405060708090a0b0c0d0e0f"])
    }

    /// The first secret makes cookies.
    pub(crate) fn with_secrets(mut snapshot: Snapshot, secrets: &[&str]) -> Self {
        let mut secrets = secrets.iter().map(|digits| Secret::new(hex(digits).try_into().unwrap()));
        let first = secrets.next().unwrap();
        snapshot.cookies = Some(Arc::new(Secrets::new(first, secrets.collect())));
        Self { snapshot }
    }

    /// Asks as [`Ask::new`] has it, with this cookie, so many seconds after 1970.
    pub(crate) fn ask(&self, question: &str, cookie: &[u8], seconds: u64) -> Baked {
        self.send(&with_cookie(Ask::new(question), cookie), seconds)
    }

    pub(crate) fn send(&self, ask: &Ask, seconds: u64) -> Baked {
        self.send_message(ask, &ask.message(), seconds)
    }

    /// Sends `message` from where and as `ask` would be sent.
    pub(crate) fn send_message(&self, ask: &Ask, message: &[u8], seconds: u64) -> Baked {
        let now = Wall::from_epoch(Duration::from_secs(seconds));
        let request = Request { message, peer: ask.peer, transport: ask.transport, now };
        let mut response = vec![0; 65_535];
        let answer = answer(&self.snapshot, &request, &mut response);
        response.truncate(answer.len);
        let cookie = cookie_of(&response);
        Baked { answer, response, cookie }
    }

    /// The cookie that a client at the address of `question` is given.
    pub(crate) fn bake(&self, question: &str, seconds: u64) -> Vec<u8> {
        self.ask(question, CLIENT, seconds).cookie.unwrap()
    }
}

/// With a Cookie option that holds `cookie`.
pub(crate) fn with_cookie(ask: Ask, cookie: &[u8]) -> Ask {
    let options = [&ask.options[..], &[0, 10, 0, cookie.len() as u8], cookie].concat();
    Ask { options, edns: ask.edns.or(Some(1232)), ..ask }
}

/// A query without a question, with this cookie (RFC 7873 section 5.4).
pub(crate) fn bare_query(cookie: &[u8]) -> Vec<u8> {
    let len = cookie.len() as u8;
    let header = [0x12, 0x34, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4 + len, 0, 10, 0, len];
    [&header[..], &opt, cookie].concat()
}

/// What a response's Cookie option holds.
pub(crate) fn cookie_of(response: &[u8]) -> Option<Vec<u8>> {
    let edns = Message::from_vec(response).unwrap().edns?;
    match edns.option(EdnsCode::Cookie)? {
        EdnsOption::Unknown(_, cookie) => Some(cookie.clone()),
        option => panic!("not read as octets: {option:?}"),
    }
}

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let octet = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(octet).collect()
}
