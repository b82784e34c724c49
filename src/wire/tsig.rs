//! TSIG (RFC 8945). No key is known here: a signed query gets the unsigned error that says so.

use super::edns::{Record, skip_name};
use super::query::{HEADER, Head};
use super::rr::RecordType;

/// The TSIG record of a query, as far as its response repeats it.
#[derive(Clone, Copy, Debug)]
pub struct Tsig<'a> {
    /// The key's name, as received: what it may point to stands at the same place in a response.
    owner: &'a [u8],
    /// Algorithm Name, Time Signed and Fudge.
    start: &'a [u8],
    /// Original ID.
    id: &'a [u8],
}

/// A TSIG record that is malformed, of a class other than ANY or a TTL other than 0 (RFC 8945 section
/// 4.2), or not the last record of the additional section (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTsig;

impl<'a> Tsig<'a> {
    /// The last of `count` records, if it is one. They can be read, and follow `head`; the first
    /// `before` of them are not additional.
    pub fn find(
        mut records: &'a [u8],
        before: u32,
        count: u32,
        head: Head<'_>,
    ) -> Result<Option<Self>, BadTsig> {
        for index in 0..count {
            let record = Record::take(&mut records).ok_or(BadTsig)?;
            if record.rtype == RecordType::TSIG {
                let is_last = index >= before && index + 1 == count;
                let found = Self::from_record(&record, head).filter(|_| is_last);
                return found.ok_or(BadTsig).map(Some);
            }
        }
        Ok(None)
    }

    /// The record of a response: its owner, its type, class and TTL, and the parts of its RDATA,
    /// which is without a MAC (RFC 8945 section 5.3.2).
    pub(super) fn bad_key(&self) -> (&'a [u8], [u8; 8], [&'a [u8]; 4]) {
        let [high, low] = RecordType::TSIG.0.to_be_bytes();
        // MAC Size; Error BADKEY and Other Len.
        (
            self.owner,
            [high, low, 0, CLASS_ANY as u8, 0, 0, 0, 0],
            [self.start, &[0, 0], self.id, &[0, 17, 0, 0]],
        )
    }

    fn from_record(record: &Record<'a>, head: Head<'_>) -> Option<Self> {
        let mut rest = record.rdata;
        skip_name(&mut rest)?;
        let algorithm = record.rdata.len() - rest.len();
        let (start, rest) = record.rdata.split_at_checked(algorithm + 8)?;
        let (mac_len, rest) = rest.split_first_chunk::<2>()?;
        let rest = rest.get(usize::from(u16::from_be_bytes(*mac_len))..)?;
        let (id, rest) = rest.split_at_checked(2)?;
        let (_, rest) = rest.split_first_chunk::<2>()?;
        let (other_len, other) = rest.split_first_chunk::<2>()?;
        let is_whole = other.len() == usize::from(u16::from_be_bytes(*other_len));
        let is_plain = pointer(start.get(..algorithm)?).is_none();
        let is_named = pointer(record.owner).is_none_or(|target| is_of_question(head, target));
        let is_tsig = record.class == CLASS_ANY && record.ttl == [0; 4];
        let is_sound = is_tsig && is_whole && is_plain && is_named;
        is_sound.then_some(Self { owner: record.owner, start, id })
    }
}

/// Where the pointer at the end of `name`, which [`skip_name`] has read, leads; `None` if it is
/// uncompressed.
fn pointer(mut name: &[u8]) -> Option<usize> {
    while let [len @ 1..=63, rest @ ..] = name {
        name = rest.get(usize::from(*len)..)?;
    }
    match *name {
        [high, low] => Some(usize::from(u16::from_be_bytes([high & 0x3f, low]))),
        _ => None,
    }
}

/// Whether a label of the question in `head` begins there.
fn is_of_question(head: Head<'_>, target: usize) -> bool {
    let mut at = HEADER;
    while at < target {
        match head.bytes.get(at) {
            None | Some(0) => return false,
            Some(&len) => at += 1 + usize::from(len),
        }
    }
    at == target && head.bytes.get(at).is_some()
}

/// The class of a TSIG record (RFC 8945 section 4.2).
const CLASS_ANY: u16 = 255;

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head<'_> =
        Head { bytes: b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01" };

    fn tsig(owner: &[u8], rdata: &[u8]) -> Vec<u8> {
        let len = (rdata.len() as u16).to_be_bytes();
        [owner, b"\0\xfa\0\xff\0\0\0\0", &len, rdata].concat()
    }

    const RDATA: &[u8] = b"\x01a\0\0\0\0\0\0\x07\x01\x2c\0\x02MM\x12\x34\0\0\0\0";

    #[test]
    fn what_a_response_repeats_is_read() {
        let records = tsig(b"\x03key\0", RDATA);
        let found = Tsig::find(&records, 0, 1, HEAD).unwrap().unwrap();
        let (owner, _, rdata) = found.bad_key();
        assert_eq!(owner, b"\x03key\0");
        let expected = b"\x01a\0\0\0\0\0\0\x07\x01\x2c\0\0\x12\x34\0\x11\0\0";
        assert_eq!(rdata.concat(), expected);
    }

    #[test]
    fn a_key_s_name_may_point_to_a_label_of_the_question_alone() {
        let read =
            |owner: &[u8]| Tsig::find(&tsig(owner, RDATA), 0, 1, HEAD).map(|found| found.is_some());
        for label in [12, 16, 24] {
            assert_eq!(read(&[0xc0, label]), Ok(true), "{label}");
            assert_eq!(read(&[1, b'k', 0xc0, label]), Ok(true), "{label}");
        }
        for other in [0, 11, 13, 17, 25, 28, 29, 200] {
            assert_eq!(read(&[0xc0, other]), Err(BadTsig), "{other}");
        }
    }

    #[test]
    fn one_that_is_cut_short_too_long_or_not_the_last_is_bad() {
        for len in 0..RDATA.len() {
            assert!(Tsig::find(&tsig(b"\x01k\0", &RDATA[..len]), 0, 1, HEAD).is_err(), "{len}");
        }
        assert!(Tsig::find(&tsig(b"\x01k\0", &[RDATA, &[0]].concat()), 0, 1, HEAD).is_err());
        let two = tsig(b"\x01k\0", RDATA).repeat(2);
        assert!(Tsig::find(&two, 0, 2, HEAD).is_err());
        assert!(Tsig::find(&two, 1, 1, HEAD).is_err());
        assert!(Tsig::find(&two, 0, 0, HEAD).unwrap().is_none());
    }
}
