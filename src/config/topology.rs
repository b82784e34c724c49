//! Checked files to the topology: names become ids, equal monitors and equal views become one.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use super::Code;
use super::check::CheckEntry;
use super::clients::Groups;
use super::fence::{Fence, Ground, check_fences};
use super::policy::{PolicyFile, check_azs};
use super::pool::{AllDownName, EndpointEntry, PolicyName, PoolEntry};
use super::reader::Placed;
use super::server::{AzEntry, MAX_AZS};
use super::shared::{Scope, ScopedPool, Shared};
use crate::diag::Diagnostic;
use crate::health::{MonitorId, MonitorSpec};
use crate::id::{Id, IdVec};
use crate::route::{
    Address, AllDown, AzId, Capacities, Endpoint, Policy, Pool, PoolAz, PoolId, Rule, Topology,
    ViewId, ViewSpec,
};
use crate::wire::Name;

/// The topology of `azs`, `shared`, `groups` and `policies`, and for each policy the pools of its
/// names, in the order of [`PolicyFile::bindings`]. The faults are those of [`check_azs`],
/// [`Groups::check`] and [`check_fences`].
pub(super) fn topology(
    azs: &BTreeMap<String, AzEntry>,
    shared: &Shared,
    groups: &Groups,
    policies: &[&PolicyFile],
) -> Result<(Topology, Vec<Vec<PoolId>>), Vec<Diagnostic>> {
    let scopes = policies.iter().map(|policy| Scope::of_zone(policy, shared));
    let pools = [Scope::of_server(shared)].into_iter().chain(scopes).flat_map(Scope::pools);
    let mut pools: Vec<_> = pools.map(|pool| (pool.full_name(), pool)).collect();
    pools.sort_by(|(name, _), (other, _)| name.cmp(other));
    let entries = || pools.iter().map(|(_, pool)| pool.entry);
    let mut faults = check_azs(entries(), azs);
    faults.extend(groups.check(entries()).into_iter().filter(Diagnostic::is_error));
    let ground = Ground { azs, groups };
    let of_fences = check_fences(pools.iter().map(|(_, pool)| *pool), ground);
    faults.extend(of_fences.into_iter().filter(Diagnostic::is_error));
    if azs.len() > MAX_AZS {
        faults.push(Code::TooManyAzs.fault(format!("more than {MAX_AZS} availability zones")));
    }
    if !faults.is_empty() {
        return Err(faults);
    }

    let mut builder = Builder::new(ground);
    // A fallback may come behind the pool that names it.
    let names = pools.iter().map(|(name, _)| name.clone());
    builder.pool_ids = names.zip((0..).map(PoolId)).collect();
    for (name, pool) in pools {
        let built = builder.pool(name, pool);
        builder.topology.pools.push(built);
    }

    let ids_of = |policy: &&PolicyFile| {
        let scope = Scope::of_zone(policy, shared);
        policy.names.iter().map(|bound| builder.pool_id(scope, &bound.pool)).collect()
    };
    let bound = policies.iter().map(ids_of).collect();
    Ok((builder.topology, bound))
}

/// The zone's name in text, without the final dot unless it is the root.
pub(super) fn origin_text(origin: &Name) -> String {
    let text = origin.to_lowercase().to_string();
    match text.strip_suffix('.') {
        Some("") | None => text,
        Some(text) => text.to_owned(),
    }
}

struct Builder<'g> {
    topology: Topology,
    ground: Ground<'g>,
    az_ids: HashMap<String, AzId>,
    /// By full name.
    pool_ids: HashMap<String, PoolId>,
    monitor_ids: HashMap<MonitorSpec, MonitorId>,
    /// The views of the pools that have each list of azs.
    view_ids: HashMap<Vec<AzId>, Vec<ViewId>>,
}

impl<'g> Builder<'g> {
    fn new(ground: Ground<'g>) -> Self {
        let limits = ground.azs.values().enumerate();
        let limits = limits
            .filter_map(|(at, entry)| Some((AzId::from_index(at), entry.capacity.as_ref()?.value)));
        let capacities = Capacities { limits: limits.collect(), ..Capacities::default() };
        let azs: IdVec<_, _> = ground.azs.values().map(|entry| entry.az.clone()).collect();
        Self {
            ground,
            az_ids: azs.iter().map(|(id, az)| (az.name.clone(), id)).collect(),
            pool_ids: HashMap::new(),
            monitor_ids: HashMap::new(),
            view_ids: HashMap::new(),
            topology: Topology { azs, capacities, ..Topology::default() },
        }
    }

