//! A load put into use: the new files where they are whole; for a zone at fault, what it had.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::Code;
use super::clients::Groups;
use super::load::{Hold, Load, Memory, ZoneContent};
use super::policy::{PolicyFile, unmet_azs};
use super::server::{AzEntry, ServerFile};
use super::settings::Settings;
use super::shared::{Scope, Shared};
use super::topology::{origin_text, topology};
use crate::diag::Diagnostic;
use crate::geo::{Demand, Places};
use crate::route::{PoolId, Topology};
use crate::span::Span;
use crate::wire::{Name, Secrets};
use crate::zone::Zone;

/// Everything that the files say, checked and combined.
#[derive(Clone)]
pub struct Config {
    /// This server.
    pub settings: Settings,
    /// Azs, pools, monitors and views.
    pub topology: Arc<Topology>,
    /// Every zone that there are files for, in canonical order.
    pub zones: Vec<ConfiguredZone>,
    /// Where `meridian.toml` says where to listen, if it does.
    pub listen_span: Option<Span>,
    /// The secrets of DNS cookies that a file has, if one is named.
    pub cookie_secrets: Option<Arc<Secrets>>,
    /// Where clients are.
    pub demand: Demand,
    /// What `topology` has of `meridian.toml`, for zones that the next load keeps.
    ground: Ground,
    memory: Arc<Memory>,
}

/// What `meridian.toml` has for all zones, and zones that are kept need of an earlier one.
#[derive(Clone)]
struct Ground {
    azs: BTreeMap<String, AzEntry>,
    shared: Shared,
    groups: Groups,
}

impl Config {
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The zone of this name.
    pub fn zone(&self, origin: &Name) -> Option<&ConfiguredZone> {
        let position = self.zones.binary_search_by(|zone| zone.origin.cmp(origin));
        position.ok().and_then(|position| self.zones.get(position))
    }

    /// What the rules ask of the databases in vain: `places` are what these say. A zone that is kept
    /// was told when its files were whole.
    pub fn check_places(&self, places: &Places) -> Vec<Diagnostic> {
        let current = self.zones.iter().filter(|zone| !zone.is_kept);
        let contents = current.filter_map(|zone| zone.content.as_ref());
        let pools = contents.flat_map(|content| &content.policy.pools);
        let shared = self.ground.shared.pools.values().map(|pool| &**pool);
        self.ground.groups.check_places(pools.chain(shared), places)
    }
}

/// One zone of a [`Config`].
#[derive(Clone)]
pub struct ConfiguredZone {
    /// Its name.
    pub origin: Name,
    /// The pools of its bindings, by [`crate::zone::BindingId`].
    pub pools: Vec<PoolId>,
    /// Whether its files are at fault, so that it is what an earlier load made of them.
    pub is_kept: bool,
    /// Why it is, where its files are not at fault.
    pub hold: Option<Hold>,
    /// Its files.
    pub(super) paths: Vec<PathBuf>,
    content: Option<ZoneContent>,
}

impl ConfiguredZone {
    /// The names that its pools steer.
    pub fn steered_names(&self) -> Vec<Name> {
        let bindings = self.content.as_ref().map(|content| content.policy.bindings());
        bindings.unwrap_or_default().into_iter().map(|binding| binding.owner).collect()
    }

    /// What its files said when they were last taken.
    pub(super) fn content(&self) -> Option<&ZoneContent> {
        self.content.as_ref()
    }

    /// Its data; `None` where its files are at fault and no earlier load had it: such a zone
    /// answers SERVFAIL.
    pub fn zone(&self) -> Option<&Arc<Zone>> {
        self.content.as_ref().map(|content| &content.zone)
    }
}

