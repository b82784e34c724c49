//! What the OPT record of a response says, but for what the answer decides: the scope of Client
//! Subnet and the Extended DNS Error.

use super::{Request, Transport};
use crate::answer::snapshot::Snapshot;
use crate::wire::{ClientSubnet, Edns, Name, OptRecord, Qname, ServedCookie};

/// For a query with this `edns` for `qname`, of which `subnet` is honoured and `cookie` returned.
pub(super) fn of<'a>(
    snapshot: &'a Snapshot,
    request: &Request<'a>,
    edns: Edns<'a>,
    qname: &Qname,
    subnet: Option<ClientSubnet<'a>>,
    cookie: Option<ServedCookie>,
) -> OptRecord<'a> {
    let answering = &snapshot.answering;
    let keepalive = edns.keepalive.filter(|_| request.transport == Transport::Tcp);
    let agent = answering.report_channel.as_ref().filter(|agent| !is_within(qname, agent));
    OptRecord {
        udp_payload: answering.udp_payload,
        dnssec_ok: edns.dnssec_ok,
        client_subnet: subnet.map(|subnet| (subnet, 0)),
        cookie,
        keepalive: keepalive.map(|_| answering.keepalive),
        error: None,
        nsid: answering.identity.as_deref().filter(|_| edns.nsid),
        report_channel: agent.map(Name::as_wire),
    }
}

/// Whether the name is the agent domain or below it: a failure there must not be reported to it.
fn is_within(qname: &Qname, agent: &Name) -> bool {
    let suffix = qname.suffix_offset(agent.label_count());
    suffix.and_then(|at| qname.as_wire().get(at..)) == Some(agent.as_wire())
}
