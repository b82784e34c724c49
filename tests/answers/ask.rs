//! Questions as `dig` takes them, and responses as text. What asks from this host is asked of the
//! answering function and over a socket: both must give the same octets.

use std::net::{IpAddr, Ipv4Addr};

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{RData, Record, RecordType};
use ipnet::IpNet;
use meridian::answer::{Answer, Request, Snapshot, Transport, answer};
use meridian::time::Wall;
use meridian::wire;

use super::server::ask_over_a_socket;

/// A question and the ways of asking it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) name: String,
    pub(crate) rtype: wire::RecordType,
    pub(crate) class: u16,
    pub(crate) id: u16,
    pub(crate) peer: IpAddr,
    pub(crate) transport: Transport,
    /// The payload that an OPT record states.
    pub(crate) edns: Option<u16>,
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
    pub(crate) subnet: Option<IpNet>,
    /// Octets of options, after that for the subnet.
    pub(crate) options: Vec<u8>,
}

impl Ask {
    /// `name type [+edns[=payload]] [+do] [+tcp] [+id=n] [+from=address] [+subnet=network]`, from
    /// 127.0.0.1 by UDP where nothing else is said.
    pub(crate) fn new(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let mut ask = Self {
            name: words.next().unwrap().into(),
            rtype: wire::RecordType::from_text(words.next().unwrap()).unwrap(),
            class: wire::CLASS_IN,
            id: 0x1234,
            peer: Ipv4Addr::LOCALHOST.into(),
            transport: Transport::Udp,
            edns: None,
            version: 0,
            dnssec_ok: false,
            subnet: None,
            options: vec![],
        };
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("+edns", "") => ask.edns = Some(1232),
                ("+edns", payload) => ask.edns = Some(payload.parse().unwrap()),
                ("+version", version) => {
                    ask.version = version.parse().unwrap();
                    ask.edns = Some(1232);
                }
                ("+do", _) => {
                    ask.dnssec_ok = true;
                    ask.edns = Some(1232);
                }
                ("+tcp", _) => ask.transport = Transport::Tcp,
                ("+id", id) => ask.id = id.parse().unwrap(),
                ("+from", peer) => ask.peer = peer.parse().unwrap(),
                ("+subnet", subnet) => {
                    ask.subnet = Some(subnet.parse().unwrap());
                    ask.edns = ask.edns.or(Some(1232));
                }
                _ => panic!("unknown way of asking: {word}"),
            }
        }
        ask
    }

    /// The query.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut message = self.id.to_be_bytes().to_vec();
        message.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(self.edns.is_some())]);
        let name = wire::Name::from_text(self.name.as_bytes(), &wire::Name::root()).unwrap();
        message.extend_from_slice(name.as_wire());
        message.extend(self.rtype.0.to_be_bytes());
        message.extend(self.class.to_be_bytes());
        let Some(payload) = self.edns else { return message };
        let options = [self.subnet.map(subnet_option).unwrap_or_default(), self.options.clone()];
        let options = options.concat();
        message.extend([0, 0, 41]);
        message.extend(payload.to_be_bytes());
        message.extend([0, self.version, u8::from(self.dnssec_ok) << 7, 0]);
        message.extend((options.len() as u16).to_be_bytes());
        message.extend(options);
        message
    }

    /// Asks `snapshot`, over a socket too if the peer is 127.0.0.1. What every response to a question
    /// owes is asserted here.
    pub(crate) fn of(&self, snapshot: &Snapshot) -> (Answer, Vec<u8>) {
        let message = self.message();
        let request = Request {
            message: &message,
            peer: self.peer,
            transport: self.transport,
            now: Wall::default(),
        };
        let mut out = vec![0; 65_535];
        let answer = answer(snapshot, &request, &mut out);
        out.truncate(answer.len);
        assert_eq!(out[..2], message[..2], "the id");
        assert_eq!(out[2] & 0x80, 0x80, "QR");
        assert_eq!(out[12..][..self.question_len()], message[12..][..self.question_len()]);
        if self.peer == Ipv4Addr::LOCALHOST {
            let received = ask_over_a_socket(snapshot, self.transport, &message);
            assert_eq!(received, out, "what came over a socket, and what the function gave");
        }
        (answer, out)
    }

    fn question_len(&self) -> usize {
        wire::Name::from_text(self.name.as_bytes(), &wire::Name::root()).unwrap().as_wire().len()
            + 4
    }
}

/// The Client Subnet option with only the octets that the prefix needs.
fn subnet_option(subnet: IpNet) -> Vec<u8> {
    let (family, octets) = match subnet.network() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    let address = &octets[..usize::from(subnet.prefix_len()).div_ceil(8)];
    let head = [0, 8, 0, 4 + address.len() as u8, 0, family, subnet.prefix_len(), 0];
    [&head, address].concat()
}

/// Asserts that the answer to `question` is `expected`, whose lines may be indented.
#[track_caller]
pub(crate) fn check(snapshot: &Snapshot, question: &str, expected: &str) {
    let (_, response) = Ask::new(question).of(snapshot);
    let expected: Vec<_> =
        expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(show(&response), expected.join("\n"), "{question}");
}

/// A response: its code, the flags that are set, what EDNS says, and a line for each record, by
/// section (`an`, `ns`, `ar`).
pub(crate) fn show(response: &[u8]) -> String {
    let message = Message::from_vec(response).unwrap();
    let extended = message.edns.as_ref().map_or(0, |edns| edns.rcode_high());
    let rcode = u16::from(extended) << 4 | u16::from(response[3] & 0x0f);
    let rcodes = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN"];
    let rcode = match rcode {
        16 => "BADVERS",
        23 => "BADCOOKIE",
        rcode => rcodes[usize::from(rcode)],
    };
    let mut text = rcode.to_owned();
    let flags = [("aa", 2, 4), ("tc", 2, 2), ("rd", 2, 1), ("ra", 3, 0x80), ("ad", 3, 0x20)];
    for (flag, octet, bit) in flags {
        if response[octet] & bit != 0 {
            text += &format!(" {flag}");
        }
    }
    if let Some(edns) = &message.edns {
        text += &format!(" edns={}", edns.max_payload());
        if edns.flags().dnssec_ok {
            text += " do";
        }
        if let Some(EdnsOption::Subnet(subnet)) = edns.option(EdnsCode::Subnet) {
            let (source, scope) = (subnet.source_prefix(), subnet.scope_prefix());
            text += &format!(" subnet={}/{source}/{scope}", subnet.addr());
        }
    }
    let sections =
        [("an", &message.answers), ("ns", &message.authorities), ("ar", &message.additionals)];
    for (section, records) in sections {
        for record in records {
            text += &format!("\n{section} {}", show_record(record));
        }
    }
    text
}

fn show_record(record: &Record) -> String {
    let (name, ttl, rtype) = (&record.name, record.ttl, u16::from(record.record_type()));
    let data = match &record.data {
        // A type that hickory-proto leaves undecoded.
        RData::Unknown { rdata, .. } if record.record_type() == RecordType::from(39) => {
            wire::Name::from_wire(&rdata.anything).unwrap().to_string()
        }
        RData::Unknown { rdata, .. } => {
            let hex: String = rdata.anything.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("\\# {} {hex}", rdata.anything.len())
        }
        data => data.to_string(),
    };
    let rtype = match rtype {
        13 => "HINFO".to_owned(),
        rtype => wire::RecordType(rtype).to_string(),
    };
    format!("{name} {ttl} {rtype} {}", data.trim_end())
}
