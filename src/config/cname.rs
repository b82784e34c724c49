//! CNAME pools: azs that have a name in place of addresses, and what that forbids.

use std::net::IpAddr;

use super::Code;
use super::key;
use super::policy::{BoundName, PolicyFile};
use super::pool::{EndpointEntry, PoolAzEntry, PoolEntry, probe_of};
use super::reader::{Faults, Placed, Table, Value};
use super::shared::Shared;
use crate::diag::Diagnostic;
use crate::id::Id;
use crate::route::{Address, TargetName};
use crate::wire::Name;
use crate::zone::{Found, Zone};

/// The name that an az has, `"lb"` or `{ name = "lb", probe = "10.0.0.1:80" }`, relative to `origin`
/// where there is one.
pub(super) fn target_of(
    az: Value<'_>,
    origin: Option<&Name>,
    faults: &mut Faults,
) -> Option<EndpointEntry> {
    if az.as_str().is_some() {
        return Some(EndpointEntry { address: target(az, origin, faults)?, probe: None });
    }
    let table = az.table(&key::ENDPOINT, faults)?;
    if let Some(address) = table.get("address", faults) {
        let message = format!("`address` where `{}` needs a list", az.key);
        let fault = Code::MisplacedPoolKey.at(address.key_span, message).label("no list");
        faults.push(fault.remedy(format!("write `{} = [{{ address = … }}]`", az.key)));
        return None;
    }
    let name = table.required("name", faults);
    let address = name.and_then(|value| target(value, origin, faults));
    let probe = probe_of(&table, faults);
    Some(EndpointEntry { address: address?, probe })
}

fn target(value: Value<'_>, origin: Option<&Name>, faults: &mut Faults) -> Option<Placed<Address>> {
    let text = value.string(faults)?;
    let fault = |message: String, label: &str| Code::BadValue.at(value.span, message).label(label);
    if text.parse::<IpAddr>().is_ok() {
        return value.wrong_type("a list of addresses, or a name", faults);
    }
    let is_absolute = text.ends_with('.') && !text.ends_with("\\.");
    if origin.is_none() && !is_absolute {
        let message = format!("`{text}` is relative, but this pool belongs to no zone");
        faults.push(fault(message, "relative to what?").remedy(format!("write \"{text}.\"")));
        return None;
    }
    match Name::from_text(text.as_bytes(), origin.unwrap_or(&Name::root())) {
        Ok(name) => {
            // The case of a name means nothing, so that a change of it changes no endpoint.
            let name = name.to_lowercase();
            let target = TargetName::new(name.as_wire(), &name.to_string());
            Some(Placed { value: Address::Target(target), span: value.span })
        }
        Err(error) => {
            let message = format!("`{}` is no domain name", text.escape_debug());
            let remedy = "write a host's name, with a final dot unless it is relative to the zone";
            faults.push(fault(message, &error.to_string()).remedy(remedy));
            None
        }
    }
}

impl PoolEntry {
    /// Whether its azs have names in place of addresses.
    pub(super) fn is_cname(&self) -> bool {
        self.azs.iter().any(PoolAzEntry::is_cname)
    }

    /// That some azs have names and others addresses. What is at fault elsewhere has neither.
    pub(super) fn report_mixture(&self, faults: &mut Faults) {
        let named = self.azs.iter().find(|az| az.is_cname());
        let filled = self.azs.iter().filter(|az| !az.endpoints.is_empty());
        let (Some(named), Some(other)) = (named, filled.clone().find(|az| !az.is_cname())) else {
            return;
        };
        let message = format!("`{}` has a name where other azs have addresses", named.az.value);
        let fault = Code::MixedPool.at(named.az.span, message).label("a name");
        let fault = fault.related(other.az.span, "addresses");
        faults.push(fault.remedy(
            "a name in the DNS has either a CNAME record or addresses: make it two pools, or write \
             all azs alike",
        ));
    }

    /// That keys say nothing where each az has one endpoint without a family.
    pub(super) fn report_keys_beside_targets(&self, table: &Table<'_>, faults: &mut Faults) {
        for key in ["min_up", "family_down", "max_answers"] {
            if let Some(value) = table.get(key, faults).filter(|_| self.is_cname()) {
                let message = format!("`{key}` in a CNAME pool, whose azs have one name each");
                let fault = Code::MisplacedPoolKey.at(value.key_span, message);
                faults.push(fault.label("says nothing here").remedy("remove the key"));
            }
        }
    }

    /// That the pool's check does not reach a name that says not where to probe it.
    pub(super) fn report_unprobed(&self, faults: &mut Faults) {
        let azs = self.azs.iter().filter(|az| az.is_cname());
        let unprobed = azs.flat_map(|az| &az.endpoints).filter(|it| it.probe.is_none());
        for EndpointEntry { address: Placed { value, span }, .. } in unprobed {
            let message = format!("{value} is never probed");
            let fault = Code::Unprobed.at(*span, message).label("always counts as up");
            faults.push(fault.remedy(format!(
                "a name is probed only where that is said, as serving waits for no resolver: \
                 `{{ name = \"{value}\", probe = \"192.0.2.1:443\" }}`"
            )));
        }
    }
}

impl PoolAzEntry {
    /// Whether it has a name in place of addresses.
    pub(super) fn is_cname(&self) -> bool {
        let mut endpoints = self.endpoints.iter();
        endpoints.any(|endpoint| matches!(endpoint.address.value, Address::Target(_)))
    }
}

