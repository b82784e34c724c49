//! What one record of a database says of a place, whichever schema it has.
//!
//! A record is a table of fields and of tables of fields. The one table of all schemas is the
//! `match` in [`Fields::text`] and [`Fields::number`]: a field counts by its name and that of the
//! table it is in. Of a list of tables the first counts. What has another type than expected, or says
//! nothing that is understood, is as if it were not there. Deeper than that nothing is looked for, so
//! that a file in which lists nest without end costs no stack.

use std::fmt;

use maxminddb::{LookupResult, MaxMindDbError};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Asn, Continent, Country, Point, Subdivision};

/// What one record says of a place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Record {
    /// The coordinates. Those of 0, 0 stand for none: nobody lives there.
    pub(crate) point: Option<Point>,
    /// The country, else the one where the network is registered.
    pub(crate) country: Option<Country>,
    /// The continent, else that of the country.
    pub(crate) continent: Option<Continent>,
    /// The largest subdivision of the country.
    pub(crate) subdivision: Option<Subdivision>,
    /// The autonomous system. The number 0 stands for none (RFC 7607).
    pub(crate) asn: Option<Asn>,
}

impl Record {
    /// All of a record is decoded, so that no damage hides in what is not looked at.
    pub(super) fn decode(found: &LookupResult<'_, &[u8]>) -> Result<Self, MaxMindDbError> {
        Ok(found.decode::<Fields<'_>>()?.unwrap_or_default().record())
    }
}

/// The fields of a record that are understood.
#[derive(Default)]
struct Fields<'a> {
    country: Option<Country>,
    registered_country: Option<Country>,
    continent: Option<Continent>,
    /// Without its country.
    subdivision: Option<&'a str>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    asn: Option<Asn>,
}

impl<'a> Fields<'a> {
    /// A text at `key` of `table`, which is empty for the record itself.
    fn text(&mut self, table: &str, key: &str, value: &'a str) {
        match (table, key) {
            // MaxMind and DB-IP; then IPinfo, ip-location-db and IPLocate.
            ("country", "iso_code") | ("", "country_code" | "country") => {
                self.country = self.country.or(country(value));
            }
            ("registered_country", "iso_code") => self.registered_country = country(value),
            ("continent", "code") | ("", "continent_code" | "continent") => {
                self.continent = self.continent.or(Continent::from_code(value));
            }
            ("subdivisions", "iso_code") | ("", "region_code") => {
                self.subdivision.get_or_insert(value);
            }
            ("", "asn") => self.asn = self.asn.or(Asn::from_text(value)),
            // IPinfo: numbers as text, and both in one.
            ("", "loc") => {
                let (latitude, longitude) = value.split_once(',').unwrap_or_default();
                self.text("", "latitude", latitude);
                self.text("", "longitude", longitude);
            }
            ("", "latitude" | "lat" | "longitude" | "lng") => {
                if let Ok(number) = value.trim().parse() {
                    self.number(table, key, number);
                }
            }
            _ => {}
        }
    }

    /// A number at `key` of `table`.
    fn number(&mut self, table: &str, key: &str, value: f64) {
        match (table, key) {
            ("location", "latitude") | ("", "latitude" | "lat") => self.latitude = Some(value),
            ("location", "longitude") | ("", "longitude" | "lng") => self.longitude = Some(value),
            // MaxMind's and DB-IP's ASN files; then their ISP and Enterprise files.
            ("" | "traits", "autonomous_system_number") | ("", "asn") => {
                let is_number =
                    value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
                self.asn = self.asn.or(is_number.then_some(Asn(value as u32)));
            }
            _ => {}
        }
    }

    fn record(self) -> Record {
        let point = self
            .latitude
            .zip(self.longitude)
            .filter(|degrees| *degrees != (0.0, 0.0))
            .and_then(|(latitude, longitude)| Point::new(latitude, longitude));
        let country = self.country.or(self.registered_country);
        let part = self.country.zip(self.subdivision);
        Record {
            point,
            country,
            continent: self.continent.or_else(|| country.and_then(Country::continent)),
            subdivision: part.and_then(|(country, code)| Subdivision::new(country, code)),
            asn: self.asn.filter(|asn| *asn != Asn(0)),
        }
    }
}