impl Load {
    /// Combines the files into what is served next, and says what that required. `last` is what is
    /// served now: a zone whose files are at fault stays as it is there, with its pools; a zone
    /// without files goes. `None` if `meridian.toml` is at fault: then all stays as it is.
    pub fn build(&self, last: Option<&Config>) -> (Option<Config>, Vec<Diagnostic>) {
        let Some(server) = &self.server else { return (None, vec![]) };
        let ServerFile { settings, azs, shared, groups, guard, listen_span, .. } = server;
        let zones: Vec<_> = self
            .zones
            .iter()
            .map(|zone| {
                let content = zone.content.clone();
                let is_kept = content.is_none();
                let content = content.or_else(|| last?.zone(&zone.origin)?.content.clone());
                let is_kept = is_kept && content.is_some();
                ConfiguredZone {
                    origin: zone.origin.clone(),
                    pools: vec![],
                    is_kept,
                    hold: zone.hold,
                    paths: zone.paths.clone(),
                    content,
                }
            })
            .collect();

        let mut ground =
            Ground { azs: azs.clone(), shared: shared.clone(), groups: groups.clone() };
        let mut faults = vec![];
        if let Some(last) = last {
            let kept = zones.iter().filter(|zone| zone.is_kept);
            for content in kept.filter_map(|zone| zone.content.as_ref()) {
                ground.keep(&content.policy, &last.ground, &mut faults);
            }
        }
        match combine(zones, &ground) {
            Ok((mut topology, zones)) => {
                guard.complete(&mut topology);
                server.demand.complete(&mut topology);
                let (settings, topology) = (settings.clone(), Arc::new(topology));
                let (memory, listen_span) = (Arc::clone(&self.memory), *listen_span);
                let cookie_secrets = server.cookie_secrets.clone();
                let config = Config {
                    settings,
                    topology,
                    zones,
                    listen_span,
                    cookie_secrets,
                    demand: server.demand.of_clients(),
                    ground,
                    memory,
                };
                (Some(config), faults)
            }
            Err(errors) => {
                faults.extend(errors);
                (None, faults)
            }
        }
    }
}

fn combine(
    mut zones: Vec<ConfiguredZone>,
    ground: &Ground,
) -> Result<(Topology, Vec<ConfiguredZone>), Vec<Diagnostic>> {
    let contents = zones.iter().filter_map(|zone| zone.content.as_ref());
    let policies: Vec<_> = contents.map(|content| &*content.policy).collect();
    let Ground { azs, shared, groups } = ground;
    let (topology, pools) = topology(azs, shared, groups, &policies)?;
    let whole = zones.iter_mut().filter(|zone| zone.content.is_some());
    for (zone, pools) in whole.zip(pools) {
        zone.pools = pools;
    }
    Ok((topology, zones))
}

impl Ground {
    /// Takes over from `last` what the policy of a kept zone needs and the new `meridian.toml`
    /// lacks: pools, their checks, and the groups and azs of both.
    fn keep(&mut self, policy: &PolicyFile, last: &Self, faults: &mut Vec<Diagnostic>) {
        let zone = origin_text(&policy.origin);
        let mut report = |code: Code, kept: String| {
            let message = format!("zone {zone} is kept as it was, so {kept}");
            faults.push(code.fault(message).remedy("mend the zone's files and reload"));
        };
        // Then the fallbacks of those.
        for _ in 0..2 {
            for name in self.unmet_pools(policy) {
                if let Some(old) = last.shared.pools.get(&name) {
                    report(Code::KeptShared, format!("pool `{name}` of meridian.toml stays"));
                    self.shared.pools.insert(name, Arc::clone(old));
                }
            }
        }
        for name in self.unmet_checks(policy) {
            if let Some(old) = last.shared.checks.get(&name) {
                report(Code::KeptShared, format!("check `{name}` of meridian.toml stays"));
                self.shared.checks.insert(name, Arc::clone(old));
            }
        }
        let shared = self.shared.pools.values().map(|pool| &**pool);
        let pools = policy.pools.iter().chain(shared);
        for name in self.groups.keep(pools.clone(), &last.groups) {
            report(Code::KeptGroup, format!("group `{name}` of meridian.toml stays"));
        }
        let unmet = unmet_azs(pools, &self.azs);
        let unmet: BTreeSet<_> = unmet.into_iter().map(|(_, name)| name.value.clone()).collect();
        for name in unmet {
            let Some(old) = last.azs.get(&name) else { continue };
            match self.azs.get_mut(&name) {
                Some(az) => {
                    az.az.location = old.az.location;
                    report(Code::KeptAz, format!("az `{name}` keeps its location"));
                }
                None => {
                    report(Code::KeptAz, format!("az `{name}` stays"));
                    self.azs.insert(name, old.clone());
                }
            }
        }
    }

