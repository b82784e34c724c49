//! Countries and continents by their codes.

use std::fmt;

/// An ISO 3166-1 alpha-2 code, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// The code in `text`, two ASCII letters in any case. It need not be an assigned one.
    pub fn from_code(text: &str) -> Option<Self> {
        match *text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.0[0]), char::from(self.0[1]))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A continent, as GeoIP databases and GeoNames count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Continent {
    /// AF
    Africa,
    /// AN
    Antarctica,
    /// AS
    Asia,
    /// EU
    Europe,
    /// NA
    NorthAmerica,
    /// OC
    Oceania,
    /// SA
    SouthAmerica,
}

impl Continent {
    /// Every continent with its code.
    pub const ALL: [(&'static str, Self); 7] = [
        ("AF", Self::Africa),
        ("AN", Self::Antarctica),
        ("AS", Self::Asia),
        ("EU", Self::Europe),
        ("NA", Self::NorthAmerica),
        ("OC", Self::Oceania),
        ("SA", Self::SouthAmerica),
    ];

    /// The continent of a two-letter code, in any case.
    pub fn from_code(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(code, _)| code.eq_ignore_ascii_case(text)).map(|(_, c)| c)
    }

    /// The two-letter code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Africa => "AF",
            Self::Antarctica => "AN",
            Self::Asia => "AS",
            Self::Europe => "EU",
            Self::NorthAmerica => "NA",
            Self::Oceania => "OC",
            Self::SouthAmerica => "SA",
        }
    }
}