    fn pool(&mut self, name: String, pool: ScopedPool<'_>) -> Pool {
        let (entry, check) = (pool.entry, pool.check());
        let azs = entry.azs.iter().map(|az| {
            let endpoints = az.endpoints.iter().map(|endpoint| self.endpoint(endpoint, check));
            let endpoints = endpoints.collect();
            PoolAz { az: self.az(&az.az), endpoints }
        });
        let mut azs: Vec<_> = azs.collect();
        azs.sort_by_key(|az| az.az);
        let ids: Vec<AzId> = azs.iter().map(|az| az.az).collect();
        let view = self.view(entry, ids.clone());
        let given = &self.topology.views[view].azs;
        let safety = entry.safety.built(&ids, given, |name| self.az(name));
        Pool {
            name,
            view,
            azs,
            ttl: entry.ttl,
            min_ttl: entry.min_ttl,
            all_down: self.all_down(pool),
            hold: entry.hold,
            failback: entry.failback,
            min_up: entry.min_up,
            family_down: entry.family_down,
            safety,
            ecs: entry.ecs,
            max_answers: entry.max_answers,
        }
    }

    fn all_down(&self, pool: ScopedPool<'_>) -> AllDown {
        match (pool.entry.all_down, &pool.entry.fallback) {
            (AllDownName::Fallback, Some(name)) => {
                AllDown::Fallback(self.pool_id(pool.scope, name))
            }
            (AllDownName::Closed, _) => AllDown::Closed,
            (AllDownName::Last, _) => AllDown::Last,
            // A file that falls back to no pool is at fault.
            (AllDownName::Open | AllDownName::Fallback, _) => AllDown::Open,
        }
    }

    /// The pool that a name means in `scope`.
    fn pool_id(&self, scope: Scope<'_>, name: &Placed<String>) -> PoolId {
        let pool = scope.pool(&name.value).expect("a file that names unknown pools is at fault");
        self.pool_ids[&pool.full_name()]
    }

    fn endpoint(&mut self, entry: &EndpointEntry, check: Option<&CheckEntry>) -> Endpoint {
        let address = entry.address.value.clone();
        let monitor = check.and_then(|CheckEntry { check, port, .. }| {
            let target = match (&entry.probe, &address) {
                (Some(probe), _) => probe.value,
                (None, Address::Ip(ip)) => SocketAddr::new(*ip, *port),
                (None, Address::Target(_)) => return None,
            };
            Some(self.monitor(MonitorSpec { target, check: Arc::clone(check) }))
        });
        Endpoint { address, monitor }
    }

    fn monitor(&mut self, spec: MonitorSpec) -> MonitorId {
        let monitors = &mut self.topology.monitors;
        *self.monitor_ids.entry(spec).or_insert_with_key(|spec| monitors.push(spec.clone()))
    }

    fn view(&mut self, entry: &PoolEntry, of_pool: Vec<AzId>) -> ViewId {
        let azs = self.allowed(entry.allow.as_ref(), &of_pool);
        let order = self.azs(&entry.order);
        let policy = match entry.policy {
            PolicyName::Nearest => Policy::Nearest { order },
            PolicyName::Failover => Policy::Failover { order },
            PolicyName::Weighted => Policy::Weighted { weights: self.weights(entry, &azs) },
        };
        let rules = entry.rules.iter().map(|rule| Rule {
            clients: self.ground.groups.sets(rule),
            prefer: self.azs(&rule.prefer),
            allow: rule.allow.as_ref().map(|fence| self.allowed(Some(fence), &azs)),
        });
        let rules = rules.collect();
        let spec = ViewSpec { azs, policy, rules };
        let known = self.view_ids.entry(of_pool).or_default();
        let same = known.iter().copied().find(|view| self.topology.views[*view] == spec);
        same.unwrap_or_else(|| {
            let view = self.topology.views.push(spec);
            known.push(view);
            view
        })
    }

    /// Those of `azs` that a fence allows.
    fn allowed(&self, fence: Option<&Fence>, azs: &[AzId]) -> Vec<AzId> {
        let is_allowed = |az: &AzId| {
            let entry = self.ground.azs.get(&self.topology.azs[*az].name);
            entry.is_some_and(|entry| self.ground.allows(fence, entry))
        };
        azs.iter().copied().filter(is_allowed).collect()
    }

    /// The weight of each of `azs`; 1 where none is given.
    fn weights(&self, entry: &PoolEntry, azs: &[AzId]) -> Vec<u32> {
        let given: HashMap<_, _> =
            entry.weights.iter().map(|(name, weight)| (self.az(name), *weight)).collect();
        azs.iter().map(|az| given.get(az).copied().unwrap_or(1)).collect()
    }

    fn azs(&self, names: &[Placed<String>]) -> Vec<AzId> {
        names.iter().map(|name| self.az(name)).collect()
    }

