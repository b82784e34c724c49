//! Owned domain names in wire form, for everything off the hot path.
//!
//! A [`Name`] is absolute, keeps the case it was written in, and compares without regard to it
//! (RFC 4343). Queries use the borrowed form instead.

use std::fmt;
use std::hash::{Hash, Hasher};

/// The longest name in wire form, the root's zero octet included (RFC 1035 section 2.3.4).
pub const MAX_NAME: usize = 255;
/// The longest label (RFC 1035 section 2.3.4).
pub const MAX_LABEL: usize = 63;
/// As many labels as such a name has at most: of one octet each.
const MAX_LABELS: usize = 127;

/// An absolute domain name, valid by construction.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// Why bytes or text are not a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Two dots in a row, or a dot at the start.
    #[error("a label is empty")]
    EmptyLabel,
    /// A label of more than 63 octets.
    #[error("a label is longer than 63 octets")]
    LongLabel,
    /// More than 255 octets in all.
    #[error("the name is longer than 255 octets")]
    LongName,
    /// A backslash with nothing behind it, or `\DDD` above 255.
    #[error("a backslash must be followed by a character or by three digits up to 255")]
    BadEscape,
    /// Wire bytes that end early or hold a pointer.
    #[error("the name is not in uncompressed wire form")]
    BadWire,
}

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// The name in `wire`, which must be exactly one uncompressed name.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        let mut at = 0;
        loop {
            let len = usize::from(*wire.get(at).ok_or(NameError::BadWire)?);
            if len > MAX_LABEL {
                return Err(NameError::BadWire);
            }
            at += 1 + len;
            if at > MAX_NAME {
                return Err(NameError::LongName);
            }
            if len == 0 {
                break;
            }
        }
        if at == wire.len() { Ok(Self(wire.into())) } else { Err(NameError::BadWire) }
    }

    /// Parses the presentation form (RFC 1035 section 5.1): `\.` and `\DDD` escapes; a name without
    /// a final dot is relative to `origin`, and `@` is `origin` itself.
    pub fn from_text(text: &[u8], origin: &Self) -> Result<Self, NameError> {
        let mut wire = Vec::with_capacity(text.len() + origin.0.len() + 1);
        write_text(text, &origin.0, &mut wire)?;
        Ok(Self(wire.into()))
    }

    /// The uncompressed wire form, the root's zero octet included.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from the left, the root's empty one left out.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (&len, tail) = rest.split_first()?;
            if len == 0 {
                return None;
            }
            let (label, tail) = tail.split_at(usize::from(len));
            rest = tail;
            Some(label)
        })
    }

    /// The number of labels, the root's left out.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// Whether `self` is `zone` or below it.
    pub fn is_within(&self, zone: &Self) -> bool {
        let Some(skip) = self.label_count().checked_sub(zone.label_count()) else {
            return false;
        };
        self.suffix(skip).eq_ignore_ascii_case(&zone.0)
    }

    /// The name without its leftmost label; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let len = usize::from(self.0[0]);
        (len > 0).then(|| Self(self.0[1 + len..].into()))
    }

    /// Whether the leftmost label is `*` (RFC 4592 section 2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// The name with ASCII letters in lower case (RFC 4343 section 2.1).
    pub fn to_lowercase(&self) -> Self {
        Self(self.0.to_ascii_lowercase().into())
    }

    /// Where its labels begin, the leftmost first, and how many they are.
    fn label_starts(&self) -> ([u8; MAX_LABELS], usize) {
        let (mut starts, mut count, mut at) = ([0; MAX_LABELS], 0, 0);
        for label in self.labels() {
            starts[count] = at;
            at += 1 + label.len() as u8;
            count += 1;
        }
        (starts, count)
    }

    /// The label that begins at `start`.
    fn label(&self, start: u8) -> &[u8] {
        let (length, rest) = (self.0[usize::from(start)], usize::from(start) + 1);
        &self.0[rest..rest + usize::from(length)]
    }

    /// The wire form without its first `skip` labels.
    fn suffix(&self, skip: usize) -> &[u8] {
        let mut rest = &*self.0;
        for _ in 0..skip {
            rest = &rest[1 + usize::from(rest[0])..];
        }
        rest
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in &self.0 {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Canonical order (RFC 4034 section 6.1): by label from the right, without regard to case.
impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let lower = |label: &[u8], other: &[u8]| {
            let [label, other] =
                [label, other].map(|label| label.iter().map(u8::to_ascii_lowercase));
            label.cmp(other)
        };
        let (starts, count) = self.label_starts();
        let (other_starts, other_count) = other.label_starts();
        let pairs = starts[..count].iter().rev().zip(other_starts[..other_count].iter().rev());
        let mut orders = pairs.map(|(&own, &others)| lower(self.label(own), other.label(others)));
        orders.find(|order| order.is_ne()).unwrap_or(count.cmp(&other_count))
    }
}

/// The presentation form, with a final dot.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(byte))?;
                    }
                    0x21..=0x7e => write!(f, "{}", char::from(byte))?,
                    byte => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Appends the wire form of the presentation form `text` to `wire`, completed by the wire form
