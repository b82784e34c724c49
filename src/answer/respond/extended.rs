//! The Extended DNS Errors (RFC 8914) that say why a response is as it is. docs/protocol.md lists
//! them.

use crate::answer::steer::Steered;
use crate::route::{AllDown, Tier};
use crate::wire::{ExtendedError, InfoCode};

/// The name is in no zone of this server.
pub(super) const NOT_AUTHORITATIVE: ExtendedError =
    ExtendedError { code: InfoCode::NotAuthoritative, text: "" };

/// The zone did not load.
pub(super) const BROKEN_ZONE: ExtendedError =
    ExtendedError { code: InfoCode::InvalidData, text: "zone did not load" };

/// AXFR and IXFR.
pub(super) const ZONE_TRANSFER: ExtendedError = not_supported("zone transfer");

/// A class without data, or a name without any in class CH.
pub(super) const CLASS: ExtendedError = not_supported("class");

/// A QTYPE that asks for records of several types.
pub(super) const TYPE: ExtendedError = not_supported("type");

/// An OPCODE other than QUERY.
pub(super) const OPCODE: ExtendedError = not_supported("opcode");

/// What a client is not to expect of an answer: that an az behind it was up.
pub(super) fn of_steering(steered: &Steered<'_>) -> Option<ExtendedError> {
    if steered.asked.is_some() {
        return Some(other("no availability zone up: answer of the fallback pool"));
    }
    match (steered.choice.tier, steered.pool.all_down) {
        (Tier::Eligible | Tier::Alive, _) => None,
        (Tier::AllDown, AllDown::Open) => Some(other("no availability zone up: health ignored")),
        (Tier::AllDown, AllDown::Last) => {
            Some(other("no availability zone up: those that were last"))
        }
        (Tier::AllDown, AllDown::Closed | AllDown::Fallback(_)) => {
            Some(other("no availability zone up"))
        }
        (Tier::Drained, _) => Some(other("every availability zone drained")),
    }
}

const fn not_supported(text: &'static str) -> ExtendedError {
    ExtendedError { code: InfoCode::NotSupported, text }
}

const fn other(text: &'static str) -> ExtendedError {
    ExtendedError { code: InfoCode::Other, text }
}