    fn unmet_pools(&self, policy: &PolicyFile) -> BTreeSet<String> {
        let scope = Scope::of_zone(policy, &self.shared);
        let shared = Scope::of_server(&self.shared);
        let names = policy.names.iter().map(|bound| (scope, &bound.pool));
        let pools = scope.pools().chain(shared.pools());
        let fallbacks = pools.filter_map(|pool| Some((pool.scope, pool.entry.fallback.as_ref()?)));
        let unmet =
            names.chain(fallbacks).filter(|(scope, name)| scope.pool(&name.value).is_none());
        unmet.map(|(_, name)| name.value.clone()).collect()
    }

    fn unmet_checks(&self, policy: &PolicyFile) -> BTreeSet<String> {
        let scopes = [Scope::of_zone(policy, &self.shared), Scope::of_server(&self.shared)];
        let pools = scopes.into_iter().flat_map(Scope::pools);
        let unmet = pools.filter_map(|pool| {
            let check = &pool.entry.check.as_ref()?.value;
            pool.scope.check(check).is_none().then(|| check.clone())
        });
        unmet.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::config::{Environment, load, reload};
    use crate::diag::one_line;

    const SERVER: &str = "az.mumbai.location = [19.08, 72.88]\naz.tokyo.location = [35.7, 139.7]\n";
    const ZONE: &str = "$TTL 1h\n@ SOA ns1 hostmaster 1 2h 30m 2w 30\n@ NS ns1\nns1 A 192.0.2.53\n";
    const POLICY: &str = "names.www = \"web\"\npool.web.endpoints.tokyo = [\"203.0.113.20\"]\n";
    const NOT_TOML: &str = "[pool.web\n";

    /// A directory with two zones, and what was last made of it.
    struct World {
        directory: TempDir,
        config: Config,
    }

    impl World {
        fn new() -> Self {
            let directory = TempDir::new().unwrap();
            fs::create_dir(directory.path().join("zones")).unwrap();
            let files = [
                ("meridian.toml", SERVER),
                ("zones/a.example.zone", ZONE),
                ("zones/a.example.toml", POLICY),
                ("zones/b.example.zone", ZONE),
                ("zones/b.example.toml", POLICY),
            ];
            for (path, text) in files {
                fs::write(directory.path().join(path), text).unwrap();
            }
            let path = directory.path().join("meridian.toml");
            let config = load(&path, &Environment::default()).build(None).0.unwrap();
            Self { directory, config }
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.directory.path().join(path), text).unwrap();
        }

        fn load(&self) -> Load {
            load(&self.directory.path().join("meridian.toml"), &Environment::default())
        }

        /// Loads again; says what building took in one line each.
        fn reload(&mut self) -> Vec<String> {
            let path = self.directory.path().join("meridian.toml");
            let load = reload(&path, &Environment::default(), &self.config);
            let (config, faults) = load.build(Some(&self.config));
            self.config = config.unwrap();
            faults.iter().map(|fault| one_line(fault, &load.sources)).collect()
        }

        fn pools(&self) -> Vec<&str> {
            self.config.topology.pools.values().map(|pool| pool.name.as_str()).collect()
        }
    }

    #[test]
    fn a_zone_at_fault_stays_with_its_pools_while_others_change() {
        let mut world = World::new();
        world.write("zones/a.example.toml", NOT_TOML);
        world.write("zones/b.example.toml", &POLICY.replace("web", "shop"));
        assert_eq!(world.reload(), [""; 0]);
        assert_eq!(world.pools(), ["a.example:web", "b.example:shop"]);
        let [a, b] = &world.config.zones[..] else { panic!("two zones") };
        assert_eq!((a.is_kept, b.is_kept), (true, false));
        assert_eq!((&a.pools[..], &b.pools[..]), (&[PoolId(0)][..], &[PoolId(1)][..]));
    }

    #[test]
    fn a_fault_in_the_zone_file_keeps_the_policy_too() {
        let mut world = World::new();
        world.write("zones/a.example.zone", "");
        world.write("zones/a.example.toml", &POLICY.replace("web", "shop"));
        world.reload();
        assert_eq!(world.pools(), ["a.example:web", "b.example:web"]);
    }

