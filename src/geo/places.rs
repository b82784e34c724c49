//! The places of all addresses: what the databases say, compiled once per database set into
//! sorted ranges that every view shares.
//!
//! Ranges end where the place changes, and at the barriers. No network or scope extends over a
//! barrier, since the clients in it are not placed by their addresses: those that can't be routed
//! are placed by the address that asks for them, 2002::/16 by the IPv4 addresses embedded in it.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ipnet::IpNet;

use super::address::{SIX_TO_FOUR, UNROUTABLE_V4, UNROUTABLE_V6};
use super::mixer::Mixer;
use super::ranges::{Key, RangeTable};
use super::record::Record;
use super::{Asn, Canonical, Continent, Country, Database, DatabaseInfo, Point, Subdivision};
use crate::id::{Id, IdVec};

/// From an address to its place.
#[derive(Debug)]
pub struct Places {
    databases: Vec<DatabaseInfo>,
    places: IdVec<PlaceId, Place>,
    ipv4: Arc<RangeTable<u32, Cell>>,
    ipv6: Arc<RangeTable<u64, Cell>>,
}

/// What a range holds: a place, and whether it is a barrier.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell(u32);

/// What the databases can tell about a client. Nothing, by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// Where it is.
    pub point: Option<Point>,
    /// What the point was taken from; there exactly when the point is.
    pub point_source: Option<PointSource>,
    /// The country.
    pub country: Option<Country>,
    /// The continent.
    pub continent: Option<Continent>,
    /// The subdivision of the country.
    pub subdivision: Option<Subdivision>,
    /// The autonomous system.
    pub asn: Option<Asn>,
}

/// Where a place's point comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PointSource {
    /// The coordinates in this database, by its position in [`Places::databases`].
    Database(u16),
    /// The point of the place's country, for want of coordinates.
    Country,
}

/// One of the distinct places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub u32);

/// What a look-up finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The place.
    pub place: PlaceId,
    /// The widest network around the address that the databases place the same, and that has
    /// nothing in common with a barrier or is part of it.
    pub network: IpNet,
}

impl Places {
    /// The places that `databases` give; each fills, field by field, what those before it lack.
    pub fn build(databases: &[Database]) -> Self {
        let mut all = Self::none();
        for (index, database) in (0..).zip(databases) {
            all.fill(index, database);
        }
        for place in all.places.values_mut() {
            if let (None, Some(point)) = (place.point, place.country.and_then(Country::point)) {
                place.point = Some(point);
                place.point_source = Some(PointSource::Country);
            }
        }
        all.databases = databases.iter().map(|database| database.info().clone()).collect();
        all
    }

    /// No databases: every client is without a place.
    pub fn none() -> Self {
        Self {
            databases: Vec::new(),
            places: IdVec::from_iter([Place::default()]),
            ipv4: Arc::new(empty(Vec::from(UNROUTABLE_V4))),
            ipv6: Arc::new(empty(ipv6_barriers())),
        }
    }

    /// Where `ip` is.
    pub fn find(&self, ip: IpAddr) -> Found {
        let (cell, len) = match Canonical::of(ip) {
            Canonical::V4 { address, lead } => {
                let range = self.ipv4.find(address);
                let len = self.ipv4.prefix_len(range..range + 1, address);
                (self.ipv4.value(range), lead + len)
            }
            Canonical::V6 { network } => {
                let range = self.ipv6.find(network);
                let len = self.ipv6.prefix_len(range..range + 1, network);
                (self.ipv6.value(range), len)
            }
        };
        let network = IpNet::new(ip, len).expect("a prefix is no longer than its address");
        Found { place: cell.place(), network: network.trunc() }
    }

    /// What is known of a place.
    pub fn place(&self, id: PlaceId) -> &Place {
        &self.places[id]
    }

    /// The distinct places, in the order of their ids.
    pub fn places(&self) -> &IdVec<PlaceId, Place> {
        &self.places
    }

    /// The databases, first to last.
    pub fn databases(&self) -> &[DatabaseInfo] {
        &self.databases
    }

    /// How many ranges of IPv4 addresses and of IPv6 /64s there are.
    pub fn ranges(&self) -> (usize, usize) {
        (self.ipv4.values().len(), self.ipv6.values().len())
    }

    /// The bytes that the tables take.
    pub fn size(&self) -> usize {
        self.ipv4.size() + self.ipv6.size()
    }

    pub(super) fn ipv4(&self) -> &Arc<RangeTable<u32, Cell>> {
        &self.ipv4
    }

    pub(super) fn ipv6(&self) -> &Arc<RangeTable<u64, Cell>> {
        &self.ipv6
    }

