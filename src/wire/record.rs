//! Reads back the records of a response that is being written, where they stand.

use super::rr::RecordType;

/// One record of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// TYPE.
    pub rtype: RecordType,
    /// Where its RDATA begins.
    pub rdata: usize,
    /// Where the next record begins.
    pub end: usize,
}

impl Record {
    /// The record that begins at `at`; `None` where none that is whole does.
    pub fn at(message: &[u8], at: usize) -> Option<Self> {
        let owner = owner_len(message.get(at..)?)?;
        let fixed = message.get(at + owner..)?.first_chunk::<FIXED>()?;
        let [t1, t0, .., l1, l0] = *fixed;
        let rdata = at + owner + FIXED;
        let end = rdata + usize::from(u16::from_be_bytes([l1, l0]));
        let rtype = RecordType(u16::from_be_bytes([t1, t0]));
        (end <= message.len()).then_some(Self { rtype, rdata, end })
    }

    /// The records from `at` on.
    pub fn all(message: &[u8], at: usize) -> impl Iterator<Item = Self> {
        let next = |record: &Self| Self::at(message, record.end);
        std::iter::successors(Self::at(message, at), next)
    }
}

/// The octets of the owner at the start of `record`: a pointer, or labels.
fn owner_len(record: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match usize::from(*record.get(at)?) {
            0 => return Some(at + 1),
            len if len >= POINTER => return Some(at + 2),
            len => at += 1 + len,
        }
    }
}

/// TYPE, CLASS, TTL and RDLENGTH.
const FIXED: usize = 10;
/// The least first octet of a pointer (RFC 1035 section 4.1.4).
const POINTER: usize = 0xc0;

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x01\x02\x03\x04";
    const SECOND: &[u8] = b"\x01a\0\0\x10\0\x01\0\0\0\x1e\0\x02\x01x";

    #[test]
    fn records_are_read_behind_pointers_and_names_alike() {
        let message = [&[0; 12][..], FIRST, SECOND].concat();
        let found: Vec<_> = Record::all(&message, 12).collect();
        let first = Record { rtype: RecordType::A, rdata: 24, end: 28 };
        let second = Record { rtype: RecordType::TXT, rdata: 41, end: 43 };
        assert_eq!(found, [first, second]);
    }

    #[test]
    fn what_is_cut_short_is_no_record() {
        for len in 0..SECOND.len() {
            assert_eq!(Record::at(&SECOND[..len], 0), None, "{len} octets");
        }
    }
}