    fn az(&self, name: &Placed<String>) -> AzId {
        self.az_ids[&name.value]
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::Environment;
    use crate::config::policy::policy;
    use crate::config::server::{ServerFile, server};
    use crate::health::CheckKind;
    use crate::route::MinUp;
    use crate::span::FileId;

    const AZS: &str =
        "[az.singapore]\nlocation = [1.35, 103.82]\n[az.mumbai]\nlocation = [19.08, 72.88]\n";

    /// The topology of two azs and these policies, each with its origin.
    fn topology_of(policies: &[(&str, &str)]) -> (Topology, Vec<Vec<PoolId>>) {
        let directory = Path::new("");
        let (server, faults) =
            server(AZS.as_bytes(), FileId(0), directory, &Environment::default());
        assert_eq!(faults, []);
        let policies: Vec<_> = policies
            .iter()
            .map(|(origin, text)| {
                let origin = Name::from_text(origin.as_bytes(), &Name::root()).unwrap();
                let (policy, faults) = policy(text.as_bytes(), FileId(1), &origin, directory);
                let errors: Vec<_> = faults.into_iter().filter(Diagnostic::is_error).collect();
                assert_eq!(errors, []);
                policy
            })
            .collect();
        let ServerFile { azs, shared, groups, .. } = &server;
        topology(azs, shared, groups, &policies.iter().collect::<Vec<_>>()).unwrap()
    }

    /// One pool over both azs, with `line` besides what it needs, and a check with `check`.
    fn pool(name: &str, line: &str, check: &str) -> String {
        format!(
            "names.{name} = \"{name}\"\ncheck.{name} = {{ type = \"http\"{check} }}\n\
             [pool.{name}]\ncheck = \"{name}\"\n{line}\n\
             endpoints.singapore = [\"203.0.113.21\", \"203.0.113.20\"]\n\
             endpoints.mumbai = [\"203.0.113.10\"]\n"
        )
    }

    #[test]
    fn azs_and_pools_are_in_the_order_of_their_names() {
        let (topology, pools) = topology_of(&[
            ("b.example.", &pool("web", "", "")),
            ("A.example.", &pool("web", "", "")),
        ]);
        let azs: Vec<_> = topology.azs.values().map(|az| az.name.as_str()).collect();
        assert_eq!(azs, ["mumbai", "singapore"]);
        let names: Vec<_> = topology.pools.values().map(|pool| pool.name.as_str()).collect();
        assert_eq!(names, ["a.example:web", "b.example:web"]);
        assert_eq!(pools, [[PoolId(1)], [PoolId(0)]]);
    }

    #[test]
    fn a_pool_of_the_root_is_named_after_it() {
        let (topology, _) = topology_of(&[(".", &pool("web", "", ""))]);
        assert_eq!(topology.pools[PoolId(0)].name, ".:web");
    }

    #[test]
    fn the_azs_of_a_pool_are_in_order_and_its_endpoints_as_in_the_file() {
        let (topology, _) = topology_of(&[("app.example.", &pool("web", "", ""))]);
        let azs = &topology.pools[PoolId(0)].azs;
        assert_eq!(azs.iter().map(|az| az.az).collect::<Vec<_>>(), [AzId(0), AzId(1)]);
        let addresses: Vec<_> = azs[1].endpoints.iter().map(|it| it.address.to_string()).collect();
        assert_eq!(addresses, ["203.0.113.21", "203.0.113.20"]);
    }

    #[test]
    fn equal_checks_of_equal_addresses_are_one_monitor_in_any_zone() {
        let (topology, _) = topology_of(&[
            ("a.example.", &pool("web", "", ", status = [200, 201]")),
            ("b.example.", &pool("shop", "", ", status = [201, 200], port = 80")),
        ]);
        assert_eq!(topology.monitors.len(), 3);
    }

    #[test]
    fn different_checks_of_an_address_are_different_monitors() {
        let (topology, _) = topology_of(&[
            ("a.example.", &pool("web", "", "")),
            ("b.example.", &pool("web", "", ", rise = 2")),
        ]);
        assert_eq!(topology.monitors.len(), 6);
    }

    #[test]
    fn pools_that_order_azs_alike_share_a_view() {
        let (topology, _) = topology_of(&[
            ("a.example.", &pool("web", "ttl = \"10s\"", "")),
            ("b.example.", &pool("web", "", "")),
            ("c.example.", &pool("web", "order = [\"singapore\"]", "")),
            ("d.example.", &pool("web", "policy = \"failover\"\norder = [\"singapore\"]", "")),
        ]);
        let views: Vec<_> = topology.pools.values().map(|pool| pool.view).collect();
        assert_eq!(views, [ViewId(0), ViewId(0), ViewId(1), ViewId(2)]);
        let order = vec![AzId(1)];
        assert_eq!(topology.views[ViewId(1)].policy, Policy::Nearest { order: order.clone() });
        assert_eq!(topology.views[ViewId(2)].policy, Policy::Failover { order });
    }

    #[test]
    fn pools_of_other_azs_share_no_view_though_their_fences_leave_the_same() {
        let fenced = "allow = [\"az:singapore\"]";
        let one = "names.www = \"web\"\n[pool.web]\nendpoints.singapore = [\"203.0.113.20\"]\n";
        let (topology, _) =
            topology_of(&[("a.example.", &pool("web", fenced, "")), ("b.example.", one)]);
        let specs: Vec<_> = topology.views.values().collect();
        let [fenced, one] = specs[..] else { panic!("two views: {specs:?}") };
        assert_eq!((fenced, &fenced.azs[..]), (one, &[AzId(1)][..]));
    }

    #[test]
    fn an_endpoint_is_probed_at_its_address_and_the_check_s_port_or_where_it_says() {
        let text = r#"
            names.www = "web"
            check.web = { type = "tcp", port = 8443 }
            [pool.web]
            check = "web"
            endpoints.mumbai = ["203.0.113.10", { address = "203.0.113.11", probe = "10.0.0.1:80" }]
        "#;
        let (topology, _) = topology_of(&[("app.example.", text)]);
        let targets: Vec<_> = topology.monitors.values().map(|m| m.target.to_string()).collect();
        assert_eq!(targets, ["203.0.113.10:8443", "10.0.0.1:80"]);
    }

    #[test]
    fn without_a_check_nothing_is_probed() {
        let text = "names.www = \"web\"\npool.web.endpoints.mumbai = [\"203.0.113.10\"]\n";
        let (topology, _) = topology_of(&[("app.example.", text)]);
        assert!(topology.monitors.is_empty());
        assert_eq!(topology.pools[PoolId(0)].azs[0].endpoints[0].monitor, None);
    }

    #[test]
    fn every_name_has_its_pool_in_the_order_of_the_bindings() {
        let text = r#"
            names = { "@" = "b", www = "a", "*.shop" = "b" }
            pool.a.endpoints.mumbai = ["203.0.113.10"]
            pool.b.endpoints.mumbai = ["203.0.113.11"]
        "#;
        let (_, pools) = topology_of(&[("app.example.", text)]);
        let origin = Name::from_text(b"app.example", &Name::root()).unwrap();
        let (policy, _) = policy(text.as_bytes(), FileId(1), &origin, Path::new(""));
        let owners = policy.bindings().into_iter().map(|binding| binding.owner.to_string());
        let bound: BTreeMap<_, _> = owners.zip(pools[0].iter().map(|pool| pool.0)).collect();
        let expected = [("*.shop.app.example.", 1), ("app.example.", 1), ("www.app.example.", 0)];
        assert_eq!(bound, expected.map(|(owner, pool)| (owner.to_owned(), pool)).into());
    }

    #[test]
    fn a_fallback_is_a_pool_of_the_same_file_and_needs_no_name() {
        let text = r#"
            names.www = "a"
            pool.a = { all_down = "fallback", fallback = "b", endpoints.mumbai = ["203.0.113.10"] }
            pool.b.endpoints.mumbai = ["203.0.113.11"]
        "#;
        let (topology, _) = topology_of(&[("app.example.", text), ("a.example.", text)]);
        let all_down: Vec<_> = topology.pools.values().map(|pool| pool.all_down).collect();
        let [one, two] = [1, 3].map(|id| AllDown::Fallback(PoolId(id)));
        assert_eq!(all_down, [one, AllDown::Open, two, AllDown::Open]);
    }

    #[test]
    fn statuses_and_classes_become_ranges_that_do_not_touch() {
        let check = ", status = [404, \"2xx\", 300, 204, 302]";
        let (topology, _) = topology_of(&[("app.example.", &pool("web", "", check))]);
        let kind = &topology.monitors.values().next().unwrap().check.kind;
        let CheckKind::Http { status, .. } = kind else { panic!("{kind:?}") };
        assert_eq!(*status, [(200, 300), (302, 302), (404, 404)]);
    }

    #[test]
    fn defaults_are_lowered_to_the_bounds_that_the_file_sets() {
        let (topology, _) = topology_of(&[(
            "app.example.",
            &pool("web", "ttl = \"2s\"", ", interval = \"100ms\""),
        )]);
        assert_eq!(topology.pools[PoolId(0)].min_ttl, Duration::from_secs(2));
        let thresholds = topology.monitors.values().next().unwrap().check.thresholds;
        assert_eq!(thresholds.fast_interval, Duration::from_millis(100));
    }

    #[test]
    fn min_up_is_a_count_or_a_share() {
        let min_up = |value: &str| {
            let pool = pool("web", &format!("min_up = {value}"), "");
            topology_of(&[("app.example.", &pool)]).0.pools[PoolId(0)].min_up
        };
        assert_eq!(min_up("2"), MinUp::Count(2));
        assert_eq!(min_up("\"60%\""), MinUp::Percent(60));
    }
}
