//! The table of record types: what fields the data of each has, in the order in which a master
//! file gives them.
//!
//! A type is added by a row. Types that are obsolete have none: MD, MF (RFC 973), SIG, NXT
//! (RFC 3755), A6 (RFC 6563); nor has NULL, which no master file may hold (RFC 1035 section
//! 3.3.10). They are served as generic data alone (RFC 3597).

use crate::wire::RecordType;

use super::field::Field;

/// A type's fields, in order; only the last may take all that remains.
struct Format {
    rtype: RecordType,
    fields: Fields,
}

/// The fields of a type, each with its name for people.
pub(super) type Fields = &'static [(&'static str, Field)];

/// The fields of `rtype`; `None` for a type without a format here.
pub(super) fn fields(rtype: RecordType) -> Option<Fields> {
    FORMATS.iter().find(|format| format.rtype == rtype).map(|format| format.fields)
}

/// The types whose records have a format here.
pub(super) fn types() -> impl Iterator<Item = RecordType> {
    FORMATS.iter().map(|format| format.rtype)
}

const FORMATS: &[Format] = &[
    Format { rtype: RecordType::A, fields: &[("address", Field::Ip4)] },
    Format { rtype: RecordType::AAAA, fields: &[("address", Field::Ip6)] },
    Format { rtype: RecordType::NS, fields: &[("server", Field::Name)] },
    Format { rtype: RecordType::CNAME, fields: TARGET },
    Format { rtype: RecordType::DNAME, fields: TARGET },
    Format { rtype: RecordType::PTR, fields: TARGET },
    Format { rtype: RecordType::TXT, fields: TEXT },
    Format {
        rtype: RecordType::SOA,
        fields: &[
            ("primary", Field::Name),
            ("mailbox", Field::Name),
            ("serial", Field::U32),
            ("refresh", Field::Seconds),
            ("retry", Field::Seconds),
            ("expire", Field::Seconds),
            ("minimum", Field::Seconds),
        ],
    },
    Format {
        rtype: RecordType::MX,
        fields: &[("preference", Field::U16), ("exchange", Field::Name)],
    },
    Format {
        rtype: RecordType::SRV,
        fields: &[
            ("priority", Field::U16),
            ("weight", Field::U16),
            ("port", Field::U16),
            ("target", Field::Name),
        ],
    },
    Format {
        rtype: RecordType::NAPTR,
        fields: &[
            ("order", Field::U16),
            ("preference", Field::U16),
            ("flags", Field::String),
            ("services", Field::String),
            ("regexp", Field::String),
            ("replacement", Field::Name),
        ],
    },
    Format {
        rtype: RecordType::CAA,
        fields: &[("flags", Field::U8), ("tag", Field::Tag), ("value", Field::Text)],
    },
    Format { rtype: RecordType::DS, fields: DELEGATION_SIGNER },
    Format {
        rtype: RecordType::SSHFP,
        fields: &[
            ("algorithm", Field::U8),
            ("type", Field::U8),
            ("fingerprint", Field::Digest(&[(1, 20), (2, 32)], 1)),
        ],
    },
    Format { rtype: RecordType::TLSA, fields: CERTIFICATE_ASSOCIATION },
    Format { rtype: RecordType::SVCB, fields: SERVICE },
    Format { rtype: RecordType::HTTPS, fields: SERVICE },
    Format {
        rtype: RecordType::URI,
        fields: &[("priority", Field::U16), ("weight", Field::U16), ("target", Field::Text)],
    },
    Format { rtype: RecordType::HINFO, fields: &[("cpu", Field::String), ("os", Field::String)] },
    Format { rtype: RecordType::LOC, fields: &[("location", Field::Location)] },
    Format { rtype: RecordType::SMIMEA, fields: CERTIFICATE_ASSOCIATION },
    Format { rtype: RecordType::OPENPGPKEY, fields: &[("key", Field::Base64)] },
    Format {
        rtype: RecordType::CERT,
        fields: &[
            ("type", Field::Named16(CERTIFICATES)),
            ("key-tag", Field::U16),
            ("algorithm", Field::Named8(ALGORITHMS)),
            ("certificate", Field::Base64),
        ],
    },
    Format {
        rtype: RecordType::IPSECKEY,
        fields: &[
            ("precedence", Field::U8),
            ("gateway-type", Field::Max8(3)),
            ("algorithm", Field::U8),
            ("gateway", Field::Gateway { behind: 2 }),
            ("key", Field::OptionalBase64),
        ],
    },
    Format {
        rtype: RecordType::AMTRELAY,
        fields: &[
            ("precedence", Field::U8),
            ("discovery", Field::TopBit),
            ("relay-type", Field::LowBits(3)),
            ("relay", Field::Gateway { behind: 1 }),
        ],
    },
    Format { rtype: RecordType::CDS, fields: DELEGATION_SIGNER },
    Format { rtype: RecordType::DNSKEY, fields: KEY },
    Format { rtype: RecordType::CDNSKEY, fields: KEY },
    Format {
        rtype: RecordType::KEY,
        fields: &[
            ("flags", Field::U16),
            ("protocol", Field::U8),
            ("algorithm", Field::Named8(ALGORITHMS)),
            ("key", Field::OptionalBase64),
        ],
    },
    Format {
        rtype: RecordType::CSYNC,
        fields: &[("serial", Field::U32), ("flags", Field::U16), ("types", Field::Types)],
    },
    Format {
        rtype: RecordType::ZONEMD,
        fields: &[
            ("serial", Field::U32),
            ("scheme", Field::U8),
            ("hash", Field::U8),
            ("digest", Field::Digest(&[(1, 48), (2, 64)], ZONE_DIGEST)),
        ],
    },
    Format {
        rtype: RecordType::DSYNC,
        fields: &[
            ("type", Field::Type),
            ("scheme", Field::Named8(&[(1, "NOTIFY")])),
            ("port", Field::U16),
            ("target", Field::Name),
        ],
    },
    Format { rtype: RecordType::DHCID, fields: &[("digest", Field::Base64)] },
    Format { rtype: RecordType::APL, fields: &[("prefix", Field::Prefixes)] },
    Format { rtype: RecordType::HIP, fields: &[("identity", Field::HostIdentity)] },
    Format {
        rtype: RecordType::NID,
        fields: &[("preference", Field::U16), ("node-id", Field::Locator)],
    },
    Format {
        rtype: RecordType::L32,
        fields: &[("preference", Field::U16), ("locator", Field::Ip4)],
    },
    Format {
        rtype: RecordType::L64,
        fields: &[("preference", Field::U16), ("locator", Field::Locator)],
    },
    Format {
        rtype: RecordType::LP,
        fields: &[("preference", Field::U16), ("target", Field::Name)],
    },
    Format { rtype: RecordType::EUI48, fields: &[("address", Field::Eui(6))] },
    Format { rtype: RecordType::EUI64, fields: &[("address", Field::Eui(8))] },
    Format { rtype: RecordType::RP, fields: &[("mailbox", Field::Name), ("text", Field::Name)] },
    Format { rtype: RecordType::AFSDB, fields: &[("subtype", Field::U16), ("host", Field::Name)] },
    Format { rtype: RecordType::RT, fields: &[("preference", Field::U16), ("host", Field::Name)] },
    Format {
        rtype: RecordType::KX,
        fields: &[("preference", Field::U16), ("exchanger", Field::Name)],
    },
    Format {
        rtype: RecordType::PX,
        fields: &[("preference", Field::U16), ("map822", Field::Name), ("mapx400", Field::Name)],
    },
    Format { rtype: RecordType::MB, fields: &[("host", Field::Name)] },
    Format { rtype: RecordType::MG, fields: &[("member", Field::Name)] },
    Format { rtype: RecordType::MR, fields: &[("mailbox", Field::Name)] },
    Format {
        rtype: RecordType::MINFO,
        fields: &[("requests", Field::Name), ("errors", Field::Name)],
    },
    Format {
        rtype: RecordType::WKS,
        fields: &[
            ("address", Field::Ip4),
            ("protocol", Field::Named8(&[(6, "TCP"), (17, "UDP")])),
            ("port", Field::Ports),
        ],
    },
    Format { rtype: RecordType::X25, fields: &[("address", Field::Digits)] },
    Format {
        rtype: RecordType::ISDN,
        fields: &[("address", Field::String), ("subaddress", Field::OptionalString)],
    },
    Format { rtype: RecordType::NSAP, fields: &[("address", Field::Nsap)] },
    Format { rtype: RecordType::NSAP_PTR, fields: TARGET },
    Format { rtype: RecordType::ATMA, fields: &[("address", Field::Atm)] },
    Format {
        rtype: RecordType::GPOS,
        fields: &[
            ("longitude", Field::String),
            ("latitude", Field::String),
            ("altitude", Field::String),
        ],
    },
    Format { rtype: RecordType::EID, fields: HEX },
    Format { rtype: RecordType::NIMLOC, fields: HEX },
    Format {
        rtype: RecordType::SINK,
        fields: &[
            ("meaning", Field::U8),
            ("coding", Field::U8),
            ("subcoding", Field::U8),
            ("data", Field::OptionalBase64),
        ],
    },
    Format { rtype: RecordType::RKEY, fields: KEY },
    Format {
        rtype: RecordType::TALINK,
        fields: &[("previous", Field::Name), ("next", Field::Name)],
    },
    Format {
        rtype: RecordType::DOA,
        fields: &[
            ("enterprise", Field::U32),
            ("type", Field::U32),
            ("location", Field::U8),
            ("media-type", Field::String),
            ("data", Field::DashOrBase64),
        ],
    },
    Format { rtype: RecordType::HHIT, fields: &[("data", Field::Base64)] },
    Format { rtype: RecordType::BRID, fields: &[("data", Field::Base64)] },
    Format { rtype: RecordType::TA, fields: DELEGATION_SIGNER },
    Format { rtype: RecordType::DLV, fields: DELEGATION_SIGNER },
    Format { rtype: RecordType::SPF, fields: TEXT },
    Format { rtype: RecordType::NINFO, fields: TEXT },
    Format { rtype: RecordType::AVC, fields: TEXT },
    Format { rtype: RecordType::RESINFO, fields: TEXT },
    Format { rtype: RecordType::WALLET, fields: TEXT },
];