/// The country of a code. `ZZ` is what databases say of networks that are in none.
fn country(code: &str) -> Option<Country> {
    Country::from_code(code).filter(|_| !code.eq_ignore_ascii_case("ZZ"))
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut walk = Walk { fields: Self::default(), at: At::Record };
        walk.deserialize(deserializer)?;
        Ok(walk.fields)
    }
}

/// Walks through a record and picks up its fields.
struct Walk<'de> {
    fields: Fields<'de>,
    at: At<'de>,
}

/// Where in a record a value is.
#[derive(Clone, Copy)]
enum At<'de> {
    /// The record itself.
    Record,
    /// A field of the record, or a table in it.
    Field(&'de str),
    /// The first of a list of the record.
    First(&'de str),
    /// A field of a table in the record.
    Inner(&'de str, &'de str),
}

impl<'de> DeserializeSeed<'de> for &mut Walk<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // As `deserialize_any`, which follows pointers to pointers, a call for each, up to the end of
        // the stack; this refuses them, as the format does. Texts come as octets.
        deserializer.deserialize_identifier(self)
    }
}

impl Walk<'_> {
    fn number<E: Error>(&mut self, value: f64) -> Result<(), E> {
        match self.at {
            At::Record | At::First(_) => {}
            At::Field(key) => self.fields.number("", key, value),
            At::Inner(table, key) => self.fields.number(table, key, value),
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for &mut Walk<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let outside = self.at;
        while let Some(key) = map.next_key::<&str>()? {
            self.at = match outside {
                At::Record => At::Field(key),
                At::Field(table) | At::First(table) => At::Inner(table, key),
                At::Inner(..) => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(&mut *self)?;
        }
        self.at = outside;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if let At::Field(key) = self.at {
            self.at = At::First(key);
            seq.next_element_seed(&mut *self)?;
            self.at = At::Field(key);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_borrowed_bytes<E: Error>(self, value: &'de [u8]) -> Result<(), E> {
        let Ok(value) = str::from_utf8(value) else { return Ok(()) };
        match self.at {
            At::Record | At::First(_) => {}
            At::Field(key) => self.fields.text("", key, value),
            At::Inner(table, key) => self.fields.text(table, key, value),
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(value as f64)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<(), E> {
        self.number(value as f64)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use maxminddb::Reader;

    use super::*;

    fn record(fixture: &str, ip: &str) -> Record {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mmdb");
        let bytes = std::fs::read(format!("{directory}/{fixture}.mmdb")).unwrap();
        let bytes = &bytes[..];
        let reader = Reader::from_source(bytes).unwrap();
        Record::decode(&reader.lookup(ip.parse().unwrap()).unwrap()).unwrap()
    }

    /// What there is to know of the place of the fixtures.
    fn all() -> Record {
        Record {
            point: Point::new(48.14, 11.58),
            country: Country::from_code("DE"),
            continent: Some(Continent::Europe),
            subdivision: Subdivision::from_code("DE-BY"),
            asn: Some(Asn(64500)),
        }
    }

    #[test]
    fn every_schema_is_understood() {
        let city = Record { subdivision: None, asn: None, ..all() };
        let provider = Record { subdivision: None, point: None, ..all() };
        // Degrees of single precision.
        let point = Point::new(f64::from(48.14_f32), f64::from(11.58_f32));
        for (schema, expected) in [
            ("maxmind_enterprise", all()),
            ("maxmind_asn", Record { asn: all().asn, ..Record::default() }),
            ("dbip_city_lite", city),
            ("dbip_isp", provider),
            ("ipinfo_lite", provider),
            ("ipinfo_core", all()),
            ("ipinfo_standard", city),
            ("iplocate_asn", provider),
            ("ip_location_db", Record { point, ..city }),
        ] {
            assert_eq!(record(schema, "1.0.0.1"), expected, "{schema}");
        }
    }

    #[test]
    fn the_registered_country_stands_in_for_the_country() {
        let record = record("city", "1.0.1.1");
        assert_eq!(record.country, Country::from_code("CN"));
        assert_eq!(record.continent, Some(Continent::Asia));
        assert_eq!(record.point, None);
    }

    #[test]
    fn what_stands_for_nothing_is_nothing() {
        for ip in ["1.0.0.1", "1.0.1.1", "1.0.3.1", "1.0.4.1"] {
            assert_eq!(record("nothing", ip), Record::default(), "{ip}");
        }
        assert_eq!(record("nothing", "1.0.2.1").point, None);
    }
}
