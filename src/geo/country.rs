//! Countries and continents by their codes, and what is known of each country: its name, its
//! continent and the point that stands for it where nothing tells more.

use std::fmt;
use std::sync::LazyLock;

use super::Point;

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

    /// The mean point of the country's population; `None` for a code without a country.
    pub fn point(self) -> Option<Point> {
        self.row().map(|row| row.point)
    }

    /// The continent that most of the country is on; `None` for a code without a country.
    pub fn continent(self) -> Option<Continent> {
        self.row().map(|row| row.continent)
    }

    /// The English name; `None` for a code without a country.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// Every country with its code and English name.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        ROWS.iter().map(|row| (row.country, row.name))
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.binary_search_by_key(&self, |row| row.country).ok().map(|index| &ROWS[index])
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

/// A line of the table of countries.
struct Row {
    country: Country,
    continent: Continent,
    name: &'static str,
    point: Point,
}

impl Row {
    /// The row in `iso2,continent,name,lat,lon`; a name that holds a comma is in double quotes.
    fn parse(line: &'static str) -> Option<Self> {
        let (code, rest) = line.split_once(',')?;
        let (continent, rest) = rest.split_once(',')?;
        let (rest, longitude) = rest.rsplit_once(',')?;
        let (name, latitude) = rest.rsplit_once(',')?;
        Some(Self {
            country: Country::from_code(code)?,
            continent: Continent::from_code(continent)?,
            name: name.trim_matches('"').trim(),
            point: Point::new(latitude.parse().ok()?, longitude.parse().ok()?)?,
        })
    }
}

/// The rows by code. A test parses each line, so none is missing here.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut rows: Vec<_> = TABLE.lines().skip(1).filter_map(Row::parse).collect();
    rows.sort_unstable_by_key(|row| row.country);
    rows
});

/// Attribution: see `geoip/LICENSE.md`.
const TABLE: &str = include_str!("../../geoip/countries.csv");

#[cfg(test)]
mod tests {
    use super::*;

    fn country(code: &str) -> Country {
        Country::from_code(code).unwrap()
    }

    #[test]
    fn every_line_of_the_table_is_a_country() {
        let mut lines = TABLE.lines();
        assert_eq!(lines.next(), Some("iso2,continent,name,lat,lon"));
        for line in lines {
            assert!(Row::parse(line).is_some(), "{line}");
        }
        assert_eq!(ROWS.len(), 250);
        assert!(ROWS.windows(2).all(|pair| pair[0].country < pair[1].country));
    }

    #[test]
    fn countries_have_a_name_a_continent_and_a_point() {
        let india = country("in");
        assert_eq!(india.name(), Some("India"));
        assert_eq!(india.continent(), Some(Continent::Asia));
        let nagpur = Point::new(21.15, 79.09).unwrap();
        assert!(india.point().unwrap().distance_km(nagpur) < 500.0);
        assert_eq!(country("BQ").name(), Some("Bonaire, Saint Eustatius and Saba"));
    }

    #[test]
    fn codes_without_a_country_have_nothing() {
        let nowhere = country("ZZ");
        assert_eq!((nowhere.name(), nowhere.continent(), nowhere.point()), (None, None, None));
    }
}
