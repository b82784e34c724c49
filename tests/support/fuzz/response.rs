//! What every response owes its query, whatever is in the zones.

use std::cell::RefCell;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use meridian::answer::{Answer, Kind, Request, Snapshot, Transport, answer};

use super::memory::allocations;

/// Asks `snapshot`, and asserts what the response owes; `None` where there is none.
pub fn ask(snapshot: &Snapshot, request: &Request<'_>) -> Option<Response> {
    let [(answer, octets), again] = [0, 0xff].map(|before| {
        ROOM.with_borrow_mut(|room| {
            room.fill(before);
            let (answered, allocated) = allocations(|| answer(snapshot, request, room));
            assert_eq!(allocated, 0, "allocations");
            (answered, room[..answered.len].to_vec())
        })
    });
    assert_eq!((answer, &octets), (again.0, &again.1), "the same query again, into other octets");
    if octets.is_empty() {
        let is_response = request.message.get(2).is_none_or(|flags| flags & 0x80 != 0);
        assert!(request.message.len() < HEADER || is_response, "a query got no response");
        return None;
    }
    let response = Response { message: read(&octets), octets, answer };
    response.check(snapshot, request);
    Some(response)
}

thread_local! {
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; 65_535]);
}

/// A response, and what was answered.
pub struct Response {
    pub octets: Vec<u8>,
    pub message: Message,
    pub answer: Answer,
}

impl Response {
    /// Whether it is cut short.
    pub fn is_truncated(&self) -> bool {
        self.octets[2] & 2 != 0
    }

    fn check(&self, snapshot: &Snapshot, request: &Request<'_>) {
        let (query, response) = (request.message, &self.octets[..]);
        let limit = match request.transport {
            Transport::Tcp => 65_535,
            Transport::Udp => match Message::from_vec(query).ok().and_then(|query| query.edns) {
                Some(edns) => usize::from(edns.max_payload().clamp(512, udp_payload(snapshot))),
                // What can't be read here may have an OPT record all the same.
                None if self.message.edns.is_some() => usize::from(udp_payload(snapshot)),
                None => 512,
            },
        };
        assert!(response.len() <= limit, "{} octets of {limit}", response.len());
        assert!(response.len() >= HEADER && query.len() >= HEADER);
        assert_eq!(response[..2], query[..2], "the id");
        assert_eq!(response[2] & 0xf9, query[2] & 0x79 | 0x80, "QR, OPCODE and RD");
        assert_eq!(response[3] & 0xc0, 0, "RA and Z");
        self.check_question(query);
        self.check_edns(snapshot, request);
        if self.is_truncated() {
            assert_eq!(request.transport, Transport::Udp, "TC over TCP");
            assert_eq!(self.answer.kind, Kind::Truncated);
        }
        self.check_negative(query);
    }

    /// The question is echoed bit for bit, unless it could not be read.
    fn check_question(&self, query: &[u8]) {
        let counts = [&query[4..6], &self.octets[4..6]].map(|count| [count[0], count[1]]);
        match (self.message.queries.len(), question_len(query)) {
            (0, len) => {
                assert!(self.octets[3] & 0x0f != 0 || counts[0] == [0, 0], "no question: {len:?}");
            }
            (1, Some(len)) => {
                assert_eq!(counts[0], [0, 1]);
                assert_eq!(self.octets[HEADER..][..len], query[HEADER..][..len], "the question");
            }
            (count, len) => panic!("{count} questions echoed of one of {len:?} octets"),
        }
    }

    /// An OPT record answers one, and its Client Subnet the query's (RFC 7871 section 7.2.1).
    fn check_edns(&self, snapshot: &Snapshot, request: &Request<'_>) {
        let has_additional = request.message[10..12] != [0, 0];
        let of_response = self.message.edns.as_ref();
        assert!(has_additional || of_response.is_none(), "OPT unasked");
        let Ok(query) = Message::from_vec(request.message) else { return };
        let opts =
            self.message.all_sections().filter(|record| record.record_type() == RecordType::OPT);
        assert_eq!(opts.count(), 0, "OPT among the records");
        let answered = subnet(&self.message);
        if let Some(answered) = &answered {
            let asked = subnet(&query).expect("a Client Subnet unasked");
            assert_eq!(asked.addr(), answered.addr());
            assert_eq!(asked.source_prefix(), answered.source_prefix());
            let longest = if answered.addr().is_ipv4() { 32 } else { 128 };
            assert!(answered.scope_prefix() <= longest, "scope {}", answered.scope_prefix());
            assert!(snapshot.answering.ecs.covers(request.peer), "a Client Subnet not honoured");
        }
    }

    /// What is not there is told with the zone's SOA or the servers of another (RFC 2308 section 2).
    fn check_negative(&self, query: &[u8]) {
        let is_negative = matches!(self.answer.kind, Kind::NoData | Kind::NoName | Kind::Referral);
        let class = question_len(query).map(|len| &query[HEADER + len - 2..][..2]);
        if !is_negative || class != Some(&[0, 1]) || self.is_truncated() {
            return;
        }
        let wanted = match self.answer.kind {
            Kind::Referral => RecordType::NS,
            _ => RecordType::SOA,
        };
        let mut authorities = self.message.authorities.iter();
        assert!(authorities.any(|record| record.record_type() == wanted), "no {wanted}");
    }
}

/// The whole of `octets`, by another library. That refuses a Client Subnet of family 0, which is
/// what a query has that hides its client from BIND's tools on.
fn read(octets: &[u8]) -> Message {
    let mut octets = octets.to_vec();
    if Message::from_vec(&octets).is_err()
        && let Some(at) = octets.windows(8).rposition(|option| option == HIDDEN_CLIENT)
    {
        octets[at + 5] = 1;
    }
    let mut decoder = BinDecoder::new(&octets);
    let message =
        Message::read(&mut decoder).unwrap_or_else(|error| panic!("{error}: {octets:x?}"));
    assert!(decoder.is_empty(), "octets after the last record");
    message
}

fn subnet(message: &Message) -> Option<&ClientSubnet> {
    match message.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(subnet),
        _ => None,
    }
}

/// The length of a question that stands after the header in full; its name is not compressed.
fn question_len(message: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    loop {
        match *message.get(at)? {
            0 => break,
            len @ 1..=63 => at += 1 + usize::from(len),
            64.. => return None,
        }
    }
    let len = at + 5 - HEADER;
    (len <= 259 && message.len() >= HEADER + len).then_some(len)
}

fn udp_payload(snapshot: &Snapshot) -> u16 {
    snapshot.answering.udp_payload
}

const HEADER: usize = 12;
/// Code, length, family, prefix lengths.
const HIDDEN_CLIENT: [u8; 8] = [0, 8, 0, 4, 0, 0, 0, 0];
