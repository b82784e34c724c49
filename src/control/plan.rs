//! What a reload would change, before it does: the clients that would get another az, and what comes and
//! goes. Health plays no part.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::config::Code;
use crate::diag::{Diagnostic, Record, Style};
use crate::id::Id;
use crate::route::change::{Move, Moves};
use crate::route::{AzId, PoolId};
use crate::wire::Name;
use crate::zone::Zone;

use super::Control;
use super::load::{self, Loaded, Occasion, Report};

/// What a reload would change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Whether everything in the files would take effect.
    pub clean: bool,
    /// The pools of whose clients any would get another az, by name.
    pub pools: Vec<PoolPlan>,
    /// The names with records or a pool that would come.
    pub names_come: Vec<String>,
    /// Those that would go.
    pub names_go: Vec<String>,
    /// The zones that would come.
    pub zones_come: Vec<String>,
    /// Those that would go.
    pub zones_go: Vec<String>,
    /// The rules that it would break.
    pub broken: Vec<String>,
    /// Every fault, rendered for people; empty for none.
    pub faults: String,
    /// Every fault, for programs.
    pub diagnostics: Vec<Record>,
}

/// What a reload would change for the clients of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolPlan {
    /// The pool.
    pub name: String,
    /// The pool that its names had before.
    pub before: String,
    /// The names that have it.
    pub names: Vec<String>,
    /// Of all IPv4 addresses that clients can have, the share that would get another az.
    pub ipv4: f64,
    /// The same of the IPv6 /64s of which the databases know anything.
    pub ipv6: f64,
    /// From which az to which, the most first.
    pub moves: Vec<MovePlan>,
}

/// Clients that would go from one az to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MovePlan {
    /// The az before.
    pub from: String,
    /// The az after.
    pub to: String,
    /// How many IPv4 addresses.
    pub ipv4: u64,
    /// How many IPv6 /64s.
    pub ipv6: u64,
    /// Where they are, the most first.
    pub countries: Vec<CountryPlan>,
    /// The widest network that moves as a whole.
    pub example: Option<String>,
}

/// Clients in a country.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CountryPlan {
    /// Its code; `None`: nobody knows.
    pub country: Option<String>,
    /// How many IPv4 addresses.
    pub ipv4: u64,
    /// How many IPv6 /64s.
    pub ipv6: u64,
}

impl Plan {
    /// From what serves to what was loaded after it, or why nothing would.
    pub fn between(before: &Loaded, after: &Result<Loaded, Report>) -> Self {
        let (after, report) = match after {
            Ok(after) => (after, &after.report),
            Err(report) => return Self { clean: false, ..Self::default() }.told(report),
        };
        let moves = moves(before, after);
        let (names, names_before) = (names(after), names(before));
        let (zones, zones_before) = (origins(after), origins(before));
        let max = before.settings().max_move;
        let name = |pool: PoolId, of: &Loaded| of.routing.topology.pools[pool].name.clone();
        let pools = moves.iter().filter(|(_, _, moves)| !moves.moves.is_empty());
        let pools = pools.map(|((from, to), names, moves)| PoolPlan {
            name: name(*to, after),
            before: name(*from, before),
            names: names.iter().map(ToString::to_string).collect(),
            ipv4: moves.ipv4.fraction(),
            ipv6: moves.ipv6.fraction(),
            moves: moves.moves.iter().map(|of| move_plan(of, before, after)).collect(),
        });
        let mut pools: Vec<_> = pools.collect();
        pools.sort_by(|a, b| (&a.name, &a.before).cmp(&(&b.name, &b.before)));
        let broken = moves.iter().filter(|(.., moves)| is_too_many(moves, max));
        let broken = broken.map(|(pools, _, moves)| {
            format!("max_move = \"{max}%\": {}", told(*pools, moves, before, after))
        });
        Self {
            clean: report.is_clean(),
            pools,
            names_come: difference(&names, &names_before),
            names_go: difference(&names_before, &names),
            zones_come: difference(&zones, &zones_before),
            zones_go: difference(&zones_before, &zones),
            broken: broken.collect(),
            ..Self::default()
        }
        .told(report)
    }

    /// Whether it changes nothing that clients see go or move.
    pub fn is_empty(&self) -> bool {
        let Self { pools, names_come, names_go, zones_come, zones_go, .. } = self;
        pools.is_empty()
            && [names_come, names_go, zones_come, zones_go].iter().all(|of| of.is_empty())
    }

    fn told(self, report: &Report) -> Self {
        Self { faults: report.render(Style::Plain), diagnostics: report.records(), ..self }
    }
}

impl Control {
    /// Loads the files as a reload would, on a thread of its own, and tells what that would change.
    pub(super) fn plan(&self, reply: oneshot::Sender<Plan>) {
        let (path, environment) = (self.path.clone(), self.environment.clone());
        let previous = self.loaded.clone();
        let spawned = std::thread::Builder::new().name("plan".into()).spawn(move || {
            let plan = || {
                let occasion = Occasion::Confirmed;
                let next = load::load(&path, &environment, Some(&previous), occasion);
                Plan::between(&previous, &next)
            };
            // Who asked learns of a panic by losing the way to the answer.
            if let Ok(plan) = catch_unwind(AssertUnwindSafe(plan)) {
                let _ = reply.send(plan);
            }
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "can't start a thread to plan a reload: {error}");
        }
    }
}

