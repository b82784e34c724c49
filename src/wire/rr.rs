//! The numbers of the DNS: record types, classes and response codes.

use std::fmt;

/// A resource record TYPE or QTYPE (RFC 1035 section 3.2.2 and the IANA registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

/// Every type that has a name (IANA, Resource Record TYPEs).
const NAMES: &[(RecordType, &str)] = &[
    (RecordType::A, "A"),
    (RecordType::NS, "NS"),
    (RecordType(3), "MD"),
    (RecordType(4), "MF"),
    (RecordType::CNAME, "CNAME"),
    (RecordType::SOA, "SOA"),
    (RecordType::MB, "MB"),
    (RecordType::MG, "MG"),
    (RecordType::MR, "MR"),
    (RecordType::NULL, "NULL"),
    (RecordType::WKS, "WKS"),
    (RecordType::PTR, "PTR"),
    (RecordType::HINFO, "HINFO"),
    (RecordType::MINFO, "MINFO"),
    (RecordType::MX, "MX"),
    (RecordType::TXT, "TXT"),
    (RecordType::RP, "RP"),
    (RecordType::AFSDB, "AFSDB"),
    (RecordType::X25, "X25"),
    (RecordType::ISDN, "ISDN"),
    (RecordType::RT, "RT"),
    (RecordType::NSAP, "NSAP"),
    (RecordType::NSAP_PTR, "NSAP-PTR"),
    (RecordType(24), "SIG"),
    (RecordType::KEY, "KEY"),
    (RecordType::PX, "PX"),
    (RecordType::GPOS, "GPOS"),
    (RecordType::AAAA, "AAAA"),
    (RecordType::LOC, "LOC"),
    (RecordType(30), "NXT"),
    (RecordType::EID, "EID"),
    (RecordType::NIMLOC, "NIMLOC"),
    (RecordType::SRV, "SRV"),
    (RecordType::ATMA, "ATMA"),
    (RecordType::NAPTR, "NAPTR"),
    (RecordType::KX, "KX"),
    (RecordType::CERT, "CERT"),
    (RecordType(38), "A6"),
    (RecordType::DNAME, "DNAME"),
    (RecordType::SINK, "SINK"),
    (RecordType::OPT, "OPT"),
    (RecordType::APL, "APL"),
    (RecordType::DS, "DS"),
    (RecordType::SSHFP, "SSHFP"),
    (RecordType::IPSECKEY, "IPSECKEY"),
    (RecordType::RRSIG, "RRSIG"),
    (RecordType::NSEC, "NSEC"),
    (RecordType::DNSKEY, "DNSKEY"),
    (RecordType::DHCID, "DHCID"),
    (RecordType::NSEC3, "NSEC3"),
    (RecordType::NSEC3PARAM, "NSEC3PARAM"),
    (RecordType::TLSA, "TLSA"),
    (RecordType::SMIMEA, "SMIMEA"),
    (RecordType::HIP, "HIP"),
    (RecordType::NINFO, "NINFO"),
    (RecordType::RKEY, "RKEY"),
    (RecordType::TALINK, "TALINK"),
    (RecordType::CDS, "CDS"),
    (RecordType::CDNSKEY, "CDNSKEY"),
    (RecordType::OPENPGPKEY, "OPENPGPKEY"),
    (RecordType::CSYNC, "CSYNC"),
    (RecordType::ZONEMD, "ZONEMD"),
    (RecordType::SVCB, "SVCB"),
    (RecordType::HTTPS, "HTTPS"),
    (RecordType::DSYNC, "DSYNC"),
    (RecordType::HHIT, "HHIT"),
    (RecordType::BRID, "BRID"),
    (RecordType::SPF, "SPF"),
    (RecordType(100), "UINFO"),
    (RecordType(101), "UID"),
    (RecordType(102), "GID"),
    (RecordType(103), "UNSPEC"),
    (RecordType::NID, "NID"),
    (RecordType::L32, "L32"),
    (RecordType::L64, "L64"),
    (RecordType::LP, "LP"),
    (RecordType::EUI48, "EUI48"),
    (RecordType::EUI64, "EUI64"),
    (RecordType(128), "NXNAME"),
    (RecordType(249), "TKEY"),
    (RecordType::TSIG, "TSIG"),
    (RecordType::IXFR, "IXFR"),
    (RecordType::AXFR, "AXFR"),
    (RecordType(253), "MAILB"),
    (RecordType(254), "MAILA"),
    (RecordType::ANY, "ANY"),
    (RecordType::URI, "URI"),
    (RecordType::CAA, "CAA"),
    (RecordType::AVC, "AVC"),
    (RecordType::DOA, "DOA"),
    (RecordType::AMTRELAY, "AMTRELAY"),
    (RecordType::RESINFO, "RESINFO"),
    (RecordType::WALLET, "WALLET"),
    (RecordType(263), "CLA"),
    (RecordType(264), "IPN"),
    (RecordType::TA, "TA"),
    (RecordType::DLV, "DLV"),
];

