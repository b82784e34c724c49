//! `meridian simulate`: where clients would go if azs were lost, by the daemon's own code.

mod served;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::answer::simulation::{Added, AzDemand, BindingFence, Broken, Fence, Simulation};
use crate::answer::{Generation, Snapshot};
use crate::config;
use crate::config::suggestion::{did_you_mean, list};
use crate::control::load::{self, Loaded, Occasion, Report};
use crate::diag::Sources;
use crate::geo::Demand;
use crate::route::status::{CapacityStatus, Status};
use crate::route::{AllDown, AzId, Pool, PoolId, Rehearsal, Topology};

use super::output::{self, Failure};
use super::socket::environment;
use super::{Printed, Simulate, check};

pub use served::LostServed;

/// What came of a simulation, for programs.
#[derive(Debug, Serialize)]
pub struct Simulated {
    /// Where the demand is from: `uniform`, or the file.
    pub source: String,
    /// The file that says what load azs have; `None` if none does, or no az has a capacity.
    pub loads: Option<String>,
    /// What was lost, one after the other; azs of one element together.
    pub losses: Vec<Loss>,
}

/// What the loss of azs does.
#[derive(Debug, Serialize)]
pub struct Loss {
    /// The azs.
    pub lost: Vec<String>,
    /// What it does to each pool that has one of them.
    pub pools: Vec<PoolLoss>,
    /// What azs with a capacity carry, in all pools.
    pub capacity: Vec<AzLoad>,
    /// The limits of azs that break.
    pub broken: Vec<String>,
}

/// What an az with a capacity carries.
#[derive(Debug, Serialize)]
pub struct AzLoad {
    /// The name.
    pub name: String,
    /// Its load before; `None` if nothing is known of it.
    pub before: Option<f64>,
    /// Its load after.
    pub after: Option<f64>,
    /// Displaced clients fill it up to here while any az has room.
    pub soft: f64,
    /// They fill it up to here once none has.
    pub hard: f64,
}

/// What the loss of azs does to a pool.
#[derive(Debug, Serialize)]
pub struct PoolLoss {
    /// The full name.
    pub name: String,
    /// All demand, in the unit of the file, or in /24s.
    pub demand: f64,
    /// The demand of clients who are sent elsewhere, or nowhere.
    pub moved: f64,
    /// The demand of clients who are given nothing.
    pub unanswered: f64,
    /// How many kilometres farther those go who move: half of them no more.
    pub added_km_median: Option<f64>,
    /// 99 % of them no more.
    pub added_km_99: Option<f64>,
    /// The azs with demand before or after, by name.
    pub azs: Vec<AzLoss>,
    /// The fences that keep clients who move from a nearer az that is in service, the most first.
    pub fences: Vec<PoolFence>,
    /// The limits that break.
    pub broken: Vec<String>,
    /// The lost azs that clients are given all the same.
    pub served: Vec<LostServed>,
    /// The lost azs of the pool of which an endpoint is not probed, and so is given on.
    pub unprobed: Vec<String>,
}

/// A fence that keeps clients from an az.
#[derive(Debug, Serialize)]
pub struct PoolFence {
    /// The rule that has it, from 1; `None`: the pool.
    pub rule: Option<usize>,
    /// The az outside it.
    pub az: String,
    /// The demand of clients who would have gone there.
    pub demand: f64,
}

/// What the loss of azs does to an az.
#[derive(Debug, Serialize)]
pub struct AzLoss {
    /// The name.
    pub name: String,
    /// Its demand before.
    pub before: f64,
    /// Its demand after.
    pub after: f64,
    /// How many kilometres farther those go who come to it: half of them no more.
    pub added_km_median: Option<f64>,
    /// 99 % of them no more.
    pub added_km_99: Option<f64>,
}