    /// As many places of which nothing is known, and the ranges where they are.
    #[cfg(test)]
    pub(crate) fn of_ranges(places: u32, ipv4: &[(u32, PlaceId)], ipv6: &[(u64, PlaceId)]) -> Self {
        let none = Self::none();
        let ipv4 = none.ipv4.overlay(|put| ipv4.iter().for_each(|r| put(r.0, r.1)), Cell::with);
        let ipv6 = none.ipv6.overlay(|put| ipv6.iter().for_each(|r| put(r.0, r.1)), Cell::with);
        let places = (0..places).map(|_| Place::default()).collect();
        Self { places, ipv4: Arc::new(ipv4), ipv6: Arc::new(ipv6), ..none }
    }

    /// Adds what the database says where nothing is known yet.
    fn fill(&mut self, index: u16, database: &Database) {
        let mut filled = Filled::over(&self.places, database.records(), index);
        let ipv4 = self.ipv4.overlay(
            |put| database.ipv4_ranges(put),
            |cell, record| cell.with(filled.place(cell.place(), record)),
        );
        let ipv6 = self.ipv6.overlay(
            |put| database.ipv6_ranges(put),
            |cell, record| cell.with(filled.place(cell.place(), record)),
        );
        self.places = filled.places;
        (self.ipv4, self.ipv6) = (Arc::new(ipv4), Arc::new(ipv6));
    }
}

/// The distinct places that result from adding one database's records to earlier places.
struct Filled<'a> {
    earlier: &'a IdVec<PlaceId, Place>,
    records: &'a [Record],
    index: u16,
    places: IdVec<PlaceId, Place>,
    known: HashMap<Identity, PlaceId>,
    /// What was decided for an earlier place and a record.
    decided: HashMap<u64, PlaceId, BuildHasherDefault<Mixer>>,
}

/// All of a place, as what can be a key.
type Identity = (
    Option<[u64; 2]>,
    Option<PointSource>,
    Option<Country>,
    Option<Continent>,
    Option<Subdivision>,
    Option<Asn>,
);

impl<'a> Filled<'a> {
    fn over(earlier: &'a IdVec<PlaceId, Place>, records: &'a [Record], index: u16) -> Self {
        let (known, decided) = (HashMap::new(), HashMap::default());
        let mut filled = Self { earlier, records, index, places: IdVec::new(), known, decided };
        filled.intern(Place::default());
        filled
    }

    fn place(&mut self, earlier: PlaceId, record: Option<usize>) -> PlaceId {
        let pair = u64::from(earlier.0) << 32 | record.map_or(0, |record| record as u64 + 1);
        if let Some(&id) = self.decided.get(&pair) {
            return id;
        }
        let place = self.earlier[earlier];
        let id = self.intern(match record {
            Some(record) => place.filled(&self.records[record], self.index),
            None => place,
        });
        self.decided.insert(pair, id);
        id
    }

    fn intern(&mut self, place: Place) -> PlaceId {
        let Place { point, point_source, country, continent, subdivision, asn } = place;
        let bits = point.map(|point| [point.latitude().to_bits(), point.longitude().to_bits()]);
        let identity = (bits, point_source, country, continent, subdivision, asn);
        *self.known.entry(identity).or_insert_with(|| self.places.push(place))
    }
}

impl Place {
    /// The place with what `record`, of the database at `index`, adds to it.
    fn filled(self, record: &Record, index: u16) -> Self {
        let added = record.point.map(|_| PointSource::Database(index));
        let country = self.country.or(record.country);
        // What says that the client is in another country can't tell in which part of this one.
        let part = record.subdivision.filter(|part| country == Some(part.country()));
        Self {
            point: self.point.or(record.point),
            point_source: self.point_source.or(added),
            country,
            continent: self.continent.or(record.continent),
            subdivision: self.subdivision.or(part),
            asn: self.asn.or(record.asn),
        }
    }
}

