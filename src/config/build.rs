//! A load put into use: the new files where they are whole; for a zone at fault, what it had.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Code;
use super::load::{Load, ZoneContent};
use super::policy::PolicyFile;
use super::server::{AzEntry, ServerFile};
use super::settings::Settings;
use super::topology::{origin_text, topology};
use crate::diag::Diagnostic;
use crate::route::{PoolId, Topology};
use crate::wire::Name;
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
    /// The azs of `topology` as the files give them, for zones that the next load keeps.
    azs: BTreeMap<String, AzEntry>,
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
    content: Option<ZoneContent>,
}

impl ConfiguredZone {
    /// The names that its pools steer.
    pub fn steered_names(&self) -> Vec<Name> {
        let bindings = self.content.as_ref().map(|content| content.policy.bindings());
        bindings.unwrap_or_default().into_iter().map(|binding| binding.owner).collect()
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
        let Some(ServerFile { settings, azs, .. }) = &self.server else { return (None, vec![]) };
        let zones: Vec<_> = self
            .zones
            .iter()
            .map(|zone| {
                let content = zone.content.clone();
                let is_kept = content.is_none();
                let last =
                    last.and_then(|last| last.zones.iter().find(|z| z.origin == zone.origin));
                let content = content.or_else(|| last?.content.clone());
                let is_kept = is_kept && content.is_some();
                ConfiguredZone { origin: zone.origin.clone(), pools: vec![], is_kept, content }
            })
            .collect();

        let mut azs = azs.clone();
        let mut faults = vec![];
        if let Some(last) = last {
            let kept = zones.iter().filter(|zone| zone.is_kept);
            for content in kept.filter_map(|zone| zone.content.as_ref()) {
                keep_azs(&content.policy, &last.azs, &mut azs, &mut faults);
            }
        }
        match combine(zones, &azs) {
            Ok((topology, zones)) => {
                let (settings, topology) = (settings.clone(), Arc::new(topology));
                (Some(Config { settings, topology, zones, azs }), faults)
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
    azs: &BTreeMap<String, AzEntry>,
) -> Result<(Topology, Vec<ConfiguredZone>), Vec<Diagnostic>> {
    let contents = zones.iter().filter_map(|zone| zone.content.as_ref());
    let policies: Vec<_> = contents.map(|content| &*content.policy).collect();
    let (topology, pools) = topology(azs, &policies)?;
    let whole = zones.iter_mut().filter(|zone| zone.content.is_some());
    for (zone, pools) in whole.zip(pools) {
        zone.pools = pools;
    }
    Ok((topology, zones))
}

/// Gives `azs` what the policy of a kept zone needs and the new `meridian.toml` lacks.
fn keep_azs(
    policy: &PolicyFile,
    last: &BTreeMap<String, AzEntry>,
    azs: &mut BTreeMap<String, AzEntry>,
    faults: &mut Vec<Diagnostic>,
) {
    let names = policy.unmet_azs(azs).into_iter().map(|(_, name)| &name.value);
    for name in names.collect::<BTreeSet<_>>() {
        let Some(old) = last.get(name) else { continue };
        let zone = origin_text(&policy.origin);
        let message = match azs.get_mut(name) {
            Some(az) => {
                az.az.location = old.az.location;
                format!("zone {zone} is kept as it was, so az `{name}` keeps its location")
            }
            None => {
                azs.insert(name.clone(), old.clone());
                format!("zone {zone} is kept as it was, so az `{name}` stays")
            }
        };
        faults.push(Code::KeptAz.fault(message).remedy("mend the zone's files and reload"));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::config::{Environment, load};
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
            let load = self.load();
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
}
