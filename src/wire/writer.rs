//! Writes a response into a bounded buffer.
//!
//! Space for the OPT record is set aside before anything else, so that truncation never drops it.
//! Names in record data are never compressed; owner names are pointers (RFC 1035 section 4.1.4) to
//! where the name, or a name that ends in it, already stands.

use super::cookie::{OPTION_COOKIE, ServedCookie};
use super::edns::{
    ClientSubnet, OPTION_CLIENT_SUBNET, OPTION_EXTENDED_ERROR, OPTION_KEEPALIVE, OPTION_NSID,
    OPTION_REPORT_CHANNEL,
};
use super::extended_error::ExtendedError;
use super::query::{HEADER, Head};
use super::rr::{CLASS_IN, Rcode, RecordType};
use super::tsig::Tsig;

/// A response under construction.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    len: usize,
    /// What may be filled now: what `end` allows, less what is reserved for OPT.
    limit: usize,
    /// The limit of the transport.
    end: usize,
}

/// Which count of the header a record adds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// ANCOUNT.
    Answer,
    /// NSCOUNT.
    Authority,
    /// ARCOUNT.
    Additional,
}

/// The record or name does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What the OPT record of a response says. Its options are those that a response owes, for which room
/// is reserved, and then those that only inform, each of which is left out where it does not fit.
#[derive(Clone, Copy, Debug)]
pub struct OptRecord<'a> {
    /// The largest datagram that this server takes.
    pub udp_payload: u16,
    /// DNSSEC OK, copied from the query (RFC 3225 section 3).
    pub dnssec_ok: bool,
    /// The query's Client Subnet and the SCOPE PREFIX-LENGTH of this answer, where it is echoed.
    pub client_subnet: Option<(ClientSubnet<'a>, u8)>,
    /// Owed: the cookies, where the query had one (RFC 7873 section 5.2).
    pub cookie: Option<ServedCookie>,
    /// Owed: how long the TCP connection may be idle, in units of 100 ms (RFC 7828 section 3.1).
    pub keepalive: Option<u16>,
    /// Why the response is as it is.
    pub error: Option<ExtendedError>,
    /// What identifies this server (RFC 5001).
    pub nsid: Option<&'a [u8]>,
    /// The agent domain, as a name in wire form, that failures may be reported to (RFC 9567).
    pub report_channel: Option<&'a [u8]>,
}

impl OptRecord<'_> {
    /// The octets to reserve: those of the record with the options that a response owes.
    pub fn reserved(&self) -> usize {
        let subnet = self.client_subnet.map_or(0, |(subnet, _)| 4 + subnet.wire.len());
        let cookie = self.cookie.map_or(0, |cookie| 4 + cookie.len());
        let keepalive = self.keepalive.map_or(0, |_| 4 + 2);
        OPT_FIXED + subnet + cookie + keepalive
    }
}

/// A place for a second attempt: everything after it can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    len: usize,
    counts: [u8; 6],
}

/// The largest offset a pointer can hold.
const MAX_POINTER: usize = 0x3fff;

impl<'a> Writer<'a> {
    /// Starts a response to the query with this `head`, at most `limit` octets long, of which
    /// `reserved` are kept for the OPT record. `None` if not even the head fits.
    pub fn new(
        buffer: &'a mut [u8],
        head: Head<'_>,
        limit: usize,
        reserved: usize,
    ) -> Option<Self> {
        let end = limit.min(buffer.len());
        let limit = end.checked_sub(reserved)?;
        let len = head.bytes.len();
        if len > limit || len < HEADER {
            return None;
        }
        let target = buffer.get_mut(..len)?;
        target.copy_from_slice(head.bytes);
        let (header, _) = target.split_first_chunk_mut::<HEADER>()?;
        // QR, the query's OPCODE and RD; AA, TC, RA, Z, AD, CD (RFC 4035 section 3.1.6) clear.
        header[2] = 0x80 | header[2] & 0x79;
        header[3] = 0;
        header[4] = 0;
        header[5] = u8::from(len > HEADER);
        header[6..].fill(0);
        Some(Self { buffer, len, limit, end })
    }

    /// The octets written so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// What has been written so far.
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// Whether nothing has been written: never so, since there is a header.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets the response code's lower four bits; the rest belongs to OPT.
    pub fn set_rcode(&mut self, rcode: Rcode) {
        if let Some(flags) = self.buffer.get_mut(3) {
            *flags = *flags & 0xf0 | rcode as u8 & 0x0f;
        }
    }