/// Simulates, and prints what came of it. Fails if a limit breaks.
pub(super) fn simulate(arguments: &Simulate) -> Result<(), Failure> {
    let Simulate { lose, all, demand, pool, printed: Printed { format, config } } = arguments;
    let loaded = loaded(&config.path()?)?;
    let topology = &loaded.routing.topology;
    let losses = if *all { losses(topology) } else { vec![named(topology, lose)?] };
    let pools = pools(topology, pool.as_deref())?;
    let stated = match demand {
        Some(path) => stated(path, topology)?,
        None => Stated::default(),
    };
    let file = demand.as_ref().map(|path| path.display().to_string());
    let bears = !topology.capacities.limits.is_empty();
    let is_uniform = stated.demand == Demand::Uniform;
    let simulated = Simulated {
        source: file.clone().filter(|_| !is_uniform).unwrap_or_else(|| UNIFORM.into()),
        loads: file.filter(|_| bears),
        losses: run(&loaded, &losses, &pools, &stated),
    };
    let is_broken = |loss: &Loss| {
        !loss.broken.is_empty() || loss.pools.iter().any(|pool| !pool.broken.is_empty())
    };
    let is_broken = simulated.losses.iter().any(is_broken);
    format.show(&simulated, |simulated| if *all { table(simulated) } else { text(simulated) })?;
    if is_broken { Err(Failure::Shown) } else { Ok(()) }
}

/// What a demand file states.
#[derive(Default)]
struct Stated {
    /// Who asks; uniform where it says nothing of clients.
    demand: Demand,
    /// The loads of azs.
    azs: BTreeMap<AzId, f64>,
}

/// The files, whose errors are shown.
fn loaded(path: &Path) -> Result<Loaded, Failure> {
    let loaded = load::load(path, &environment(), None, Occasion::Asked).map_err(|report| {
        check::show(&report);
        Failure::Shown
    })?;
    if loaded.report.has_errors() {
        check::show(&loaded.report);
    }
    Ok(loaded)
}

/// Every az, and every two.
fn losses(topology: &Topology) -> Vec<Vec<AzId>> {
    let azs = topology.azs.ids().collect::<Vec<_>>();
    let single = azs.iter().map(|&az| vec![az]);
    let double = azs
        .iter()
        .enumerate()
        .flat_map(|(at, &first)| azs[at + 1..].iter().map(move |&second| vec![first, second]));
    single.chain(double).collect()
}

/// The azs of these names.
fn named(topology: &Topology, names: &[String]) -> Result<Vec<AzId>, Failure> {
    let az = |name: &String| {
        topology.azs.position(|az| az.name == *name).ok_or_else(|| {
            let known = topology.azs.values().map(|az| az.name.as_str());
            let meant = did_you_mean(name, known).map(|meant| format!("; {meant}"));
            Failure::usage(format!("no az is named {name:?}{}", meant.unwrap_or_default()))
        })
    };
    let mut azs = names.iter().map(az).collect::<Result<Vec<_>, _>>()?;
    azs.sort_unstable();
    azs.dedup();
    Ok(azs)
}

/// The pool of this name, full or its last part, or all.
fn pools(topology: &Topology, name: Option<&str>) -> Result<Vec<PoolId>, Failure> {
    let Some(name) = name else { return Ok(topology.pools.ids().collect()) };
    let is_named = |pool: &Pool| pool.name == name || pool.name.ends_with(&format!(":{name}"));
    let named = topology.pools.iter().filter(|(_, pool)| is_named(pool));
    let mut named: Vec<_> = named.collect();
    if let Some(full) = named.iter().position(|(_, pool)| pool.name == name) {
        named = vec![named[full]];
    }
    match named[..] {
        [(id, _)] => Ok(vec![id]),
        [] => {
            let known = topology.pools.values().map(|pool| pool.name.as_str());
            let meant = did_you_mean(name, known).map(|meant| format!("; {meant}"));
            Err(Failure::usage(format!("no pool is named {name:?}{}", meant.unwrap_or_default())))
        }
        _ => {
            let names = list(named.iter().map(|(_, pool)| &pool.name));
            Err(Failure::usage(format!("pool {name:?} may be {names}: write the full name")))
        }
    }
}

