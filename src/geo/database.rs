//! A GeoIP database in MaxMind's format: verified whole, then asked for what each record says of
//! a place.
//!
//! It is read from bytes; what its records say is `Record`'s to know.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use maxminddb::{MaxMindDbError, Reader};

use super::record::Record;
use super::tree::{Tree, TreeFault};
use crate::time::Wall;

/// A database that passed every check.
#[derive(Debug)]
pub struct Database {
    info: DatabaseInfo,
    metadata: maxminddb::Metadata,
    /// The file up to where the search tree ends.
    nodes: Vec<u8>,
    offsets: OffsetSet,
    /// In the order of their offsets.
    records: Vec<Record>,
}

/// What is known of a database as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// The name it was given when it was read.
    pub name: String,
    /// Its type, such as `GeoLite2-City`.
    pub kind: String,
    /// When it was built.
    pub built: Wall,
    /// How many distinct records it holds.
    pub records: usize,
    /// How many networks of its tree have a record.
    pub networks: u32,
}

/// Why bytes are not a database to place clients by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The file violates the format, in the words of its reader.
    #[error("not a valid MaxMind database: {0}")]
    Invalid(String),
    /// Far more paths lead through the search tree than its nodes explain.
    #[error("not a valid MaxMind database: its search tree is tangled")]
    Tangled,
    /// No address has a record.
    #[error("the database has no records")]
    Empty,
    /// No record says anything that is understood.
    #[error(
        "no record tells a country, a continent, coordinates or an autonomous system by a name that \
         is known"
    )]
    NoKnownPath,
}

impl Database {
    /// Verifies and reads all of `bytes`; `name` is what people will know the database by.
    ///
    /// The tree is walked whole and every record decoded whole. The reader's own `verify` is not
    /// asked: it never ends on some files, and refuses good ones over a description that they lack.
    pub fn read(name: String, mut bytes: Vec<u8>) -> Result<Self, DatabaseError> {
        let reader = Reader::from_source(&bytes[..])?;
        let metadata = reader.metadata().clone();
        let tree = Tree::new(&bytes, &metadata);
        let separator = bytes.get(tree.size()..).and_then(|rest| rest.first_chunk());
        if separator != Some(&[0; SEPARATOR]) {
            let message = "the search tree and the data are not 16 zero octets apart";
            return Err(DatabaseError::Invalid(message.into()));
        }
        let mut offsets = OffsetSet::new(bytes.len());
        let mut samples = Vec::new();
        let mut is_stray = false;
        let networks = tree.survey(|first, offset| {
            is_stray |= offset as usize >= bytes.len();
            if offsets.insert(offset) {
                samples.push((offset, first));
            }
        })?;
        if is_stray {
            return Err(DatabaseError::Invalid("a record lies beyond the end of the file".into()));
        }
        samples.sort_unstable();
        let records = samples
            .into_iter()
            .map(|(_, first)| Record::decode(&reader.lookup(address(first, &metadata))?))
            .collect::<Result<Vec<_>, MaxMindDbError>>()?;
        if records.is_empty() {
            return Err(DatabaseError::Empty);
        }
        if records.iter().all(|record| *record == Record::default()) {
            return Err(DatabaseError::NoKnownPath);
        }
        offsets.count();
        let nodes = tree.size();
        bytes.truncate(nodes);
        bytes.shrink_to_fit();
        let info = DatabaseInfo {
            name,
            kind: metadata.database_type.clone(),
            built: Wall::from_epoch(Duration::from_secs(metadata.build_epoch)),
            records: records.len(),
            networks,
        };
        Ok(Self { info, metadata, nodes: bytes, offsets, records })
    }

    /// What is known of the database as a whole.
    pub fn info(&self) -> &DatabaseInfo {
        &self.info
    }

