//! Parses a query as it came from the network, without copying more than its name.
//!
//! [`Query::parse`] accepts any bytes. It reads the header, the one question and the EDNS options
//! that matter, and tells apart what must be dropped (it may be a reflected response) and what gets
//! an error: with the question echoed where there is one that can be read, and with OPT where that
//! can be.

use super::edns::{Edns, Malformed, skip_questions};
use super::qname::Qname;
use super::rr::{Rcode, RecordType};
use super::tsig::Tsig;

/// The length of a message header (RFC 1035 section 4.1.1).
pub const HEADER: usize = 12;

/// A query that can be answered; borrows the message.
#[derive(Debug)]
pub struct Query<'a> {
    /// The header and question, as received.
    pub head: Head<'a>,
    /// QTYPE.
    pub qtype: RecordType,
    /// QCLASS.
    pub qclass: u16,
    /// The OPT record, if there is one.
    pub edns: Option<Edns<'a>>,
    /// The TSIG record, if there is one.
    pub tsig: Option<Tsig<'a>>,
}

/// What of a query is echoed in any reply to it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The header, and the question with its case as received; the header alone where the question
    /// can't be read.
    pub bytes: &'a [u8],
}

/// Why a message is not a query that can be answered.
#[derive(Debug)]
pub enum Unanswerable<'a> {
    /// Too short for a header, or a response: silence.
    Drop,
    /// Answered with this code.
    Reply {
        /// The code.
        rcode: Rcode,
        /// What to echo.
        head: Head<'a>,
        /// The OPT record that was read, so that one must be sent (RFC 6891 section 6.1.1).
        edns: Option<Edns<'a>>,
    },
    /// It has no question, and asks for a cookie (RFC 7873 section 5.4).
    Cookie {
        /// What to echo.
        head: Head<'a>,
        /// The OPT record with the client's cookie.
        edns: Edns<'a>,
    },
}

impl Head<'_> {
    /// The ID.
    pub fn id(self) -> u16 {
        match *self.bytes {
            [high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 0,
        }
    }
}