/// What a demand file states, whose faults are shown.
fn stated(path: &Path, topology: &Topology) -> Result<Stated, Failure> {
    let read = config::open(path).and_then(|mut file| {
        let mut text = vec![];
        file.read_to_end(&mut text).map(|_| text)
    });
    let unreadable = |error| Failure::usage(format!("can't read {}: {error}", path.display()));
    let text = read.map_err(unreadable)?;
    let mut sources = Box::new(Sources::new());
    let file = sources.add(path, text.as_slice());
    let (demand, diagnostics) = config::demand(&text, file);
    let report = Report { sources, diagnostics, ..Report::default() };
    if report.has_errors() {
        check::show(&report);
        return Err(Failure::Shown);
    }
    let mut stated = Stated::default();
    for (name, load, _) in demand.azs {
        let id = named(topology, std::slice::from_ref(&name))?;
        stated.azs.extend(id.into_iter().map(|id| (id, load)));
    }
    if !demand.clients.is_empty() || stated.azs.is_empty() {
        stated.demand = Demand::Recorded(demand.clients);
    }
    if !stated.azs.is_empty() && topology.capacities.limits.is_empty() {
        output::error("no az has a capacity: what the file says of azs is left out");
    }
    Ok(stated)
}

/// What each of `losses` does.
fn run(loaded: &Loaded, losses: &[Vec<AzId>], pools: &[PoolId], stated: &Stated) -> Vec<Loss> {
    let topology = &loaded.routing.topology;
    let snapshot = |routes| loaded.snapshot(Generation(0), routes);
    let before = snapshot(Arc::default());
    let ground = (&*before.views, &*before.places);
    let routing = loaded.routing.clone();
    let routing = routing.with_load(ground, &stated.demand, stated.azs.clone());
    let calm = Rehearsal::calm(routing.clone());
    let before = Snapshot { routes: calm.routes(), ..before };
    for country in stated.demand.nowhere(&before.places) {
        let nowhere = "no database places an IPv4 address in";
        output::error(format_args!("{nowhere} {country}: its demand is left out"));
    }
    let name = |&az: &AzId| topology.azs[az].name.clone();
    let (mut told, mut after, mut statuses) = (vec![], vec![], vec![]);
    for lost in losses {
        let mut rehearsal = Rehearsal::calm(routing.clone());
        rehearsal.lose(lost);
        let (loads_before, loads) = (calm.capacity(), rehearsal.capacity());
        let broken = Broken::of_azs(&loads_before, &loads);
        told.push(Loss {
            lost: lost.iter().map(name).collect(),
            pools: vec![],
            capacity: loads_before.into_iter().zip(loads).map(az_load).collect(),
            broken: broken.into_iter().map(|broken| broken_text(&broken, 0.0)).collect(),
        });
        after.push(snapshot(rehearsal.routes()));
        statuses.push(rehearsal.status());
    }
    for &pool in pools {
        let simulations =
            Simulation::run(&before, &after, pool, &stated.demand).unwrap_or_default();
        let told = told.iter_mut().zip(losses).zip(&statuses).zip(&simulations);
        for (((loss, lost), status), simulation) in told {
            if is_of(topology, pool, lost) {
                loss.pools.push(pool_loss(topology, pool, lost, simulation, status));
            }
        }
    }
    told
}

fn az_load((before, after): (CapacityStatus, CapacityStatus)) -> AzLoad {
    let CapacityStatus { az, soft, hard, own, load, .. } = after;
    AzLoad { name: az, before: before.own, after: own.is_some().then_some(load), soft, hard }
}

/// What breaks, of so much demand.
fn broken_text(broken: &Broken, demand: f64) -> String {
    match broken {
        Broken::Unanswered(lost) => format!("{} of demand is given nothing", share(*lost, demand)),
        Broken::Capacity(limit) => limit.to_string(),
    }
}