    #[test]
    fn a_zone_can_be_kept_again_and_again_until_it_is_mended() {
        let mut world = World::new();
        world.write("zones/a.example.toml", NOT_TOML);
        world.reload();
        world.reload();
        assert!(world.config.zones[0].is_kept);
        assert_eq!(world.pools(), ["a.example:web", "b.example:web"]);
        world.write("zones/a.example.toml", POLICY);
        world.reload();
        assert!(!world.config.zones[0].is_kept);
    }

    #[test]
    fn a_zone_that_never_was_whole_has_no_data_and_no_pools() {
        let world = World::new();
        world.write("zones/a.example.toml", NOT_TOML);
        let (config, _) = world.load().build(None);
        let config = config.unwrap();
        let [a, b] = &config.zones[..] else { panic!("two zones") };
        assert!(a.zone().is_none() && !a.is_kept);
        assert!(b.zone().is_some());
        assert_eq!(config.topology.pools.len(), 1);
    }

    #[test]
    fn a_zone_without_files_goes() {
        let mut world = World::new();
        for file in ["zones/a.example.zone", "zones/a.example.toml"] {
            fs::remove_file(world.directory.path().join(file)).unwrap();
        }
        world.reload();
        assert_eq!(world.pools(), ["b.example:web"]);
        assert_eq!(world.config.zones.len(), 1);
    }

    #[test]
    fn a_lost_zone_file_beside_its_policy_is_a_fault_not_an_end() {
        let mut world = World::new();
        fs::remove_file(world.directory.path().join("zones/a.example.zone")).unwrap();
        world.reload();
        assert!(world.config.zones[0].is_kept);
    }

    #[test]
    fn a_fault_in_the_server_s_file_leaves_everything() {
        let world = World::new();
        world.write("meridian.toml", "[server]\nlisten = 53\n");
        assert!(world.load().build(Some(&world.config)).0.is_none());
    }

    #[test]
    fn zones_that_can_not_be_listed_are_not_zones_that_went() {
        let world = World::new();
        fs::remove_dir_all(world.directory.path().join("zones")).unwrap();
        assert!(world.load().build(Some(&world.config)).0.is_none());
    }

    #[test]
    fn a_kept_zone_keeps_an_az_that_the_server_s_file_lost() {
        let mut world = World::new();
        world.write("meridian.toml", "az.mumbai.location = [19.08, 72.88]\n");
        world.write("zones/a.example.toml", NOT_TOML);
        world.write("zones/b.example.toml", &POLICY.replace("tokyo", "mumbai"));
        let kept = "warning[reload/kept-az]: zone a.example is kept as it was, so az `tokyo` stays";
        assert_eq!(world.reload(), [kept]);
        assert_eq!(world.reload(), [kept]);
        let azs: Vec<_> = world.config.topology.azs.values().map(|az| az.name.as_str()).collect();
        assert_eq!(azs, ["mumbai", "tokyo"]);
        world.write("zones/a.example.toml", &POLICY.replace("tokyo", "mumbai"));
        assert_eq!(world.reload(), [""; 0]);
        assert_eq!(world.config.topology.azs.len(), 1);
    }

    #[test]
    fn a_kept_zone_keeps_a_group_that_the_server_s_file_lost() {
        let mut world = World::new();
        let group = "group.partners = [\"asn:64500\"]\n";
        let rule = "[[pool.web.rules]]\nclients = [\"group:partners\"]\nprefer = [\"tokyo\"]\n";
        world.write("meridian.toml", &format!("{group}{SERVER}"));
        world.write("zones/a.example.toml", &format!("{POLICY}{rule}"));
        assert_eq!(world.reload(), [""; 0]);
        world.write("meridian.toml", SERVER);
        let kept = "warning[reload/kept-group]: \
                    zone a.example is kept as it was, so group `partners` of meridian.toml stays";
        assert_eq!(world.reload(), [kept]);
        assert!(world.config.zones[0].is_kept);
        assert_eq!(world.reload(), [kept]);
        let rules: Vec<_> =
            world.config.topology.views.values().flat_map(|view| &view.rules).collect();
        assert_eq!(rules[0].clients[0].to_string(), "group:partners");
    }

