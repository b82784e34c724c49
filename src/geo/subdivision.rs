//! Subdivisions of countries by their ISO 3166-2 codes.

use std::fmt;

use super::Country;

/// An ISO 3166-2 code such as `US-CA`: a country's and up to three letters or digits, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subdivision {
    country: Country,
    /// Filled up with zero octets.
    code: [u8; 3],
}

impl Subdivision {
    /// The subdivision of `country` that `code`, one to three ASCII letters or digits in any case,
    /// stands for. It need not be an assigned one.
    pub fn new(country: Country, code: &str) -> Option<Self> {
        let is_code =
            matches!(code.len(), 1..=3) && code.bytes().all(|o| o.is_ascii_alphanumeric());
        is_code.then(|| {
            let mut octets = [0; 3];
            octets[..code.len()].copy_from_slice(code.as_bytes());
            octets.make_ascii_uppercase();
            Self { country, code: octets }
        })
    }

    /// The subdivision of a whole code such as `US-CA`, in any case.
    pub fn from_code(text: &str) -> Option<Self> {
        let (country, code) = text.split_once('-')?;
        Self::new(Country::from_code(country)?, code)
    }

    /// The country that it is a part of.
    pub fn country(self) -> Country {
        self.country
    }
}

impl fmt::Display for Subdivision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.country)?;
        let letters = self.code.iter().filter(|octet| **octet != 0);
        letters.into_iter().try_for_each(|octet| write!(f, "{}", char::from(*octet)))
    }
}

impl fmt::Debug for Subdivision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_a_country_and_up_to_three_letters_or_digits() {
        for (text, shown) in [("US-CA", "US-CA"), ("gb-eng", "GB-ENG"), ("FR-2a", "FR-2A")] {
            assert_eq!(Subdivision::from_code(text).unwrap().to_string(), shown);
        }
        for text in ["US", "US-", "-CA", "US-CALI", "USA-CA", "US-C-", "US-Ü", "US CA", ""] {
            assert_eq!(Subdivision::from_code(text), None, "{text}");
        }
    }

    #[test]
    fn equal_letters_of_two_countries_are_two_subdivisions() {
        assert_ne!(Subdivision::from_code("US-WA"), Subdivision::from_code("AU-WA"));
    }
}