/// Whether a pool or its fallback has one of the azs.
fn is_of(topology: &Topology, pool: PoolId, azs: &[AzId]) -> bool {
    let pool = &topology.pools[pool];
    let fallback = match pool.all_down {
        AllDown::Fallback(fallback) => topology.pools.get(fallback),
        AllDown::Open | AllDown::Closed | AllDown::Last => None,
    };
    [Some(pool), fallback]
        .into_iter()
        .flatten()
        .flat_map(|pool| &pool.azs)
        .any(|az| azs.contains(&az.az))
}

fn pool_loss(
    topology: &Topology,
    pool: PoolId,
    lost: &[AzId],
    simulation: &Simulation,
    status: &Status,
) -> PoolLoss {
    let served = served::served(topology, pool, lost, simulation, status);
    let Simulation { demand, moved, unanswered, added, azs, fences, .. } = simulation;
    let pool = &topology.pools[pool];
    let broken = simulation.broken();
    let fence = |binding: &BindingFence| PoolFence {
        rule: match binding.fence {
            Fence::Pool => None,
            Fence::Rule(number) => Some(number),
        },
        az: topology.azs[binding.az].name.clone(),
        demand: binding.demand,
    };
    let concerned = azs.iter().filter(|(_, az)| az.before > 0.0 || az.after > 0.0);
    let unprobed = pool.azs.iter().filter(|az| {
        lost.contains(&az.az) && az.endpoints.iter().any(|endpoint| endpoint.monitor.is_none())
    });
    PoolLoss {
        name: pool.name.clone(),
        demand: *demand,
        moved: *moved,
        unanswered: *unanswered,
        added_km_median: added.median,
        added_km_99: added.most,
        azs: concerned.map(|(id, az)| az_loss(topology, id, az)).collect(),
        fences: fences.iter().map(fence).collect(),
        broken: broken
            .iter()
            .map(|broken| broken_text(broken, *demand))
            .chain(served::broken(&served, |part| share(part, *demand)))
            .collect(),
        served,
        unprobed: unprobed.map(|az| topology.azs[az.az].name.clone()).collect(),
    }
}

fn az_loss(topology: &Topology, id: AzId, az: &AzDemand) -> AzLoss {
    let AzDemand { before, after, added: Added { median, most } } = *az;
    let name = topology.azs[id].name.clone();
    AzLoss { name, before, after, added_km_median: median, added_km_99: most }
}

/// One loss, az by az.
fn text(simulated: &Simulated) -> String {
    let Simulated { source, loads, losses } = simulated;
    let unit = if source == UNIFORM { " (/24s)" } else { "" };
    let mut text = described(source, loads.as_deref());
    for Loss { lost, pools, capacity, broken } in losses {
        let _ = writeln!(text, "lost      {}", lost.join(", "));
        for pool in pools {
            let _ = write!(text, "\n{}: {}", pool.name, moved(pool));
            let rows = pool.azs.iter().map(|az| {
                [
                    az.name.clone(),
                    share(az.before, pool.demand),
                    share(az.after, pool.demand),
                    number(az.before),
                    number(az.after),
                    kilometres(az.added_km_median),
                    kilometres(az.added_km_99),
                ]
            });
            let demand = format!("demand{unit}");
            let head = ["az", "share", "after", &demand, "after", "added km", "99 %"];
            text += &columns(&head, rows);
        }
        if !capacity.is_empty() {
            let _ = writeln!(text, "\ncapacity, in all pools");
            text += &lines("breaks", broken);
            let rows = capacity.iter().map(|az| {
                let load = |load: Option<f64>| load.map_or_else(|| "-".into(), number);
                let [soft, hard] = [az.soft, az.hard].map(number);
                [az.name.clone(), load(az.before), load(az.after), soft, hard]
            });
            text += &columns(&["az", "load", "after", "soft", "hard"], rows);
        }
    }
    text
}