impl Id for PlaceId {
    fn from_index(index: usize) -> Self {
        let id = u32::try_from(index).ok().filter(|id| id & Cell::BARRIER == 0);
        Self(id.expect("there are fewer than 2^31 records in a file and places of them"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Cell {
    /// Set in barriers.
    const BARRIER: u32 = 1 << 31;

    /// The place.
    #[inline]
    pub(super) fn place(self) -> PlaceId {
        PlaceId(self.0 & !Self::BARRIER)
    }

    /// Whether the range is a barrier.
    #[inline]
    pub(super) fn is_barrier(self) -> bool {
        self.0 & Self::BARRIER != 0
    }

    /// The same with another place.
    fn with(self, place: PlaceId) -> Self {
        Self(self.0 & Self::BARRIER | place.0)
    }
}

/// Everywhere the place of which nothing is known, between barriers, which ascend.
fn empty<K: Key>(barriers: Vec<RangeInclusive<K>>) -> RangeTable<K, Cell> {
    RangeTable::of_ranges(barriers, Cell(Cell::BARRIER), Cell(0))
}

/// The barriers among IPv6 /64s.
fn ipv6_barriers() -> Vec<RangeInclusive<u64>> {
    let mut barriers = Vec::from(UNROUTABLE_V6);
    barriers.push(SIX_TO_FOUR);
    barriers.sort_unstable_by_key(|range| *range.start());
    barriers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(name: &str) -> Database {
        let bytes: &[u8] = match name {
            "city" => include_bytes!("../../tests/fixtures/mmdb/city.mmdb"),
            _ => include_bytes!("../../tests/fixtures/mmdb/country.mmdb"),
        };
        Database::read(name.into(), bytes.to_vec()).unwrap()
    }

    fn places(names: &str) -> Places {
        Places::build(&names.split_whitespace().map(database).collect::<Vec<_>>())
    }

    fn find(places: &Places, ip: &str) -> Place {
        *places.place(places.find(ip.parse().unwrap()).place)
    }

    fn network(places: &Places, ip: &str) -> String {
        places.find(ip.parse().unwrap()).network.to_string()
    }

    fn country(code: &str) -> Option<Country> {
        Country::from_code(code)
    }

    #[test]
    fn without_databases_nothing_is_known_of_anyone() {
        let none = Places::none();
        for ip in ["1.0.0.1", "10.0.0.1", "2400:1::1", "::1", "64:ff9b::1.0.0.1"] {
            assert_eq!(find(&none, ip), Place::default(), "{ip}");
        }
    }

    #[test]
    fn coordinates_come_from_the_database() {
        let sydney = find(&places("city"), "1.0.0.200");
        assert_eq!(sydney.point, Point::new(-33.49, 143.21));
        assert_eq!(sydney.point_source, Some(PointSource::Database(0)));
        assert_eq!(sydney.country, country("AU"));
        assert_eq!(sydney.continent, Some(Continent::Oceania));
    }

    #[test]
    fn a_place_without_coordinates_is_at_its_countrys_point() {
        let germany = find(&places("city"), "5.1.2.3");
        assert_eq!(germany.point, country("DE").unwrap().point());
        assert_eq!(germany.point_source, Some(PointSource::Country));
        assert_eq!(germany.continent, Some(Continent::Europe));
    }

    #[test]
    fn the_first_database_that_knows_a_field_decides_it() {
        let both = places("country city");
        let new_zealand = find(&both, "1.0.0.1");
        assert_eq!(new_zealand.country, country("NZ"));
        assert_eq!(new_zealand.point, Point::new(-33.49, 143.21));
        assert_eq!(new_zealand.point_source, Some(PointSource::Database(1)));
        assert_eq!(find(&places("city country"), "1.0.0.1").country, country("AU"));
    }

    #[test]
    fn later_databases_fill_what_earlier_ones_lack() {
        let both = places("city country");
        let brazil = find(&both, "7.0.0.1");
        assert_eq!(brazil.country, country("BR"));
        assert_eq!(brazil.continent, Some(Continent::SouthAmerica));
        assert_eq!(brazil.point_source, Some(PointSource::Database(0)));
        assert_eq!(find(&both, "7.0.128.1").country, None);
        assert_eq!(find(&both, "3.1.1.1").country, country("US"));
        assert_eq!(find(&both, "2400:1::1").country, country("JP"));
    }

    #[test]
    fn embedded_ipv4_is_where_the_ipv4_address_is() {
        let places = places("city");
        let expected = places.find("1.0.0.1".parse().unwrap()).place;
        for ip in ["::ffff:1.0.0.1", "64:ff9b::1.0.0.1", "2002:100:1::1"] {
            assert_eq!(places.find(ip.parse().unwrap()).place, expected, "{ip}");
        }
    }

    #[test]
    fn networks_are_as_wide_as_the_place_and_in_the_form_of_the_address() {
        let places = places("city");
        assert_eq!(network(&places, "1.0.0.77"), "1.0.0.0/24");
        assert_eq!(network(&places, "2.0.3.4"), "2.0.0.0/17");
        assert_eq!(network(&places, "::ffff:1.0.0.77"), "::ffff:1.0.0.0/120");
        assert_eq!(network(&places, "2002:100:4d::1"), "2002:100::/40");
        assert_eq!(network(&places, "2400:1:2::3"), "2400:1::/32");
    }

    #[test]
    fn networks_end_at_barriers() {
        let none = Places::none();
        assert_eq!(network(&none, "9.255.255.255"), "8.0.0.0/7");
        assert_eq!(network(&none, "10.1.2.3"), "10.0.0.0/8");
        assert_eq!(network(&none, "2003::1"), "2003::/16");
    }

    #[test]
    fn a_divided_64_counts_as_its_first_address() {
        assert_eq!(find(&places("city"), "2a00:1:0:1:ffff::1").country, country("GB"));
    }

    #[test]
    fn records_that_say_the_same_are_one_place() {
        // Of eleven records one says nothing, as do the ranges without one, and one is behind the
        // first address of its /64.
        assert_eq!(places("city").places().len(), 10);
    }
}
