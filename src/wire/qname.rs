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
    fn suffixes_are_found_by_label() {
        let mut name = Qname::ROOT;
        name.read(b"\x01a\x02bc\x03net\0").unwrap();
        assert_eq!(name.label_count(), 3);
        assert_eq!(name.suffix_offset(1), Some(5));
        assert_eq!(name.suffix_offset(4), None);
    }
}