    /// What the records say, each once.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// The ranges of IPv4 addresses in order, from 0 on: the first address and which record the
    /// range has, if any.
    pub(crate) fn ipv4_ranges(&self, mut visit: impl FnMut(u32, Option<usize>)) {
        let tree = Tree::new(&self.nodes, &self.metadata);
        tree.ipv4_ranges(|first, offset| visit(first, self.offsets.rank(offset)));
    }

    /// The same for IPv6 by /64; where the database divides a /64, its first address counts.
    pub(crate) fn ipv6_ranges(&self, mut visit: impl FnMut(u64, Option<usize>)) {
        let tree = Tree::new(&self.nodes, &self.metadata);
        tree.ipv6_ranges(|first, offset| visit(first, self.offsets.rank(offset)));
    }
}

/// The address whose position in the tree is `first`.
fn address(first: u128, metadata: &maxminddb::Metadata) -> IpAddr {
    if metadata.ip_version == 4 {
        Ipv4Addr::from_bits(first as u32).into()
    } else {
        Ipv6Addr::from_bits(first).into()
    }
}

impl From<MaxMindDbError> for DatabaseError {
    fn from(error: MaxMindDbError) -> Self {
        match error {
            MaxMindDbError::InvalidDatabase { message, offset: Some(offset) } => {
                Self::Invalid(format!("{message} (at octet {offset})"))
            }
            MaxMindDbError::InvalidDatabase { message, offset: None } => Self::Invalid(message),
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<TreeFault> for DatabaseError {
    fn from(fault: TreeFault) -> Self {
        match fault {
            TreeFault::TooDeep => Self::Invalid("a path of the search tree has no end".into()),
            TreeFault::Tangled => Self::Tangled,
            TreeFault::Stray => Self::Invalid("a record lies before the data".into()),
        }
    }
}

/// The zero octets between the search tree and the data.
const SEPARATOR: usize = 16;

/// A set of offsets into the data section that can tell the rank of each: a bit for each octet of
/// the section, and the number of bits before each word.
#[derive(Debug)]
struct OffsetSet {
    words: Vec<u64>,
    before: Vec<u32>,
}

impl OffsetSet {
    /// No offsets; those up to `limit` can be added.
    fn new(limit: usize) -> Self {
        Self { words: vec![0; limit / 64 + 1], before: Vec::new() }
    }

    /// Adds an offset; whether it is new and within the limit.
    fn insert(&mut self, offset: u32) -> bool {
        let Some(word) = self.words.get_mut(offset as usize / 64) else { return false };
        let bit = 1 << (offset % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Gets the set ready for `rank`.
    fn count(&mut self) {
        let last = self.words.iter().rposition(|word| *word != 0).map_or(0, |index| index + 1);
        self.words.truncate(last);
        self.words.shrink_to_fit();
        let mut sum = 0;
        self.before.extend(self.words.iter().map(|word| {
            let before = sum;
            sum += word.count_ones();
            before
        }));
    }

    /// How many offsets of the set are less than `offset`, one of the set.
    fn rank(&self, offset: Option<u32>) -> Option<usize> {
        let offset = offset?;
        let index = offset as usize / 64;
        let lower = self.words[index] & ((1 << (offset % 64)) - 1);
        Some((self.before[index] + lower.count_ones()) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};
    use proptest::sample::Index;

    const CITY: &[u8] = include_bytes!("../../tests/fixtures/mmdb/city.mmdb");
    const COUNTRY: &[u8] = include_bytes!("../../tests/fixtures/mmdb/country.mmdb");
    const UNKNOWN: &[u8] = include_bytes!("../../tests/fixtures/mmdb/unknown.mmdb");
    const EMPTY: &[u8] = include_bytes!("../../tests/fixtures/mmdb/empty.mmdb");
    const TANGLED: &[u8] = include_bytes!("../../tests/fixtures/mmdb/tangled.mmdb");

    fn read(bytes: &[u8]) -> Result<Database, DatabaseError> {
        Database::read("fixture".into(), bytes.to_vec())
    }

    /// That every range has the record that a look-up of its first address finds.
    fn assert_consistent(database: &Database, bytes: &[u8]) {
        let reader = Reader::from_source(bytes).unwrap();
        let check = |ip: IpAddr, record: Option<usize>| {
            let found = reader.lookup(ip).unwrap();
            let expected = found.has_data().then(|| Record::decode(&found).unwrap());
            assert_eq!(record.map(|record| database.records[record]), expected, "{ip}");
        };
        database.ipv4_ranges(|first, record| check(Ipv4Addr::from_bits(first).into(), record));
        if reader.metadata().ip_version == 6 {
            database.ipv6_ranges(|first, record| {
                if !ALIASED.contains(&(first >> 32)) {
                    check(Ipv6Addr::from_bits(u128::from(first) << 64).into(), record);
                }
            });
        }
    }

    /// 2001::/32 and 2002::/32, where the fixture repeats the IPv4 tree.
    const ALIASED: [u64; 2] = [0x2001_0000, 0x2002_0000];

    #[test]
    fn a_database_tells_what_it_is() {
        assert_eq!(
            *read(CITY).unwrap().info(),
            DatabaseInfo {
                name: "fixture".into(),
                kind: "Fixture-City".into(),
                built: Wall::from_epoch(Duration::from_secs(1_750_000_000)),
                records: 11,
                networks: 11,
            }
        );
    }

    #[test]
    fn every_record_size_and_address_family_is_read() {
        for (bytes, record_size, ip_version) in [(CITY, 28, 6), (COUNTRY, 32, 4)] {
            let database = read(bytes).unwrap();
            assert_eq!(database.metadata.record_size, record_size);
            assert_eq!(database.metadata.ip_version, ip_version);
            assert_consistent(&database, bytes);
        }
    }

    #[test]
    fn aliases_of_the_ipv4_tree_have_no_records() {
        let mut aliased = Vec::new();
        read(CITY).unwrap().ipv6_ranges(|first, record| {
            if ALIASED.contains(&(first >> 32)) {
                aliased.push((first, record));
            }
        });
        assert_eq!(aliased, [(0x2001 << 48, None), (0x2002 << 48, None)]);
    }

    #[test]
    fn a_database_without_description_is_read() {
        let bytes = include_bytes!("../../tests/fixtures/mmdb/undescribed.mmdb");
        assert!(Reader::from_source(&bytes[..]).unwrap().verify().is_err());
        assert_consistent(&read(bytes).unwrap(), bytes);
    }

    #[test]
    fn an_ipv4_database_knows_no_ipv6() {
        let mut ranges = Vec::new();
        read(COUNTRY).unwrap().ipv6_ranges(|first, record| ranges.push((first, record)));
        assert_eq!(ranges, [(0, None)]);
    }

    #[test]
    fn databases_that_place_nobody_are_refused() {
        assert_eq!(read(UNKNOWN).unwrap_err(), DatabaseError::NoKnownPath);
        assert_eq!(read(EMPTY).unwrap_err(), DatabaseError::Empty);
    }

    #[test]
    fn a_tangled_tree_is_refused_in_bounded_time() {
        assert_eq!(read(TANGLED).unwrap_err(), DatabaseError::Tangled);
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [&b""[..], b"country,latitude\n", &[0; 4096]] {
            assert!(matches!(read(bytes), Err(DatabaseError::Invalid(_))));
        }
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        for len in 0..CITY.len() {
            assert!(matches!(read(&CITY[..len]), Err(DatabaseError::Invalid(_))), "{len}");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_refused_or_read_as_it_is(
            damage in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
            fixture in 0..4_usize,
        ) {
            let mut bytes = [CITY, COUNTRY, UNKNOWN, TANGLED][fixture].to_vec();
            for (index, octet) in damage {
                let at = index.index(bytes.len());
                bytes[at] = octet;
            }
            if let Ok(database) = read(&bytes) {
                assert_consistent(&database, &bytes);
            }
        }
    }
}
