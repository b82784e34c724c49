//! Azs with a `capacity` of whose load nothing is known: they count as carrying none, so that the limit would
//! say nothing while they are lost.

use std::collections::BTreeSet;

use super::Code;
use super::policy::PolicyFile;
use super::server::ServerFile;
use super::shared::Scope;
use crate::diag::Diagnostic;
use crate::health::CheckKind;

/// A warning for each az with a capacity whose load no check of a pool that uses it tells and the demand file
/// doesn't state.
pub(super) fn unknown_loads<'p>(
    server: &ServerFile,
    policies: impl Iterator<Item = &'p PolicyFile>,
) -> Vec<Diagnostic> {
    let ServerFile { azs, shared, demand, .. } = server;
    if !demand.clients.is_empty() {
        return vec![];
    }
    let scopes = policies.map(|policy| Scope::of_zone(policy, shared));
    let pools = scopes.chain([Scope::of_server(shared)]).flat_map(Scope::pools);
    let (mut used, mut known) = (BTreeSet::new(), BTreeSet::new());
    for pool in pools {
        let azs = || pool.entry.azs.iter().map(|az| az.az.value.as_str());
        used.extend(azs());
        match pool.check().map(|check| &check.check.kind) {
            Some(CheckKind::Http { load: Some(_), .. }) => known.extend(azs()),
            Some(CheckKind::Http { load: None, .. } | CheckKind::Tcp) | None => {}
        }
    }
    known.extend(demand.azs.iter().map(|(az, ..)| az.as_str()));
    let unknown =
        azs.iter().filter(|(name, _)| used.contains(&***name) && !known.contains(&***name));
    let faults = unknown.filter_map(|(name, az)| {
        let capacity = az.capacity.as_ref()?;
        let message = format!("nothing tells the load of az `{name}`");
        let fault = Code::UnknownLoad.at(capacity.span, message).label("limits what is not known");
        Some(fault.remedy(format!(
            "have its endpoints report it: `load = \"$.load\"` in their check; or state it: `az:{name},800` \
             in the `demand` file of `[server]`"
        )))
    });
    faults.collect()
}
