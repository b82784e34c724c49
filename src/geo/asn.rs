//! Autonomous system numbers.

use std::fmt;

/// The number of an autonomous system (RFC 6793).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl Asn {
    /// The number in `text`, as `64500` or `AS64500`, in any case.
    pub fn from_text(text: &str) -> Option<Self> {
        let digits = match text.get(..2) {
            Some(prefix) if prefix.eq_ignore_ascii_case("as") => &text[2..],
            _ => text,
        };
        let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
        is_number.then(|| digits.parse().ok().map(Self)).flatten()
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_have_a_prefix() {
        for text in ["64500", "AS64500", "as64500"] {
            assert_eq!(Asn::from_text(text).unwrap().to_string(), "AS64500");
        }
        for text in ["", "AS", "+1", "AS-1", "4294967296", "64500 ", "ASAS1", "é1"] {
            assert_eq!(Asn::from_text(text), None, "{text}");
        }
    }
}