    #[test]
    fn a_kept_zone_takes_what_else_the_server_s_file_says_of_its_azs() {
        let mut world = World::new();
        world.write("meridian.toml", "az.tokyo.bias = 2.0\n");
        world.write("zones/a.example.toml", NOT_TOML);
        let policy =
            format!("{POLICY}pool.web.order = [\"tokyo\"]\npool.web.policy = \"failover\"\n");
        world.write("zones/b.example.toml", &policy);
        let kept = "warning[reload/kept-az]: \
                    zone a.example is kept as it was, so az `tokyo` keeps its location";
        assert_eq!(world.reload(), [kept]);
        let tokyo = world.config.topology.azs.values().next().unwrap();
        assert_eq!((tokyo.bias, tokyo.location.is_some()), (2.0, true));
    }

    const SHARED: &str = "\
        check.tls = { type = \"tcp\", port = 443 }\n\
        pool.shop = { check = \"tls\", endpoints.tokyo = [\"203.0.113.30\"] }\n";

    /// A world whose zone a.example uses the pool `shop` of meridian.toml.
    fn sharing() -> World {
        let mut world = World::new();
        world.write("meridian.toml", &format!("{SHARED}{SERVER}"));
        world.write("zones/a.example.toml", "names.www = \"shop\"\n");
        assert_eq!(world.reload(), [""; 0]);
        world
    }

    #[test]
    fn a_shared_pool_is_one_pool_however_many_zones_use_it() {
        let mut world = sharing();
        world.write("zones/b.example.toml", "names.www = \"shop\"\nnames.\"@\" = \"shop\"\n");
        world.reload();
        assert_eq!(world.pools(), ["shop"]);
        let [a, b] = &world.config.zones[..] else { panic!("two zones") };
        assert_eq!((&a.pools[..], &b.pools[..]), (&[PoolId(0)][..], &[PoolId(0); 2][..]));
    }

    #[test]
    fn a_zone_s_pool_can_use_a_shared_check() {
        let mut world = sharing();
        world.write("zones/b.example.toml", &format!("{POLICY}pool.web.check = \"tls\"\n"));
        assert_eq!(world.reload(), [""; 0]);
        assert_eq!(world.pools(), ["b.example:web", "shop"]);
        assert_eq!(world.config.topology.monitors.len(), 2);
    }

    #[test]
    fn a_kept_zone_keeps_a_shared_pool_with_its_check_and_az() {
        let mut world = sharing();
        world.write("meridian.toml", "az.mumbai.location = [19.08, 72.88]\n");
        world.write("zones/b.example.toml", &POLICY.replace("tokyo", "mumbai"));
        let kept = [
            "warning[reload/kept-shared]: \
             zone a.example is kept as it was, so pool `shop` of meridian.toml stays",
            "warning[reload/kept-shared]: \
             zone a.example is kept as it was, so check `tls` of meridian.toml stays",
            "warning[reload/kept-az]: zone a.example is kept as it was, so az `tokyo` stays",
        ];
        assert_eq!(world.reload(), kept);
        assert_eq!(world.reload(), kept);
        assert_eq!(world.pools(), ["b.example:web", "shop"]);
        assert_eq!(world.config.topology.monitors.len(), 1);
        world.write("zones/a.example.toml", &POLICY.replace("tokyo", "mumbai"));
        assert_eq!(world.reload(), [""; 0]);
        assert_eq!(world.pools(), ["a.example:web", "b.example:web"]);
    }

    #[test]
    fn a_kept_zone_takes_a_shared_pool_as_it_is_now() {
        let mut world = sharing();
        let shop = SHARED.replace("pool.shop = {", "pool.shop = { ttl = \"7s\",");
        world.write("meridian.toml", &format!("{shop}{SERVER}"));
        world.write("zones/a.example.toml", NOT_TOML);
        assert_eq!(world.reload(), [""; 0]);
        let pools = &world.config.topology.pools;
        assert_eq!(pools[PoolId(1)].ttl, std::time::Duration::from_secs(7));
    }

    #[test]
    fn a_zone_that_repeats_a_shared_name_is_kept_with_its_own_pool() {
        let mut world = World::new();
        let shared = "pool.web.endpoints.mumbai = [\"203.0.113.10\"]\n";
        world.write("meridian.toml", &format!("{shared}{SERVER}"));
        world.write("zones/b.example.toml", "names.www = \"web\"\n");
        assert_eq!(world.reload(), [""; 0]);
        assert_eq!(world.pools(), ["a.example:web", "web"]);
        assert!(world.config.zones[0].is_kept);
    }