#[allow(missing_docs, reason = "each constant is the type of its own name")]
impl RecordType {
    pub const A: Self = Self(1);
    pub const NS: Self = Self(2);
    pub const CNAME: Self = Self(5);
    pub const SOA: Self = Self(6);
    pub const MB: Self = Self(7);
    pub const MG: Self = Self(8);
    pub const MR: Self = Self(9);
    pub const NULL: Self = Self(10);
    pub const WKS: Self = Self(11);
    pub const PTR: Self = Self(12);
    pub const HINFO: Self = Self(13);
    pub const MINFO: Self = Self(14);
    pub const MX: Self = Self(15);
    pub const TXT: Self = Self(16);
    pub const RP: Self = Self(17);
    pub const AFSDB: Self = Self(18);
    pub const X25: Self = Self(19);
    pub const ISDN: Self = Self(20);
    pub const RT: Self = Self(21);
    pub const NSAP: Self = Self(22);
    pub const NSAP_PTR: Self = Self(23);
    pub const KEY: Self = Self(25);
    pub const PX: Self = Self(26);
    pub const GPOS: Self = Self(27);
    pub const AAAA: Self = Self(28);
    pub const LOC: Self = Self(29);
    pub const EID: Self = Self(31);
    pub const NIMLOC: Self = Self(32);
    pub const SRV: Self = Self(33);
    pub const ATMA: Self = Self(34);
    pub const NAPTR: Self = Self(35);
    pub const KX: Self = Self(36);
    pub const CERT: Self = Self(37);
    pub const DNAME: Self = Self(39);
    pub const SINK: Self = Self(40);
    pub const OPT: Self = Self(41);
    pub const APL: Self = Self(42);
    pub const DS: Self = Self(43);
    pub const SSHFP: Self = Self(44);
    pub const IPSECKEY: Self = Self(45);
    pub const RRSIG: Self = Self(46);
    pub const NSEC: Self = Self(47);
    pub const DNSKEY: Self = Self(48);
    pub const DHCID: Self = Self(49);
    pub const NSEC3: Self = Self(50);
    pub const NSEC3PARAM: Self = Self(51);
    pub const TLSA: Self = Self(52);
    pub const SMIMEA: Self = Self(53);
    pub const HIP: Self = Self(55);
    pub const NINFO: Self = Self(56);
    pub const RKEY: Self = Self(57);
    pub const TALINK: Self = Self(58);
    pub const CDS: Self = Self(59);
    pub const CDNSKEY: Self = Self(60);
    pub const OPENPGPKEY: Self = Self(61);
    pub const CSYNC: Self = Self(62);
    pub const ZONEMD: Self = Self(63);
    pub const SVCB: Self = Self(64);
    pub const HTTPS: Self = Self(65);
    pub const DSYNC: Self = Self(66);
    pub const HHIT: Self = Self(67);
    pub const BRID: Self = Self(68);
    pub const SPF: Self = Self(99);
    pub const NID: Self = Self(104);
    pub const L32: Self = Self(105);
    pub const L64: Self = Self(106);
    pub const LP: Self = Self(107);
    pub const EUI48: Self = Self(108);
    pub const EUI64: Self = Self(109);
    pub const TSIG: Self = Self(250);
    pub const IXFR: Self = Self(251);
    pub const AXFR: Self = Self(252);
    pub const ANY: Self = Self(255);
    pub const URI: Self = Self(256);
    pub const CAA: Self = Self(257);
    pub const AVC: Self = Self(258);
    pub const DOA: Self = Self(259);
    pub const AMTRELAY: Self = Self(260);
    pub const RESINFO: Self = Self(261);
    pub const WALLET: Self = Self(262);
    pub const TA: Self = Self(32768);
    pub const DLV: Self = Self(32769);
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
    /// The query is signed by a key that is not known (RFC 8945 section 5.2.1).
    NotAuth = 9,
    /// The EDNS version is not 0 (RFC 6891 section 6.1.3); needs an OPT record.
    BadVers = 16,
    /// The client must come back with the cookie that it was given (RFC 7873 section 8); needs an OPT
    /// record.
    BadCookie = 23,
}

impl Rcode {
    /// Every code that Meridian sends, in ascending order.
    pub const ALL: [Self; 10] = [
        Self::NoError,
        Self::FormErr,
        Self::ServFail,
        Self::NxDomain,
        Self::NotImp,
        Self::Refused,
        Self::YxDomain,
        Self::NotAuth,
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
            Self::NotAuth => "NOTAUTH",
            Self::BadVers => "BADVERS",
            Self::BadCookie => "BADCOOKIE",
        })
    }
}
