//! The numbers of the DNS: record types, classes and response codes.

use std::fmt;

/// A resource record TYPE or QTYPE (RFC 1035 section 3.2.2 and the IANA registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

/// A table row: one constant for each type that has a name here.
const NAMES: &[(RecordType, &str)] = &[
    (RecordType::A, "A"),
    (RecordType::NS, "NS"),
    (RecordType::CNAME, "CNAME"),
    (RecordType::SOA, "SOA"),
    (RecordType::PTR, "PTR"),
    (RecordType::MX, "MX"),
    (RecordType::TXT, "TXT"),
    (RecordType::AAAA, "AAAA"),
    (RecordType::SRV, "SRV"),
    (RecordType::NAPTR, "NAPTR"),
    (RecordType::DNAME, "DNAME"),
    (RecordType::OPT, "OPT"),
    (RecordType::DS, "DS"),
    (RecordType::SSHFP, "SSHFP"),
    (RecordType::RRSIG, "RRSIG"),
    (RecordType::NSEC, "NSEC"),
    (RecordType::DNSKEY, "DNSKEY"),
    (RecordType::NSEC3, "NSEC3"),
    (RecordType::NSEC3PARAM, "NSEC3PARAM"),
    (RecordType::TLSA, "TLSA"),
    (RecordType::SVCB, "SVCB"),
    (RecordType::HTTPS, "HTTPS"),
    (RecordType::IXFR, "IXFR"),
    (RecordType::AXFR, "AXFR"),
    (RecordType::ANY, "ANY"),
    (RecordType::CAA, "CAA"),
];

#[allow(missing_docs, reason = "each constant is the type of its own name")]
impl RecordType {
    pub const A: Self = Self(1);
    pub const NS: Self = Self(2);
    pub const CNAME: Self = Self(5);
    pub const SOA: Self = Self(6);
    pub const PTR: Self = Self(12);
    pub const MX: Self = Self(15);
    pub const TXT: Self = Self(16);
    pub const AAAA: Self = Self(28);
    pub const SRV: Self = Self(33);
    pub const NAPTR: Self = Self(35);
    pub const DNAME: Self = Self(39);
    pub const OPT: Self = Self(41);
    pub const DS: Self = Self(43);
    pub const SSHFP: Self = Self(44);
    pub const RRSIG: Self = Self(46);
    pub const NSEC: Self = Self(47);
    pub const DNSKEY: Self = Self(48);
    pub const NSEC3: Self = Self(50);
    pub const NSEC3PARAM: Self = Self(51);
    pub const TLSA: Self = Self(52);
    pub const SVCB: Self = Self(64);
    pub const HTTPS: Self = Self(65);
    pub const IXFR: Self = Self(251);
    pub const AXFR: Self = Self(252);
    pub const ANY: Self = Self(255);
    pub const CAA: Self = Self(257);
}

impl RecordType {
    /// The type of this mnemonic, in any case, or of `TYPEnnn` (RFC 3597 section 5).
    pub fn from_text(text: &str) -> Option<Self> {
        if let Some((rtype, _)) = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Some(*rtype);
        }
        let (prefix, digits) = text.split_at_checked(4)?;
        if !prefix.eq_ignore_ascii_case("TYPE") || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().map(Self)
    }

    /// Whether this is a QTYPE or a meta type, which no zone can hold (RFC 6895 section 3.1).
    pub fn is_meta(self) -> bool {
        self == Self::OPT || self.0 == 0 || (128..=255).contains(&self.0)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(rtype, _)| rtype == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

/// CLASS IN, the only one that zones have (RFC 1035 section 3.2.4).
pub const CLASS_IN: u16 = 1;
/// CLASS CH, in which a server tells of itself (RFC 4892).
pub const CLASS_CH: u16 = 3;

/// A response code (RFC 1035 section 4.1.1, RFC 6891 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rcode {
    /// No error.
    NoError = 0,
    /// The query could not be understood.
    FormErr = 1,
    /// The zone is ours but can't be served now.
    ServFail = 2,
    /// The name does not exist.
    NxDomain = 3,
    /// The kind of query is not implemented.
    NotImp = 4,
    /// The name is in no zone of ours.
    Refused = 5,
    /// A DNAME would make the name too long (RFC 6672 section 2.2).
    YxDomain = 6,
    /// The EDNS version is not 0 (RFC 6891 section 6.1.3); needs an OPT record.
    BadVers = 16,
    /// The client must come back with the cookie that it was given (RFC 7873 section 8); needs an OPT
    /// record.
    BadCookie = 23,
}

impl Rcode {
    /// Every code that Meridian sends, in ascending order.
    pub const ALL: [Self; 9] = [
        Self::NoError,
        Self::FormErr,
        Self::ServFail,
        Self::NxDomain,
        Self::NotImp,
        Self::Refused,
        Self::YxDomain,
        Self::BadVers,
        Self::BadCookie,
    ];
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoError => "NOERROR",
            Self::FormErr => "FORMERR",
            Self::ServFail => "SERVFAIL",
            Self::NxDomain => "NXDOMAIN",
            Self::NotImp => "NOTIMP",
            Self::Refused => "REFUSED",
            Self::YxDomain => "YXDOMAIN",
            Self::BadVers => "BADVERS",
            Self::BadCookie => "BADCOOKIE",
        })
    }
}