    /// Which zones, and which policies, are the very ones of the load before.
    fn shared_with(world: &World, before: &Config) -> Vec<(bool, bool)> {
        let content = |config: &Config, position: usize| config.zones[position].content.clone();
        let zones = 0..world.config.zones.len();
        let same = zones.filter_map(|position| {
            let now = content(&world.config, position)?;
            let before = content(before, position)?;
            let same_zone = Arc::ptr_eq(&now.zone, &before.zone);
            Some((same_zone, Arc::ptr_eq(&now.policy, &before.policy)))
        });
        same.collect()
    }

    #[test]
    fn a_reload_shares_every_zone_whose_files_say_the_same() {
        let mut world = World::new();
        let before = world.config.clone();
        world.write("zones/a.example.zone", ZONE);
        world.reload();
        assert_eq!(shared_with(&world, &before), [(true, true), (true, true)]);
    }

    #[test]
    fn an_edited_pool_leaves_the_zone_s_records_shared() {
        let mut world = World::new();
        let before = world.config.clone();
        world.write("zones/a.example.toml", &format!("{POLICY}pool.web.ttl = \"7s\"\n"));
        world.reload();
        assert_eq!(shared_with(&world, &before), [(true, false), (true, true)]);
        assert_eq!(world.config.topology.pools[PoolId(0)].ttl.as_secs(), 7);
    }

    #[test]
    fn a_zone_is_read_anew_when_its_steered_names_are_others() {
        let mut world = World::new();
        let before = world.config.clone();
        world.write("zones/a.example.toml", &POLICY.replace("www", "app"));
        world.reload();
        assert_eq!(shared_with(&world, &before), [(false, false), (true, true)]);
    }

    #[test]
    fn a_zone_is_read_anew_when_a_file_that_it_includes_changed() {
        let mut world = World::new();
        world.write("zones/hosts.inc", "a A 192.0.2.1\n");
        world.write("zones/a.example.zone", &format!("{ZONE}$INCLUDE hosts.inc\n"));
        world.reload();
        let before = world.config.clone();
        world.reload();
        assert_eq!(shared_with(&world, &before), [(true, true), (true, true)]);
        world.write("zones/hosts.inc", "a A 192.0.2.2\n");
        world.reload();
        assert_eq!(shared_with(&world, &before), [(false, true), (true, true)]);
    }

    #[test]
    fn an_included_file_that_was_missing_is_looked_for_again() {
        let mut world = World::new();
        world.write("zones/a.example.zone", &format!("{ZONE}$INCLUDE hosts.inc\n"));
        world.reload();
        assert!(world.config.zones[0].is_kept);
        world.write("zones/hosts.inc", "a A 192.0.2.1\n");
        world.reload();
        assert!(!world.config.zones[0].is_kept);
    }

    #[test]
    fn faults_of_unchanged_files_are_reported_again_with_their_lines() {
        let mut world = World::new();
        world.write("zones/b.example.toml", &format!("{POLICY}pool.spare = {{}}\n"));
        world.write("zones/b.example.zone", "@ SOA\n");
        world.reload();
        let lines = |load: &Load| {
            let lines = load.diagnostics.iter().map(|fault| one_line(fault, &load.sources));
            lines.collect::<Vec<_>>()
        };
        let path = world.directory.path().join("meridian.toml");
        let again = reload(&path, &Environment::default(), &world.config);
        assert_eq!(lines(&again), lines(&world.load()));
        assert!(lines(&again).iter().any(|line| line.contains("b.example.zone:1:")));
        world.write("meridian.toml", &format!("\n{SERVER}"));
        let moved = reload(&path, &Environment::default(), &world.config);
        assert_eq!(lines(&moved), lines(&world.load()));
    }

    #[test]
    fn an_unchanged_zone_is_held_against_a_changed_server_s_file() {
        let mut world = World::new();
        world.write("meridian.toml", "az.mumbai.location = [19.08, 72.88]\n");
        world.reload();
        assert!(world.config.zones.iter().all(|zone| zone.is_kept));
    }
}