impl<'a> Query<'a> {
    /// Reads `message`; QNAME goes to `qname`, in lower case.
    pub fn parse(message: &'a [u8], qname: &mut Qname) -> Result<Self, Unanswerable<'a>> {
        let Some((header, body)) = message.split_first_chunk::<HEADER>() else {
            return Err(Unanswerable::Drop);
        };
        let [_, _, flags, _, counts @ ..] = *header;
        if flags & 0x80 != 0 {
            return Err(Unanswerable::Drop);
        }
        let [questions, answers, authorities, additional] = sections(counts);
        let bare = Head { bytes: header };
        let question = if questions == 1 { Question::read(body, qname) } else { None };
        let (head, records) = match &question {
            Some(question) => {
                let head = message.get(..HEADER + question.len).unwrap_or(header);
                (Head { bytes: head }, body.get(question.len..))
            }
            None => (bare, skip_questions(body, questions)),
        };
        let before = u32::from(answers) + u32::from(authorities);
        let found = records.ok_or(Malformed { edns: None });
        let found = found.and_then(|rest| Edns::find(rest, before, additional.into()));
        let edns = found.unwrap_or_else(|malformed| malformed.edns);
        let refuse = |rcode| Err(Unanswerable::Reply { rcode, head, edns });
        if flags & 0x78 != 0 {
            return refuse(Rcode::NotImp);
        }
        if questions == 0
            && let Ok(Some(edns)) = found
            && edns.version == 0
            && !edns.malformed
            && edns.cookie.is_some()
        {
            return Err(Unanswerable::Cookie { head, edns });
        }
        let (Some(question), Ok(_)) = (question, found) else { return refuse(Rcode::FormErr) };
        // Few queries have more than OPT.
        let count = before + u32::from(additional);
        let others = records.filter(|_| count > u32::from(edns.is_some()));
        let tsig = others.map(|rest| Tsig::find(rest, before, count, head));
        let Ok(tsig) = tsig.unwrap_or(Ok(None)) else { return refuse(Rcode::FormErr) };
        match edns {
            Some(edns) if edns.version != 0 => refuse(Rcode::BadVers),
            Some(edns) if edns.malformed => refuse(Rcode::FormErr),
            _ => Ok(Self { head, qtype: question.qtype, qclass: question.qclass, edns, tsig }),
        }
    }
}

/// The question behind the header.
struct Question {
    /// In octets, from the name's first to the class's last.
    len: usize,
    qtype: RecordType,
    qclass: u16,
}

impl Question {
    /// Reads it; the name goes to `qname`. `None` if it is cut short or its name has a pointer.
    fn read(body: &[u8], qname: &mut Qname) -> Option<Self> {
        qname.read(body)?;
        let name = qname.as_wire().len();
        let &[t1, t0, c1, c0] = body.get(name..)?.first_chunk::<4>()?;
        let qtype = RecordType(u16::from_be_bytes([t1, t0]));
        Some(Self { len: name + 4, qtype, qclass: u16::from_be_bytes([c1, c0]) })
    }
}

/// QDCOUNT, ANCOUNT, NSCOUNT and ARCOUNT.
fn sections(counts: [u8; 8]) -> [u16; 4] {
    let [qd1, qd0, an1, an0, ns1, ns0, ar1, ar0] = counts;
    [[qd1, qd0], [an1, an0], [ns1, ns0], [ar1, ar0]].map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CLASS_IN;

    const WWW: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03wWw\x07Example\0\0\x01\0\x01";

    fn with(patch: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut message = WWW.to_vec();
        patch(&mut message);
        message
    }

    fn parse(message: &[u8]) -> Result<Query<'_>, Unanswerable<'_>> {
        Query::parse(message, &mut Qname::ROOT.clone())
    }

    fn rcode(message: &[u8]) -> Option<Rcode> {
        match parse(message) {
            Err(Unanswerable::Reply { rcode, .. }) => Some(rcode),
            _ => None,
        }
    }

    #[test]
    fn the_question_is_folded_for_look_up_and_kept_for_the_echo() {
        let mut qname = Qname::ROOT;
        let query = Query::parse(WWW, &mut qname).unwrap();
        assert_eq!(qname.as_wire(), b"\x03www\x07example\0");
        assert_eq!((query.qtype, query.qclass), (RecordType::A, CLASS_IN));
        assert_eq!(query.head.bytes, WWW);
        assert_eq!(query.head.id(), 0x1234);
        assert!(query.edns.is_none());
    }

    #[test]
    fn responses_and_fragments_are_dropped() {
        let response = with(|m| m[2] |= 0x80);
        assert!(matches!(parse(&response), Err(Unanswerable::Drop)));
        for len in 0..HEADER {
            assert!(matches!(parse(&WWW[..len]), Err(Unanswerable::Drop)));
        }
    }

    #[test]
    fn what_is_cut_short_is_a_format_error() {
        for len in HEADER..WWW.len() {
            assert_eq!(rcode(&WWW[..len]), Some(Rcode::FormErr), "{len} octets");
        }
    }

    #[test]
    fn other_opcodes_are_not_implemented_and_one_question_is_required() {
        assert_eq!(rcode(&with(|m| m[2] |= 4 << 3)), Some(Rcode::NotImp));
        assert_eq!(rcode(&with(|m| m[5] = 0)), Some(Rcode::FormErr));
        assert_eq!(rcode(&with(|m| m[5] = 2)), Some(Rcode::FormErr));
    }

    #[test]
    fn an_error_echoes_the_question_and_opt_wherever_they_can_be_read() {
        const OPT: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
        let told = |message: &[u8]| match parse(message) {
            Err(Unanswerable::Reply { head, edns, .. }) => (head.bytes.len(), edns.is_some()),
            other => panic!("{other:?}"),
        };
        let with_opt = |patch: fn(&mut Vec<u8>)| {
            with(|m| {
                m[11] = 1;
                patch(m);
                m.extend(OPT);
            })
        };
        assert_eq!(told(&with_opt(|m| m[2] |= 5 << 3)), (WWW.len(), true), "UPDATE");
        let none = with_opt(|m| {
            m[5] = 0;
            m.truncate(HEADER);
        });
        assert_eq!(told(&none), (HEADER, true), "no question");
        let two = with_opt(|m| {
            m[5] = 2;
            m.extend(b"\xc0\x0c\0\x1c\0\x01");
        });
        assert_eq!(told(&two), (HEADER, true), "two questions");
        let cut = with_opt(|m| m[2] |= 5 << 3);
        assert_eq!(told(&cut[..cut.len() - 1]), (WWW.len(), false), "half an OPT");
    }

    #[test]
    fn without_a_question_a_cookie_is_asked_for_or_it_is_a_format_error() {
        let opt = |options: &[u8]| {
            let head = b"\x12\x34\x01\0\0\0\0\0\0\0\0\x01\0\0\x29\x04\xd0\0\0\0\0\0";
            [&head[..], &[options.len() as u8], options].concat()
        };
        let cookie = opt(b"\0\x0a\0\x08clientco");
        let Err(Unanswerable::Cookie { head, edns }) = parse(&cookie) else { panic!("no cookie") };
        assert_eq!((head.bytes, edns.cookie.unwrap().client), (&cookie[..HEADER], *b"clientco"));
        assert_eq!(rcode(&opt(b"")), Some(Rcode::FormErr));
        assert_eq!(rcode(&opt(b"\0\x0a\0\x07clientc")), Some(Rcode::FormErr));
    }

    #[test]
    fn pointers_in_the_question_are_a_format_error() {
        assert_eq!(rcode(&with(|m| m[12] = 0xc0)), Some(Rcode::FormErr));
    }
}