/// A line for each of these texts.
fn lines(what: &str, texts: &[String]) -> String {
    texts.iter().map(|text| format!("{what}: {text}\n")).collect()
}

/// All losses, a line each.
fn table(simulated: &Simulated) -> String {
    let mut text = described(&simulated.source, simulated.loads.as_deref());
    let mut names: Vec<_> =
        simulated.losses.iter().flat_map(|loss| &loss.pools).map(|pool| &pool.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let rows = simulated.losses.iter().filter_map(|loss| {
            let pool = loss.pools.iter().find(|pool| pool.name == *name)?;
            let most = pool.azs.iter().max_by(|a, b| gain(a).total_cmp(&gain(b)));
            let most = most.filter(|az| gain(az) > 0.0);
            Some([
                loss.lost.join(" "),
                share(pool.moved, pool.demand),
                share(pool.unanswered, pool.demand),
                share(served::demand(pool), pool.demand),
                most.map_or_else(|| "-".into(), |az| az.name.clone()),
                most.map_or_else(|| "-".into(), |az| share(az.before, pool.demand)),
                most.map_or_else(|| "-".into(), |az| share(az.after, pool.demand)),
                kilometres(pool.added_km_median),
                kilometres(pool.added_km_99),
                if pool.broken.is_empty() { "-".into() } else { pool.broken.join(", ") },
            ])
        });
        let head = [
            "lost", "moves", "nothing", "dead", "most to", "share", "after", "added km", "99 %",
            "breaks",
        ];
        let _ = write!(text, "\n{name}\n{}", columns(&head, rows));
    }
    let broken: Vec<_> = simulated.losses.iter().filter(|loss| !loss.broken.is_empty()).collect();
    if !broken.is_empty() {
        text += "\nbreaks, in all pools\n";
    }
    for loss in broken {
        let _ = writeln!(text, "{}: {}", loss.lost.join(" "), loss.broken.join(", "));
    }
    text
}

fn gain(az: &AzLoss) -> f64 {
    az.after - az.before
}

fn described(source: &str, loads: Option<&str>) -> String {
    let demand = match source {
        UNIFORM => "uniform: each IPv4 /24 that the databases place counts once".into(),
        file => format!("recorded in {file}"),
    };
    let loads = loads.map(|file| format!("loads     stated in {file}\n")).unwrap_or_default();
    format!("demand    {demand}\n{loads}")
}

/// What a pool's loss comes to, in a line, and a line for each thing to know of it.
fn moved(pool: &PoolLoss) -> String {
    let PoolLoss { demand, moved, unanswered, fences, broken, unprobed, .. } = pool;
    let (moved, nothing) = (share(*moved, *demand), share(*unanswered, *demand));
    let mut text = format!("{moved} of demand moves, {nothing} is given nothing\n");
    for PoolFence { rule, az, demand: kept } in fences {
        let fence = rule.map_or_else(|| "the pool".into(), |number| format!("rule {number}"));
        let kept = share(*kept, *demand);
        let _ = writeln!(text, "the fence of {fence} keeps {kept} of demand from {az}");
    }
    text += &lines("breaks", broken);
    if !unprobed.is_empty() {
        let azs = unprobed.join(", ");
        let _ = writeln!(text, "not probed in {azs}, and so given on: endpoints without a check");
    }
    text
}

/// Rows below their heads, the first column to the left.
fn columns<const N: usize>(head: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let head = head.map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// As in `27.3 %`.
fn share(part: f64, of: f64) -> String {
    if of > 0.0 { format!("{:.1} %", 100.0 * part / of) } else { "-".into() }
}

/// As much of a number as people read.
fn number(number: f64) -> String {
    if number < 100.0 && number.fract() != 0.0 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    }
}

fn kilometres(added: Option<f64>) -> String {
    added.map_or_else(|| "-".into(), |km| format!("{km:.0}"))
}

/// The source of demand that no file gives.
const UNIFORM: &str = "uniform";