    /// Sets AA, an authoritative answer.
    pub fn set_authoritative(&mut self) {
        if let Some(flags) = self.buffer.get_mut(2) {
            *flags |= 0x04;
        }
    }

    /// Sets TC, a truncated answer.
    pub fn set_truncated(&mut self) {
        if let Some(flags) = self.buffer.get_mut(2) {
            *flags |= 0x02;
        }
    }

    /// Where things stand.
    pub fn mark(&self) -> Mark {
        let mut counts = [0; 6];
        if let Some(from) = self.buffer.get(6..HEADER) {
            counts.copy_from_slice(from);
        }
        Mark { len: self.len, counts }
    }

    /// Takes back everything written after `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.len = mark.len;
        if let Some(counts) = self.buffer.get_mut(6..HEADER) {
            counts.copy_from_slice(&mark.counts);
        }
    }

    /// Takes back everything behind the first `count` records of the answer section, which end at
    /// `len`.
    pub fn end_answer(&mut self, len: usize, count: usize) {
        let [high, low] = (count as u16).to_be_bytes();
        self.rewind(Mark { len, counts: [high, low, 0, 0, 0, 0] });
    }

    /// Appends a whole set of records in ready form (owner `C0 0C`, TYPE, CLASS, TTL, RDLENGTH,
    /// RDATA), all or nothing, with `owner`, an offset in this message, as their owner. Returns where
    /// the first record begins.
    pub fn put_set(
        &mut self,
        section: Section,
        owner: usize,
        records: &[u8],
        count: usize,
    ) -> Result<usize, Full> {
        if owner > MAX_POINTER {
            return self.put_set_in_full(section, owner, records, count);
        }
        let start = self.len;
        self.append(records)?;
        self.count(section, count);
        if owner != HEADER {
            let pointer = (0xc000 | owner as u16).to_be_bytes();
            let mut at = start;
            for _ in 0..count {
                let Some(record) = self.buffer.get_mut(at..self.len) else { break };
                let Some((fixed, _)) = record.split_first_chunk_mut::<FIXED>() else { break };
                fixed[..2].copy_from_slice(&pointer);
                at += FIXED + usize::from(u16::from_be_bytes([fixed[10], fixed[11]]));
            }
        }
        Ok(start)
    }

    /// As [`Self::put_set`] where the owner stands beyond what a pointer reaches: it is repeated.
    fn put_set_in_full(
        &mut self,
        section: Section,
        owner: usize,
        records: &[u8],
        count: usize,
    ) -> Result<usize, Full> {
        let mark = self.mark();
        let mut rest = records;
        while let Some((fixed, tail)) = rest.split_first_chunk::<FIXED>() {
            let rdata = usize::from(u16::from_be_bytes([fixed[10], fixed[11]]));
            let (rdata, tail) = tail.split_at_checked(rdata).ok_or(Full)?;
            let put = self
                .copy_name(owner)
                .and_then(|()| self.append(&fixed[2..]))
                .and_then(|()| self.append(rdata));
            if put.is_err() {
                self.rewind(mark);
                return Err(Full);
            }
            rest = tail;
        }
        self.count(section, count);
        Ok(mark.len)
    }

    /// Appends one record. Returns where its RDATA begins.
    pub fn put_record(
        &mut self,
        section: Section,
        owner: usize,
        rtype: RecordType,
        ttl: u32,
        rdata: &[u8],
    ) -> Result<usize, Full> {
        if owner > MAX_POINTER {
            let mark = self.mark();
            let fixed = fixed(0, rtype, ttl, rdata);
            let put = self.copy_name(owner).and_then(|()| self.append(&fixed[2..]));
            if put.and_then(|()| self.append(rdata)).is_err() {
                self.rewind(mark);
                return Err(Full);
            }
        } else {
            let (start, data) = (self.len, self.len + FIXED);
            let end = data + rdata.len();
            if end > self.limit {
                return Err(Full);
            }
            let record = self.buffer.get_mut(start..end).ok_or(Full)?;
            let (head, tail) = record.split_at_mut(FIXED);
            head.copy_from_slice(&fixed(0xc000 | owner as u16, rtype, ttl, rdata));
            tail.copy_from_slice(rdata);
            self.len = end;
        }
        self.count(section, 1);
        Ok(self.len - rdata.len())
    }

    /// Appends to the RDATA, which begins at `rdata`, of the record that was put last. What came
    /// before stays where it does not fit.
    pub fn extend_record(&mut self, rdata: usize, bytes: &[u8]) -> Result<(), Full> {
        self.append(bytes)?;
        let len = u16::try_from(self.len - rdata).map_err(|_| Full)?;
        let length = self.buffer.get_mut(rdata.saturating_sub(2)..rdata).ok_or(Full)?;
        length.copy_from_slice(&len.to_be_bytes());
        Ok(())
    }

    /// Ends the response, with an OPT record where `opt` is given. Returns its length.
    pub fn finish(mut self, rcode: Rcode, opt: Option<OptRecord<'_>>) -> usize {
        self.put_opt(rcode, opt);
        self.len
    }

    /// As [`Self::finish`], to a query with this TSIG record, whose key is not known. It comes last;
    /// where it does not fit the response is truncated (RFC 8945 section 5.3).
    pub fn finish_bad_key(
        mut self,
        rcode: Rcode,
        opt: Option<OptRecord<'_>>,
        tsig: &Tsig<'_>,
    ) -> usize {
        self.put_opt(rcode, opt);
        self.limit = self.end;
        let mark = self.mark();
        let (owner, fixed, rdata) = tsig.bad_key();
        let put = self.append(owner).and_then(|()| self.append(&fixed)).and_then(|()| {
            self.append(&[0, 0])?;
            let start = self.len;
            rdata.iter().try_for_each(|part| self.extend_record(start, part))
        });
        match put {
            Ok(()) => self.count(Section::Additional, 1),
            Err(Full) => {
                self.rewind(mark);
                self.set_truncated();
            }
        }
        self.len
    }

    fn put_opt(&mut self, rcode: Rcode, opt: Option<OptRecord<'_>>) {
        self.set_rcode(rcode);
        let Some(opt) = opt else { return };
        self.limit = self.end;
        let [payload_high, payload_low] = opt.udp_payload.to_be_bytes();
        let dnssec_ok = u8::from(opt.dnssec_ok) << 7;
        let extended = rcode as u8 >> 4;
        let rtype = RecordType::OPT.0 as u8;
        let fixed: [u8; OPT_FIXED] =
            [0, 0, rtype, payload_high, payload_low, extended, 0, dnssec_ok, 0, 0, 0];
        let mark = self.mark();
        let put = self.append(&fixed).and_then(|()| self.put_options(&opt));
        match put {
            Ok(()) => self.count(Section::Additional, 1),
            Err(Full) => self.rewind(mark),
        }
    }

    /// The options behind an OPT record's fixed part, which ends here. Fails only where an owed one
    /// does not fit.
    fn put_options(&mut self, opt: &OptRecord<'_>) -> Result<(), Full> {
        let rdata = self.len;
        if let Some((subnet, scope)) = opt.client_subnet {
            let [family_high, family_low, source, _, address @ ..] = subnet.wire else {
                return Err(Full);
            };
            let head = [*family_high, *family_low, *source, scope];
            self.put_option(rdata, OPTION_CLIENT_SUBNET, &[&head, address])?;
        }
        if let Some(cookie) = opt.cookie {
            self.put_option(rdata, OPTION_COOKIE, &[&cookie])?;
        }
        if let Some(timeout) = opt.keepalive {
            self.put_option(rdata, OPTION_KEEPALIVE, &[&timeout.to_be_bytes()])?;
        }
        if let Some(ExtendedError { code, text }) = opt.error {
            let code = (code as u16).to_be_bytes();
            let _ = self.put_option(rdata, OPTION_EXTENDED_ERROR, &[&code, text.as_bytes()]);
        }
        if let Some(identity) = opt.nsid {
            let _ = self.put_option(rdata, OPTION_NSID, &[identity]);
        }
        if let Some(agent) = opt.report_channel {
            let _ = self.put_option(rdata, OPTION_REPORT_CHANNEL, &[agent]);
        }
        Ok(())
    }

    /// One option, whole or not at all, of the OPT record whose RDATA begins at `rdata`.
    fn put_option(&mut self, rdata: usize, code: u16, value: &[&[u8]]) -> Result<(), Full> {
        let len: usize = value.iter().map(|part| part.len()).sum();
        if self.len + 4 + len > self.limit {
            return Err(Full);
        }
        let [code_high, code_low] = code.to_be_bytes();
        let [len_high, len_low] = (len as u16).to_be_bytes();
        self.extend_record(rdata, &[code_high, code_low, len_high, len_low])?;
        value.iter().try_for_each(|part| self.extend_record(rdata, part))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.len + bytes.len();
        if end > self.limit {
            return Err(Full);
        }
        self.buffer.get_mut(self.len..end).ok_or(Full)?.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    /// Repeats the uncompressed name that stands at `from`.
    fn copy_name(&mut self, from: usize) -> Result<(), Full> {
        let mut at = from;
        loop {
            let len = usize::from(*self.buffer.get(at).ok_or(Full)?);
            at += 1 + len;
            if len == 0 {
                break;
            }
        }
        let end = self.len + at - from;
        if end > self.limit {
            return Err(Full);
        }
        self.buffer.copy_within(from..at, self.len);
        self.len = end;
        Ok(())
    }

    fn count(&mut self, section: Section, records: usize) {
        let at = match section {
            Section::Answer => 6,
            Section::Authority => 8,
            Section::Additional => 10,
        };
        if let Some((count, _)) =
            self.buffer.get_mut(at..).and_then(|bytes| bytes.split_first_chunk_mut::<2>())
        {
            *count = u16::from_be_bytes(*count).saturating_add(records as u16).to_be_bytes();
        }
    }
}