impl PolicyFile {
    /// What is wrong between the zone's own data and the CNAME pools of its names, `shared` ones too.
    pub(super) fn check_cnames(&self, shared: &Shared, zone: &Zone) -> Vec<Diagnostic> {
        let is_of = |pool: &PoolEntry, name: &BoundName| name.pool.value == pool.name;
        let shared = shared.pools.values().map(|pool| &**pool);
        let shared = shared.filter(|pool| self.names.iter().any(|name| is_of(pool, name)));
        let mut faults = vec![];
        for pool in self.pools.iter().chain(shared).filter(|pool| pool.is_cname()) {
            let names = self.names.iter().filter(|name| is_of(pool, name));
            faults.extend(names.filter_map(|name| cname_beside_data(name, zone)));
            let targets = pool.azs.iter().flat_map(|az| &az.endpoints);
            faults.extend(targets.filter_map(|target| self.check_target(pool, target, zone)));
        }
        faults
    }

    /// That a target within the zone leads back to its own pool, or nowhere.
    fn check_target(
        &self,
        pool: &PoolEntry,
        EndpointEntry { address: Placed { value, span }, .. }: &EndpointEntry,
        zone: &Zone,
    ) -> Option<Diagnostic> {
        let Address::Target(target) = value else { return None };
        let name = Name::from_wire(target.as_wire()).ok()?;
        if !name.is_within(&self.origin) {
            return None;
        }
        match zone.find(name.as_wire()) {
            Found::Exact(node) | Found::Wildcard { node, .. } => {
                let bound = self.names.get(node.binding()?.index())?;
                if bound.pool.value != pool.name {
                    return None;
                }
                let message = format!("{value} is a name of pool `{}` itself", pool.name);
                let fault = Code::OwnTarget.at(*span, message).label("leads back to itself");
                let fault = fault.related(bound.span, "bound here");
                Some(fault.remedy("name the host that serves there"))
            }
            Found::NoName { .. } => {
                let message = format!("the zone has no name {value}");
                let fault = Code::MissingTarget.at(*span, message).label("clients find nothing");
                let remedy =
                    "end it with a dot if it is not relative to the zone, or add records for it";
                Some(fault.remedy(remedy))
            }
            Found::Delegation(_) | Found::Dname(_) => None,
        }
    }
}

/// A name with a CNAME record can't have others (RFC 1034 section 3.6.2).
fn cname_beside_data(BoundName { owner, span, .. }: &BoundName, zone: &Zone) -> Option<Diagnostic> {
    if owner == zone.origin() {
        let fault = Code::CnameAtApex.at(*span, "a CNAME pool at the zone's own name");
        return Some(fault.label("has SOA and NS records").remedy(
            "a CNAME record can't stand beside others: bind a name below, or give the azs addresses",
        ));
    }
    let Found::Exact(node) = zone.find(owner.to_lowercase().as_wire()) else { return None };
    let first = node.sets().next()?;
    let message = format!("{owner} has {} records beside a CNAME pool", first.rtype());
    let fault = Code::CnameBesideData.at(*span, message).label("has a CNAME pool");
    Some(
        fault.remedy("a CNAME record can't stand beside others: remove them, or bind another name"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::pool::pool;
    use std::path::Path;

    use crate::span::FileId;

    /// What the one az of a pool is given, and the faults but for warnings.
    fn read(az: &str, origin: Option<&str>) -> (Vec<String>, Vec<String>) {
        let mut faults = Faults::new();
        let text = format!("pool.web.endpoints.mumbai = {az}");
        let entries = faults.parse(text.as_bytes(), FileId(0), Path::new(""));
        let start = faults.span(0..0);
        let top = Table::new(&entries, &key::POLICY_FILE, start, &mut faults);
        let pools = top.entries("pool", &key::POOL_ENTRY, &mut faults);
        let origin = origin.map(|name| Name::from_text(name.as_bytes(), &Name::root()).unwrap());
        let pool = pool(pools[0], origin.as_ref(), &mut faults).unwrap();
        let given = pool.azs[0].endpoints.iter().map(|it| it.address.value.to_string()).collect();
        let errors = faults.into_found().into_iter().filter(Diagnostic::is_error);
        (given, errors.map(|fault| fault.message).collect())
    }

    #[test]
    fn names_are_relative_to_the_zone_and_in_lower_case() {
        let given = |az| read(az, Some("app.example")).0;
        assert_eq!(given("\"LB\""), ["lb.app.example."]);
        assert_eq!(given("\"@\""), ["app.example."]);
        assert_eq!(given("{ name = \"lb.Example.net.\" }"), ["lb.example.net."]);
    }

    #[test]
    fn a_pool_of_no_zone_has_absolute_names_alone() {
        assert_eq!(read("\"lb.example.net.\"", None).0, ["lb.example.net."]);
        for relative in ["lb", "lb.example.net", "@"] {
            let (given, faults) = read(&format!("\"{relative}\""), None);
            assert_eq!(given, [""; 0]);
            assert_eq!(
                faults,
                [format!("`{relative}` is relative, but this pool belongs to no zone")]
            );
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let faults = |az| read(az, Some("app.example")).1;
        assert_eq!(faults("\"a..b.\""), ["`a..b.` is no domain name"]);
        let list = "must be a list of addresses, or a name";
        assert_eq!(faults("\"192.0.2.1\""), [format!("`mumbai` {list}")]);
        assert_eq!(faults("{ name = \"2001:db8::1\" }"), [format!("`name` {list}")]);
        assert_eq!(faults("{ probe = \"192.0.2.1:80\" }"), ["an endpoint lacks `name`"]);
    }
}