/// Why `next` is refused: it moves more clients of a pool than `previous` allows, and nobody confirmed that.
pub(super) fn too_many(
    previous: &Loaded,
    next: &Loaded,
    occasion: &Occasion,
) -> Option<Diagnostic> {
    let max = previous.settings().max_move;
    match occasion {
        Occasion::Asked | Occasion::Watched(_) if max < ALL => {}
        Occasion::Asked | Occasion::Watched(_) | Occasion::Confirmed => return None,
    }
    let moves = moves(previous, next);
    let worst = moves.iter().filter(|(.., moves)| is_too_many(moves, max));
    let (pools, _, worst) = worst.max_by(|a, b| a.2.fraction().total_cmp(&b.2.fraction()))?;
    let told = told(*pools, worst, previous, next);
    let message = format!("this waits to be confirmed: {told}; `max_move` is \"{max}%\"");
    Some(Code::MovesTooMany.fault(message).remedy(
        "look at `meridian plan`: `meridian reload --confirm` takes it; to refuse it, undo the edit",
    ))
}

/// The `max_move` that allows everything.
const ALL: u8 = 100;

fn is_too_many(moves: &Moves, max: u8) -> bool {
    100.0 * moves.fraction() > f64::from(max)
}

/// As in `27.3 % of IPv4 and 8.0 % of IPv6 another first az, such as …`.
fn told(pools: (PoolId, PoolId), moves: &Moves, before: &Loaded, after: &Loaded) -> String {
    let Moves { ipv4, ipv6, moves } = moves;
    let example = moves.first().map(|of| {
        let [from, to] = azs(of, before, after);
        let network = of.example.map(|network| format!("{network} ")).unwrap_or_default();
        format!(", such as {network}from {from} to {to}")
    });
    let pool = &after.routing.topology.pools[pools.1].name;
    let example = example.unwrap_or_default();
    format!("{ipv4} of IPv4 and {ipv6} of IPv6 another first az in {pool}{example}")
}

/// Pools that names have before and after, those names, and where their clients go.
type Compared = ((PoolId, PoolId), Vec<Name>, Moves);

/// Where the clients of every steered name go that is steered before and after.
fn moves(before: &Loaded, after: &Loaded) -> Vec<Compared> {
    let steered_before = steered(before);
    let mut pools: BTreeMap<(PoolId, PoolId), Vec<Name>> = BTreeMap::new();
    for (name, to) in steered(after) {
        if let Some(&from) = steered_before.get(&name) {
            pools.entry((from, to)).or_default().push(name);
        }
    }
    let view = |of: &Loaded, pool: PoolId| of.routing.topology.pools[pool].view;
    let views = pools.keys().map(|&(from, to)| (view(before, from), view(after, to)));
    let distinct: BTreeSet<_> = views.clone().collect();
    let distinct: Vec<_> = distinct.into_iter().collect();
    let moves = Moves::between(before.side(), after.side(), &distinct);
    let known: BTreeMap<_, _> = distinct.into_iter().zip(moves).collect();
    let moves = views.map(|pair| known[&pair].clone()).collect::<Vec<_>>();
    pools.into_iter().zip(moves).map(|((pair, names), moves)| (pair, names, moves)).collect()
}

/// The pool of each steered name.
fn steered(loaded: &Loaded) -> BTreeMap<Name, PoolId> {
    let zones = loaded.zones().iter().filter_map(|of| Some((of.zone()?, &of.pools)));
    let names = zones.flat_map(|(zone, pools)| {
        zone.nodes().filter_map(|node| {
            Some((node.name().to_lowercase(), *pools.get(node.binding()?.index())?))
        })
    });
    names.collect()
}

/// Every name with records or a pool.
fn names(loaded: &Loaded) -> BTreeSet<Name> {
    let of_zone = |zone: &Zone| -> Vec<Name> {
        let nodes = zone.nodes().filter(|node| node.binding().is_some() || node.sets().len() > 0);
        nodes.map(|node| node.name().to_lowercase()).collect()
    };
    loaded.zones().iter().filter_map(|of| of.zone()).flat_map(|zone| of_zone(zone)).collect()
}

fn origins(loaded: &Loaded) -> BTreeSet<Name> {
    loaded.zones().iter().map(|zone| zone.origin.to_lowercase()).collect()
}

fn difference(of: &BTreeSet<Name>, without: &BTreeSet<Name>) -> Vec<String> {
    of.difference(without).map(ToString::to_string).collect()
}

fn azs(of: &Move, before: &Loaded, after: &Loaded) -> [String; 2] {
    let name = |az: AzId, of: &Loaded| of.routing.topology.azs[az].name.clone();
    [name(of.from, before), name(of.to, after)]
}

fn move_plan(of: &Move, before: &Loaded, after: &Loaded) -> MovePlan {
    let [from, to] = azs(of, before, after);
    let countries = of.countries.iter().map(|&(country, [ipv4, ipv6])| CountryPlan {
        country: country.map(|country| country.to_string()),
        ipv4,
        ipv6,
    });
    MovePlan {
        from,
        to,
        ipv4: of.ipv4,
        ipv6: of.ipv6,
        countries: countries.collect(),
        example: of.example.map(|network| network.to_string()),
    }
}
