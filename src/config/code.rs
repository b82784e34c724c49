//! The codes of every fault that the files of a load can have, the zone files' own apart.

use crate::diag::Diagnostic;
use crate::span::{Severity, Span};

/// What kind of fault it is. The text of a code is stable; docs/diagnostics.md tells its cause and
/// remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A file or directory can't be read.
    Unreadable,
    /// Two files have the same origin.
    DuplicateOrigin,
    /// A file's name is no origin.
    BadFileName,
    /// A file that is neither a zone nor a policy lies among the zones.
    StrayFile,
    /// A policy has no zone file beside it.
    PolicyWithoutZone,
    /// There is no zone at all.
    NoZones,
    /// A TOML file is not UTF-8.
    NotUtf8,
    /// A file is not TOML.
    Syntax,
    /// No such key.
    UnknownKey,
    /// A required key is not there.
    MissingKey,
    /// A value has the wrong TOML type.
    WrongType,
    /// A value is too small or too large.
    OutOfRange,
    /// A value has the right type but says nothing that is understood.
    BadValue,
    /// A list holds the same thing twice.
    Duplicate,
    /// A key stands in two files that are read as one.
    GivenTwice,
    /// Files include each other without end, or too deep.
    IncludeChain,
    /// A list is empty that must not be.
    EmptyList,
    /// The name of an az, check or pool holds other characters than names may.
    BadName,
    /// More azs than there are ids.
    TooManyAzs,
    /// A GeoIP database can't be used.
    BadDatabase,
    /// A GeoIP database is older than the one in use.
    OlderDatabase,
    /// A GeoIP database was built long ago.
    OldDatabase,
    /// An update of the GeoIP databases looks like an accident, and nobody asked for it.
    HeldDatabase,
    /// A line of a demand file is none.
    BadDemand,
    /// The file of cookie secrets holds none, or something else.
    BadSecrets,
    /// Everybody may read the file of cookie secrets.
    OpenSecrets,
    /// A limit of TCP connections is above one that always comes first.
    UnreachableLimit,
    /// An az's `soft` limit is above its `hard` one.
    ReversedCapacity,
    /// An az has a capacity, and nothing tells its load.
    UnknownLoad,
    /// An az is in no pool.
    UnusedAz,
    /// A key says nothing for a check of this type.
    MisplacedCheckKey,
    /// Failing endpoints would be probed less often than healthy ones.
    SlowFastInterval,
    /// `reuse` not below `suppress`: what is suppressed would never be used again.
    NoReuse,
    /// The authorities of a check hold no certificate.
    NoAuthorities,
    /// What a check needs to probe an endpoint is not to be had.
    Unprobeable,
    /// The authorities of a check can't be read any more.
    StaleAuthorities,
    /// A check or pool of a zone has the name of one in meridian.toml.
    SharedName,
    /// No pool uses a check.
    UnusedCheck,
    /// An owner in `[names]` is no domain name.
    BadOwner,
    /// An owner in `[names]` ends in the zone's own name, and would get it again.
    RepeatedOrigin,
    /// A bound name is within another zone, whose data is what is answered.
    OtherZone,
    /// A bound name is a name server in another zone.
    NameServer,
    /// A CNAME pool is bound to a zone's own name.
    CnameAtApex,
    /// A CNAME pool is bound to a name that has records.
    CnameBesideData,
    /// A name is bound to a pool that is not there.
    UnknownPool,
    /// A pool is bound to no name.
    UnusedPool,
    /// A pool names an az that meridian.toml lacks.
    UnknownAz,
    /// A rule names a group that meridian.toml lacks.
    UnknownGroup,
    /// `[group]` has a name that is built in.
    BuiltInGroup,
    /// Earlier rules have all clients of a rule.
    IdleRule,
    /// A rule's clients go by something that no database tells.
    UntoldClients,
    /// More rules in a pool than there may be.
    TooManyRules,
    /// `order` or `prefer` names an az that the pool lacks.
    ForeignAz,
    /// A pool names a check that is not there.
    UnknownCheck,
    /// A pool without check: its endpoints always count as up.
    Unchecked,
    /// `probe` without a check to probe by.
    ProbeWithoutCheck,
    /// A name of a CNAME pool that its check can't reach.
    Unprobed,
    /// Policy `failover` without `order`.
    NoOrder,
    /// A key says nothing in a pool of this kind.
    MisplacedPoolKey,
    /// Rules and weights order azs in too many ways.
    TooManyOrders,
    /// Policy `nearest` over an az without location.
    NoLocation,
    /// A pool without endpoints.
    NoEndpoints,
    /// Some azs of a pool have addresses and others names.
    MixedPool,
    /// A name of a CNAME pool is one that the pool is bound to.
    OwnTarget,
    /// A name of a CNAME pool that its zone should have and has not.
    MissingTarget,
    /// An az has no IPv4 address though others of the pool do.
    NoIpv4,
    /// An az has no IPv6 address though others of the pool do.
    NoIpv6,
    /// An address stands twice in a pool.
    RepeatedAddress,
    /// An address that no client can connect to.
    UnusableAddress,
    /// An az has more addresses than its windows hold.
    TooManyEndpoints,
    /// `min_ttl` above `ttl`.
    MinTtlAboveTtl,
    /// `all_down = "fallback"` without `fallback`.
    NoFallback,
    /// `fallback` where `all_down` says something else.
    MisplacedFallback,
    /// `ramp` where `failback` says something else.
    MisplacedRamp,
    /// A pool that keeps clients from data not to be trusted gives it when nothing else is left.
    FailsOpen,
    /// A safety rule that can't hold.
    ImpossibleSafety,
    /// A safety rule that always holds.
    IdleSafety,
    /// Safety rules need every az of a pool.
    NoFailover,
    /// Safety rules keep an az in service, so that `all_down` never comes about.
    UnreachableAllDown,
    /// A pool's fallback falls back itself.
    ChainedFallback,
    /// A pool of addresses falls back to a CNAME pool, or the reverse.
    MixedFallback,
    /// `allow` names a region that no az is in.
    UnknownRegion,
    /// `allow` names a group that goes by more than countries and continents.
    GroupOfClients,
    /// A fence leaves a pool or the clients of a rule no az.
    EmptyFence,
    /// An az of a pool is outside the pool's fence.
    OutsideFence,
    /// A rule prefers an az that a fence leaves out.
    FencedAz,
    /// A fallback can give an az that a fence leaves out.
    FallbackOutsideFence,
    /// A zone is kept as it was, and needs of an az what meridian.toml no longer gives.
    KeptAz,
    /// A zone is kept as it was, and needs a check or pool that meridian.toml no longer has.
    KeptShared,
    /// A zone is kept as it was, and names a group that meridian.toml no longer has.
    KeptGroup,
    /// A reload would send more clients elsewhere than it may unconfirmed.
    MovesTooMany,
    /// An address of `listen` can't be listened on.
    CannotListen,
    /// The files of a zone are gone, and nobody asked for a reload.
    ZoneGone,
    /// The policy of a zone is gone, and nobody asked for a reload.
    PolicyGone,
    /// A zone would lose many of its names, and nobody asked for a reload.
    ZoneShrunk,
    /// Files were being changed while they were read.
    Changing,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: &[Self] = &[
        Self::Unreadable,
        Self::DuplicateOrigin,
        Self::BadFileName,
        Self::StrayFile,
        Self::PolicyWithoutZone,
        Self::NoZones,
        Self::NotUtf8,
        Self::Syntax,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::OutOfRange,
        Self::BadValue,
        Self::Duplicate,
        Self::GivenTwice,
        Self::IncludeChain,
        Self::EmptyList,
        Self::BadName,
        Self::TooManyAzs,
        Self::BadDatabase,
        Self::OlderDatabase,
        Self::OldDatabase,
        Self::HeldDatabase,
        Self::BadDemand,
        Self::BadSecrets,
        Self::OpenSecrets,
        Self::UnreachableLimit,
        Self::ReversedCapacity,
        Self::UnknownLoad,
        Self::UnusedAz,
        Self::MisplacedCheckKey,
        Self::SlowFastInterval,
        Self::NoReuse,
        Self::NoAuthorities,
        Self::Unprobeable,
        Self::StaleAuthorities,
        Self::SharedName,
        Self::UnusedCheck,
        Self::BadOwner,
        Self::RepeatedOrigin,
        Self::OtherZone,
        Self::NameServer,
        Self::CnameAtApex,
        Self::CnameBesideData,
        Self::UnknownPool,
        Self::UnusedPool,
        Self::UnknownAz,
        Self::ForeignAz,
        Self::UnknownGroup,
        Self::BuiltInGroup,
        Self::IdleRule,
        Self::UntoldClients,
        Self::TooManyRules,
        Self::UnknownCheck,
        Self::Unchecked,
        Self::ProbeWithoutCheck,
        Self::Unprobed,
        Self::NoOrder,
        Self::MisplacedPoolKey,
        Self::TooManyOrders,
        Self::NoLocation,
        Self::NoEndpoints,
        Self::MixedPool,
        Self::OwnTarget,
        Self::MissingTarget,
        Self::NoIpv4,
        Self::NoIpv6,
        Self::RepeatedAddress,
        Self::UnusableAddress,
        Self::TooManyEndpoints,
        Self::MinTtlAboveTtl,
        Self::NoFallback,
        Self::MisplacedFallback,
        Self::MisplacedRamp,
        Self::FailsOpen,
        Self::ImpossibleSafety,
        Self::IdleSafety,
        Self::NoFailover,
        Self::UnreachableAllDown,
        Self::ChainedFallback,
        Self::MixedFallback,
        Self::UnknownRegion,
        Self::GroupOfClients,
        Self::EmptyFence,
        Self::OutsideFence,
        Self::FencedAz,
        Self::FallbackOutsideFence,
        Self::KeptAz,
        Self::KeptShared,
        Self::KeptGroup,
        Self::MovesTooMany,
        Self::CannotListen,
        Self::ZoneGone,
        Self::PolicyGone,
        Self::ZoneShrunk,
        Self::Changing,
    ];

    /// The code as people see it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unreadable => "file/unreadable",
            Self::DuplicateOrigin => "file/duplicate-origin",
            Self::BadFileName => "file/bad-name",
            Self::StrayFile => "file/stray",
            Self::PolicyWithoutZone => "file/policy-without-zone",
            Self::NoZones => "file/no-zones",
            Self::NotUtf8 => "config/not-utf-8",
            Self::Syntax => "config/syntax",
            Self::UnknownKey => "config/unknown-key",
            Self::MissingKey => "config/missing-key",
            Self::WrongType => "config/wrong-type",
            Self::OutOfRange => "config/out-of-range",
            Self::BadValue => "config/bad-value",
            Self::Duplicate => "config/duplicate",
            Self::GivenTwice => "config/given-twice",
            Self::IncludeChain => "config/include-chain",
            Self::EmptyList => "config/empty-list",
            Self::BadName => "config/bad-name",
            Self::TooManyAzs => "az/too-many",
            Self::BadDatabase => "geoip/bad-database",
            Self::OlderDatabase => "geoip/older-database",
            Self::OldDatabase => "geoip/old-database",
            Self::HeldDatabase => "geoip/held-database",
            Self::BadDemand => "demand/bad-line",
            Self::BadSecrets => "cookies/bad-secrets",
            Self::OpenSecrets => "cookies/open-secrets",
            Self::UnreachableLimit => "tcp/unreachable-limit",
            Self::ReversedCapacity => "az/reversed-capacity",
            Self::UnknownLoad => "az/unknown-load",
            Self::UnusedAz => "az/unused",
            Self::MisplacedCheckKey => "check/misplaced-key",
            Self::SlowFastInterval => "check/slow-fast-interval",
            Self::NoReuse => "check/no-reuse",
            Self::NoAuthorities => "check/no-authorities",
            Self::Unprobeable => "check/unprobeable",
            Self::StaleAuthorities => "check/stale-authorities",
            Self::SharedName => "config/shared-name",
            Self::UnusedCheck => "check/unused",
            Self::BadOwner => "names/bad-owner",
            Self::RepeatedOrigin => "names/repeated-origin",
            Self::OtherZone => "names/other-zone",
            Self::NameServer => "names/name-server",
            Self::CnameAtApex => "names/cname-at-apex",
            Self::CnameBesideData => "names/cname-beside-data",
            Self::UnknownPool => "names/unknown-pool",
            Self::UnusedPool => "pool/unused",
            Self::UnknownAz => "pool/unknown-az",
            Self::ForeignAz => "pool/foreign-az",
            Self::UnknownGroup => "pool/unknown-group",
            Self::BuiltInGroup => "group/built-in",
            Self::IdleRule => "pool/idle-rule",
            Self::UntoldClients => "pool/untold-clients",
            Self::TooManyRules => "pool/too-many-rules",
            Self::UnknownCheck => "pool/unknown-check",
            Self::Unchecked => "pool/unchecked",
            Self::ProbeWithoutCheck => "pool/probe-without-check",
            Self::Unprobed => "pool/unprobed",
            Self::NoOrder => "pool/no-order",
            Self::MisplacedPoolKey => "pool/misplaced-key",
            Self::TooManyOrders => "pool/too-many-orders",
            Self::NoLocation => "pool/no-location",
            Self::NoEndpoints => "pool/no-endpoints",
            Self::MixedPool => "pool/mixed",
            Self::OwnTarget => "pool/own-target",
            Self::MissingTarget => "pool/missing-target",
            Self::NoIpv4 => "pool/no-ipv4",
            Self::NoIpv6 => "pool/no-ipv6",
            Self::RepeatedAddress => "pool/repeated-address",
            Self::UnusableAddress => "pool/unusable-address",
            Self::TooManyEndpoints => "pool/too-many-endpoints",
            Self::MinTtlAboveTtl => "pool/min-ttl-above-ttl",
            Self::NoFallback => "pool/no-fallback",
            Self::MisplacedFallback => "pool/misplaced-fallback",
            Self::MisplacedRamp => "pool/misplaced-ramp",
            Self::FailsOpen => "pool/fails-open",
            Self::ImpossibleSafety => "pool/impossible-safety",
            Self::IdleSafety => "pool/idle-safety",
            Self::NoFailover => "pool/no-failover",
            Self::UnreachableAllDown => "pool/unreachable-all-down",
            Self::ChainedFallback => "pool/chained-fallback",
            Self::MixedFallback => "pool/mixed-fallback",
            Self::UnknownRegion => "pool/unknown-region",
            Self::GroupOfClients => "pool/group-of-clients",
            Self::EmptyFence => "pool/empty-fence",
            Self::OutsideFence => "pool/outside-fence",
            Self::FencedAz => "pool/fenced-az",
            Self::FallbackOutsideFence => "pool/fallback-outside-fence",
            Self::KeptAz => "reload/kept-az",
            Self::KeptShared => "reload/kept-shared",
            Self::KeptGroup => "reload/kept-group",
            Self::MovesTooMany => "reload/moves-too-many",
            Self::CannotListen => "reload/cannot-listen",
            Self::ZoneGone => "watch/zone-gone",
            Self::PolicyGone => "watch/policy-gone",
            Self::ZoneShrunk => "watch/zone-shrunk",
            Self::Changing => "watch/changing",
        }
    }

    /// Whether a file with this fault can still be used.
    pub fn severity(self) -> Severity {
        match self {
            Self::StrayFile
            | Self::NoZones
            | Self::OpenSecrets
            | Self::UnreachableLimit
            | Self::UnusedAz
            | Self::OlderDatabase
            | Self::OldDatabase
            | Self::StaleAuthorities
            | Self::UnusedCheck
            | Self::RepeatedOrigin
            | Self::OtherZone
            | Self::UnusedPool
            | Self::Unchecked
            | Self::NoIpv6
            | Self::NoFailover
            | Self::UnreachableAllDown
            | Self::IdleRule
            | Self::UntoldClients
            | Self::Unprobed
            | Self::MissingTarget
            | Self::OutsideFence
            | Self::KeptAz
            | Self::KeptShared
            | Self::KeptGroup
            | Self::UnknownLoad
            | Self::FailsOpen
            | Self::Changing => Severity::Warning,
            Self::Unreadable
            | Self::DuplicateOrigin
            | Self::BadFileName
            | Self::PolicyWithoutZone
            | Self::NotUtf8
            | Self::Syntax
            | Self::UnknownKey
            | Self::MissingKey
            | Self::WrongType
            | Self::OutOfRange
            | Self::BadValue
            | Self::Duplicate
            | Self::GivenTwice
            | Self::IncludeChain
            | Self::EmptyList
            | Self::BadName
            | Self::TooManyAzs
            | Self::MisplacedCheckKey
            | Self::SlowFastInterval
            | Self::NoReuse
            | Self::NoAuthorities
            | Self::BadDatabase
            | Self::HeldDatabase
            | Self::BadDemand
            | Self::BadSecrets
            | Self::Unprobeable
            | Self::SharedName
            | Self::BadOwner
            | Self::NameServer
            | Self::UnknownPool
            | Self::UnknownAz
            | Self::ForeignAz
            | Self::UnknownGroup
            | Self::BuiltInGroup
            | Self::TooManyRules
            | Self::UnknownCheck
            | Self::ProbeWithoutCheck
            | Self::NoOrder
            | Self::NoLocation
            | Self::NoEndpoints
            | Self::NoIpv4
            | Self::RepeatedAddress
            | Self::UnusableAddress
            | Self::CnameAtApex
            | Self::CnameBesideData
            | Self::MisplacedPoolKey
            | Self::TooManyOrders
            | Self::MixedPool
            | Self::OwnTarget
            | Self::TooManyEndpoints
            | Self::MinTtlAboveTtl
            | Self::ReversedCapacity
            | Self::NoFallback
            | Self::MisplacedFallback
            | Self::MisplacedRamp
            | Self::ImpossibleSafety
            | Self::IdleSafety
            | Self::ChainedFallback
            | Self::MixedFallback
            | Self::UnknownRegion
            | Self::GroupOfClients
            | Self::EmptyFence
            | Self::FencedAz
            | Self::FallbackOutsideFence
            | Self::MovesTooMany
            | Self::CannotListen
            | Self::ZoneGone
            | Self::PolicyGone
            | Self::ZoneShrunk => Severity::Error,
        }
    }

    /// A fault of this kind that no line of a file is to blame for.
    pub(crate) fn fault(self, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code: self.text(),
            severity: self.severity(),
            message: message.into(),
            span: None,
            label: String::new(),
            related: vec![],
            remedy: String::new(),
        }
    }

    /// A fault of this kind at `span`.
    pub(crate) fn at(self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { span: Some(span), ..self.fault(message) }
    }
}