/// An owner's pointer, TYPE, CLASS, TTL and RDLENGTH.
const FIXED: usize = 12;
/// The octets of an OPT record without options.
const OPT_FIXED: usize = 11;

fn fixed(owner: u16, rtype: RecordType, ttl: u32, rdata: &[u8]) -> [u8; FIXED] {
    let [o1, o0] = owner.to_be_bytes();
    let [t1, t0] = rtype.0.to_be_bytes();
    let [c1, c0] = CLASS_IN.to_be_bytes();
    let [ttl3, ttl2, ttl1, ttl0] = ttl.to_be_bytes();
    let [l1, l0] = (rdata.len() as u16).to_be_bytes();
    [o1, o0, t1, t0, c1, c0, ttl3, ttl2, ttl1, ttl0, l1, l0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::InfoCode;

    const HEAD: &[u8] = b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\x01\x03www\x07example\0\0\x01\0\x01";
    const SET: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x01\x02\x03\x04";

    const OPT: OptRecord<'_> = OptRecord {
        udp_payload: 1232,
        dnssec_ok: true,
        client_subnet: None,
        cookie: None,
        keepalive: None,
        error: None,
        nsid: None,
        report_channel: None,
    };

    fn writer(buffer: &mut [u8], limit: usize) -> Writer<'_> {
        Writer::new(buffer, Head { bytes: HEAD }, limit, 0).unwrap()
    }

    #[test]
    fn a_response_echoes_id_question_and_rd_alone() {
        let mut buffer = [0xff; 512];
        let len = writer(&mut buffer, 512).finish(Rcode::NoError, None);
        assert_eq!(&buffer[..12], b"\x12\x34\x81\0\0\x01\0\0\0\0\0\0");
        assert_eq!(&buffer[12..len], &HEAD[12..]);
    }

    #[test]
    fn a_set_goes_in_whole_or_not_at_all() {
        let mut buffer = [0; 512];
        let mut response = writer(&mut buffer, HEAD.len() + SET.len());
        assert_eq!(response.put_set(Section::Answer, 12, SET, 1), Ok(HEAD.len()));
        assert_eq!(response.put_set(Section::Answer, 12, SET, 1), Err(Full));
        let len = response.finish(Rcode::NoError, None);
        assert_eq!(buffer[6..8], [0, 1]);
        assert_eq!(&buffer[HEAD.len()..len], SET);
    }

    #[test]
    fn owners_other_than_the_question_are_pointers_to_where_they_stand() {
        let mut buffer = [0; 512];
        let mut response = writer(&mut buffer, 512);
        response.put_set(Section::Authority, 16, &[SET, SET].concat(), 2).unwrap();
        let len = response.finish(Rcode::NoError, None);
        let records = &buffer[HEAD.len()..len];
        assert_eq!((&records[..2], &records[16..18]), (&b"\xc0\x10"[..], &b"\xc0\x10"[..]));
        assert_eq!(buffer[8..10], [0, 2]);
    }

    #[test]
    fn an_owner_beyond_the_reach_of_a_pointer_is_repeated() {
        let mut buffer = vec![0; 0x8000];
        let mut response = writer(&mut buffer, 0x8000);
        let filler = [0; 0x4000];
        let rdata = response.put_record(Section::Answer, 12, RecordType::TXT, 0, &filler).unwrap();
        let name = rdata + filler.len();
        response.put_record(Section::Answer, 12, RecordType::CNAME, 0, b"\x01a\0").unwrap();
        response.put_set(Section::Answer, name + 12, SET, 1).unwrap();
        let len = response.finish(Rcode::NoError, None);
        assert_eq!(&buffer[len - 17..len - 14], b"\x01a\0");
    }

    #[test]
    fn a_record_grows_at_its_end_and_its_length_with_it() {
        let mut buffer = [0; 512];
        let mut response = writer(&mut buffer, HEAD.len() + SET.len());
        let rdata = response.put_record(Section::Answer, 12, RecordType::A, 30, b"\x01\x02");
        response.extend_record(rdata.unwrap(), b"\x03").unwrap();
        response.extend_record(rdata.unwrap(), b"\x04").unwrap();
        assert_eq!(response.extend_record(rdata.unwrap(), b"\x05"), Err(Full));
        let len = response.finish(Rcode::NoError, None);
        assert_eq!(&buffer[HEAD.len()..len], SET);
    }

    #[test]
    fn the_opt_record_carries_the_upper_bits_of_the_code_and_the_scope() {
        let wire = [0, 1, 24, 0, 49, 36, 10];
        let subnet =
            ClientSubnet { wire: &wire, address: Some("49.36.10.0".parse().unwrap()), source: 24 };
        let mut buffer = [0; 512];
        let opt = OptRecord { client_subnet: Some((subnet, 19)), ..OPT };
        let len = writer(&mut buffer, 512).finish(Rcode::BadVers, Some(opt));
        assert_eq!(len - HEAD.len(), opt.reserved());
        assert_eq!(
            &buffer[HEAD.len()..len],
            b"\0\0\x29\x04\xd0\x01\0\x80\0\0\x0b\0\x08\0\x07\0\x01\x18\x13\x31\x24\x0a"
        );
        assert_eq!((buffer[3] & 0x0f, buffer[11]), (0, 1));
    }

    #[test]
    fn options_that_only_inform_are_left_out_whole_where_they_do_not_fit() {
        let opt = OptRecord {
            error: Some(ExtendedError { code: InfoCode::Other, text: "why" }),
            nsid: Some(b"ns1"),
            report_channel: Some(b"\x01a\0"),
            ..OPT
        };
        for room in 0..=23 {
            let mut buffer = [0; 512];
            let limit = HEAD.len() + opt.reserved() + room;
            let len = writer(&mut buffer, limit).finish(Rcode::NoError, Some(opt));
            let taken = len - HEAD.len() - OPT_FIXED;
            let rdlength = &buffer[HEAD.len() + OPT_FIXED - 2..][..2];
            assert_eq!(rdlength, (taken as u16).to_be_bytes(), "{room} octets of room");
            // Nine octets for the error, seven for each of the others.
            let expected = match room {
                0..7 => 0,
                7..9 => 7,
                9..16 => 9,
                16..23 => 16,
                _ => 23,
            };
            assert_eq!(taken, expected, "{room} octets of room");
        }
    }

    #[test]
    fn no_record_takes_the_room_of_an_option_that_is_owed() {
        let mut buffer = [0; 512];
        let opt = OptRecord { keepalive: Some(100), ..OPT };
        let limit = HEAD.len() + SET.len() + opt.reserved();
        for (limit, fits) in [(limit, true), (limit - 1, false)] {
            let head = Head { bytes: HEAD };
            let mut response = Writer::new(&mut buffer, head, limit, opt.reserved()).unwrap();
            assert_eq!(response.put_set(Section::Answer, 12, SET, 1).is_ok(), fits);
            let len = response.finish(Rcode::NoError, Some(opt));
            assert_eq!(buffer[len - 8..len], [0, 6, 0, 11, 0, 2, 0, 100]);
        }
    }
}