const TARGET: Fields = &[("target", Field::Name)];
const TEXT: Fields = &[("text", Field::Strings)];
const HEX: Fields = &[("data", Field::Digest(&[], 1))];
const SERVICE: Fields =
    &[("priority", Field::U16), ("target", Field::Name), ("parameters", Field::Parameters)];
/// The shortest, whatever the hash (RFC 8976 section 2.2.4).
const ZONE_DIGEST: usize = 12;
const DELEGATION_SIGNER: Fields = &[
    ("key-tag", Field::U16),
    ("algorithm", Field::Named8(ALGORITHMS)),
    ("digest-type", Field::U8),
    ("digest", Field::Digest(&[(1, 20), (2, 32), (4, 48)], 1)),
];
const CERTIFICATE_ASSOCIATION: Fields = &[
    ("usage", Field::U8),
    ("selector", Field::U8),
    ("matching-type", Field::U8),
    ("data", Field::Digest(&[(1, 32), (2, 64)], 1)),
];
const KEY: Fields = &[
    ("flags", Field::U16),
    ("protocol", Field::U8),
    ("algorithm", Field::Named8(ALGORITHMS)),
    ("key", Field::Base64),
];

/// Mnemonics of the DNSSEC algorithms (IANA, DNS Security Algorithm Numbers).
const ALGORITHMS: &[(u16, &str)] = &[
    (1, "RSAMD5"),
    (2, "DH"),
    (3, "DSA"),
    (5, "RSASHA1"),
    (6, "DSA-NSEC3-SHA1"),
    (7, "RSASHA1-NSEC3-SHA1"),
    (8, "RSASHA256"),
    (10, "RSASHA512"),
    (12, "ECC-GOST"),
    (13, "ECDSAP256SHA256"),
    (14, "ECDSAP384SHA384"),
    (15, "ED25519"),
    (16, "ED448"),
    (252, "INDIRECT"),
    (253, "PRIVATEDNS"),
    (254, "PRIVATEOID"),
];

/// Mnemonics of the kinds of certificates (RFC 4398 section 2.1).
const CERTIFICATES: &[(u16, &str)] = &[
    (1, "PKIX"),
    (2, "SPKI"),
    (3, "PGP"),
    (4, "IPKIX"),
    (5, "ISPKI"),
    (6, "IPGP"),
    (7, "ACPKIX"),
    (8, "IACPKIX"),
    (253, "URI"),
    (254, "OID"),
];
