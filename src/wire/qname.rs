//! The name of a query or of a link in a CNAME chain: validated and case-folded once, on the stack.

use super::name::{MAX_LABEL, MAX_NAME};

/// An uncompressed name in lower case, root octet included.
#[derive(Clone)]
pub struct Qname {
    len: u8,
    wire: [u8; MAX_NAME],
}

impl Qname {
    /// The root; a place to read a name into.
    pub const ROOT: Self = Self { len: 1, wire: [0; MAX_NAME] };

    /// Becomes the name at the start of `bytes`; `None`, and no change, if that is cut short,
    /// compressed or too long.
    pub fn read(&mut self, bytes: &[u8]) -> Option<()> {
        let mut at = 0;
        loop {
            let len = usize::from(*bytes.get(at)?);
            at += 1 + len;
            if len > MAX_LABEL || at > MAX_NAME {
                return None;
            }
            if len == 0 {
                break;
            }
        }
        let wire = self.wire.get_mut(..at)?;
        wire.copy_from_slice(bytes.get(..at)?);
        // A length octet is at most 63, below every letter.
        wire.make_ascii_lowercase();
        self.len = at as u8;
        Some(())
    }

    /// The octets, in lower case, the root's zero octet included.
    pub fn as_wire(&self) -> &[u8] {
        self.wire.get(..usize::from(self.len)).unwrap_or(&[0])
    }

    /// The number of labels, the root's left out.
    pub fn label_count(&self) -> usize {
        let mut count = 0;
        let mut rest = self.as_wire();
        while let Some((&len, tail)) = rest.split_first() {
            if len == 0 {
                break;
            }
            count += 1;
            rest = tail.get(usize::from(len)..).unwrap_or_default();
        }
        count
    }

    /// How many octets come before the last `labels` labels; `None` if there are fewer.
    pub fn suffix_offset(&self, labels: usize) -> Option<usize> {
        let mut skip = self.label_count().checked_sub(labels)?;
        let wire = self.as_wire();
        let mut at = 0;
        while skip > 0 {
            at += 1 + usize::from(*wire.get(at)?);
            skip -= 1;
        }
        Some(at)
    }

    /// Replaces everything from octet `at` on (where a label begins) by `suffix`, an uncompressed
    /// name; `None`, and no change, if that makes the name longer than one may be (RFC 6672
    /// section 2.2).
    pub fn replace_suffix(&mut self, at: usize, suffix: &[u8]) -> Option<()> {
        let len = at + suffix.len();
        let tail = self.wire.get_mut(at..len)?;
        tail.copy_from_slice(suffix);
        tail.make_ascii_lowercase();
        self.len = len as u8;
        Some(())
    }
}

impl std::fmt::Debug for Qname {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.as_wire().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_fits_and_one_octet_more_does_not() {
        let label = |len: usize| [vec![len as u8], vec![b'A'; len]].concat();
        let name = |last: usize| [label(63), label(63), label(63), label(last), vec![0]].concat();
        let mut read = Qname::ROOT;
        assert!(read.read(&name(61)).is_some());
        assert_eq!(read.as_wire().len(), 255);
        assert!(read.read(&name(62)).is_none());
        assert_eq!(read.as_wire().len(), 255);
    }

    #[test]
    fn suffixes_are_found_and_replaced_by_label() {
        let mut name = Qname::ROOT;
        name.read(b"\x01a\x02bc\x03net\0").unwrap();
        assert_eq!(name.label_count(), 3);
        assert_eq!(name.suffix_offset(1), Some(5));
        assert_eq!(name.suffix_offset(4), None);
        name.replace_suffix(5, b"\x03ORG\0").unwrap();
        assert_eq!(name.as_wire(), b"\x01a\x02bc\x03org\0");
    }

    #[test]
    fn a_replaced_suffix_never_makes_a_name_too_long() {
        let long = [&[63; 64][..], &[63; 64], &[63; 64], &[0]].concat();
        let mut name = Qname::ROOT;
        name.read(b"\x3fbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\x01c\0")
            .unwrap();
        assert!(name.replace_suffix(64, &long).is_none());
        assert_eq!(name.label_count(), 2);
    }
}