/// `origin`. After an error the bytes appended so far have no meaning.
pub(crate) fn write_text(text: &[u8], origin: &[u8], wire: &mut Vec<u8>) -> Result<(), NameError> {
    match text {
        b"@" => wire.extend_from_slice(origin),
        b"." => wire.push(0),
        text => {
            let start = wire.len();
            write_labels(text, origin, wire)?;
            if wire.len() - start > MAX_NAME {
                return Err(NameError::LongName);
            }
        }
    }
    Ok(())
}

fn write_labels(text: &[u8], origin: &[u8], wire: &mut Vec<u8>) -> Result<(), NameError> {
    let mut bytes = text.iter().copied();
    let mut absolute = false;
    let mut length_at = wire.len();
    wire.push(0);
    while let Some(byte) = bytes.next() {
        absolute = byte == b'.';
        match byte {
            b'.' => {
                close_label(wire, length_at)?;
                length_at = wire.len();
                wire.push(0);
            }
            b'\\' => wire.push(unescape(&mut bytes)?),
            byte => wire.push(byte),
        }
    }
    if !absolute {
        close_label(wire, length_at)?;
        wire.extend_from_slice(origin);
    }
    Ok(())
}

/// Writes the length of the label that ends `wire` where its length octet is.
fn close_label(wire: &mut [u8], length_at: usize) -> Result<(), NameError> {
    match wire.len() - length_at - 1 {
        0 => Err(NameError::EmptyLabel),
        len @ 1..=MAX_LABEL => {
            wire[length_at] = len as u8;
            Ok(())
        }
        _ => Err(NameError::LongLabel),
    }
}

/// The octet that the escape behind a backslash stands for (RFC 1035 section 5.1).
pub(crate) fn unescape(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, NameError> {
    let first = bytes.next().ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u32::from(first - b'0');
    for _ in 0..2 {
        match bytes.next() {
            Some(digit) if digit.is_ascii_digit() => value = value * 10 + u32::from(digit - b'0'),
            _ => return Err(NameError::BadEscape),
        }
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes(), &Name::root()).unwrap()
    }

    #[test]
    fn relative_names_get_the_origin_and_at_is_the_origin() {
        let origin = name("app.example.");
        assert_eq!(Name::from_text(b"www", &origin), Ok(name("www.app.example.")));
        assert_eq!(Name::from_text(b"@", &origin), Ok(origin.clone()));
        assert_eq!(Name::from_text(b"www.", &origin), Ok(name("www.")));
    }

    #[test]
    fn escapes_are_octets_and_never_label_ends() {
        let escaped = name(r"a\.b\046c\000.example.");
        assert_eq!(escaped.as_wire(), b"\x06a.b.c\0\x07example\0");
        assert_eq!(escaped.to_string(), r"a\.b\.c\000.example.");
    }

    #[test]
    fn names_that_no_message_can_carry_are_refused() {
        let parse = |text: &str| Name::from_text(text.as_bytes(), &Name::root());
        assert_eq!(parse("a..b."), Err(NameError::EmptyLabel));
        assert_eq!(parse(".a."), Err(NameError::EmptyLabel));
        assert_eq!(parse(&"a".repeat(64)), Err(NameError::LongLabel));
        assert_eq!(parse(&"abcdefg.".repeat(32)), Err(NameError::LongName));
        assert_eq!(parse(r"a\25"), Err(NameError::BadEscape));
        assert_eq!(parse(r"a\256"), Err(NameError::BadEscape));
        assert_eq!(parse(r"a\"), Err(NameError::BadEscape));
    }

    #[test]
    fn case_does_not_matter_and_is_kept() {
        assert_eq!(name("WWW.Example."), name("www.example."));
        assert_eq!(name("WWW.Example.").to_string(), "WWW.Example.");
    }

    #[test]
    fn within_goes_by_labels_not_by_text() {
        assert!(name("www.app.example.").is_within(&name("App.example.")));
        assert!(name("app.example.").is_within(&name("app.example.")));
        assert!(!name("myapp.example.").is_within(&name("app.example.")));
        assert!(name("example.").is_within(&Name::root()));
    }

    #[test]
    fn order_is_canonical() {
        // RFC 4034 section 6.1
        let ordered = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
        ];
        assert!(ordered.windows(2).all(|pair| name(pair[0]) < name(pair[1])));
        let longest = name(&"a.".repeat(MAX_LABELS));
        assert!(Name::root() < name("a."));
        assert!(name("a.") < longest && longest < name("b."));
    }

    proptest! {
        #[test]
        fn order_is_that_of_the_reversed_lists_of_lower_case_labels(
            a in "([abAB-]{1,2}[.]){1,4}",
            b in "([abAB-]{1,2}[.]){1,4}",
        ) {
            let [a, b] = [a, b].map(|text| name(&text));
            let reversed = |name: &Name| {
                let mut labels: Vec<_> = name.labels().map(<[u8]>::to_ascii_lowercase).collect();
                labels.reverse();
                labels
            };
            prop_assert_eq!(a.cmp(&b), reversed(&a).cmp(&reversed(&b)));
        }
    }
}
