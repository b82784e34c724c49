//! `meridian plan`: what a reload would change, before it does.

use std::fmt::Write;

use hyper::Method;

use crate::control::Plan;
use crate::control::load::{self, Occasion};
use crate::control::plan::{CountryPlan, MovePlan, PoolPlan};

use super::output::{Failure, plural};
use super::socket::environment;
use super::{Printed, check};

/// Asks the running server, or compares files. Fails where a reload would refuse something.
pub(super) fn plan(arguments: &super::Plan) -> Result<(), Failure> {
    let super::Plan { against, printed: Printed { format, config } } = arguments;
    let plan: Plan = match against {
        None => config.ask(Method::POST, "/v1/plan", None)?,
        Some(before) => {
            let environment = environment();
            let before =
                load::load(before, &environment, None, Occasion::Asked).map_err(|report| {
                    check::show(&report);
                    Failure::Shown
                })?;
            let path = config.path()?;
            let after = load::load(&path, &environment, Some(&before), Occasion::Confirmed);
            Plan::between(&before, &after)
        }
    };
    let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), plan.faults.as_bytes());
    format.show(&plan, text)?;
    if plan.clean && plan.broken.is_empty() { Ok(()) } else { Err(Failure::Shown) }
}

fn text(plan: &Plan) -> String {
    let Plan { clean, pools, names_come, names_go, zones_come, zones_go, broken, .. } = plan;
    let mut text = String::new();
    for (what, names) in [
        ("zones that come", zones_come),
        ("zones that go", zones_go),
        ("names that come", names_come),
        ("names that go", names_go),
    ] {
        if !names.is_empty() {
            let _ = writeln!(text, "{what}: {}", some(names));
        }
    }
    for pool in pools {
        text += &pool_text(pool);
    }
    if plan.is_empty() && *clean {
        text += "no client moves, and no name comes or goes\n";
    }
    for broken in broken {
        let _ = writeln!(text, "refused unless confirmed: {broken}");
    }
    if !clean {
        text += "a reload would not take all of it\n";
    }
    text
}

fn pool_text(pool: &PoolPlan) -> String {
    let PoolPlan { name, before, names, ipv4, ipv6, moves } = pool;
    let formerly = if before == name { String::new() } else { format!(", formerly {before}") };
    let (ipv4, ipv6) = (100.0 * ipv4, 100.0 * ipv6);
    let mut text = format!(
        "{name}{formerly}: {ipv4:.1} % of IPv4 and {ipv6:.1} % of IPv6 get another first az, of {}\n",
        some(names)
    );
    let width = |of: fn(&MovePlan) -> &String| moves.iter().map(|it| of(it).len()).max();
    let (from_width, to_width) = (width(|of| &of.from), width(|of| &of.to));
    for of in moves {
        let MovePlan { from, to, ipv4, ipv6, countries, example } = of;
        let example = example.as_ref().map(|it| format!(", such as {it}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {from:<0$} -> {to:<1$}  {ipv4:>10} IPv4 addresses, {ipv6:>15} IPv6 /64s{example}; {2}",
            from_width.unwrap_or(0),
            to_width.unwrap_or(0),
            most(countries, *ipv4, *ipv6)
        );
    }
    text
}

/// The countries with most of a move.
fn most(countries: &[CountryPlan], ipv4: u64, ipv6: u64) -> String {
    let sizes = |of: &CountryPlan| if ipv4 > 0 { (of.ipv4, ipv4) } else { (of.ipv6, ipv6) };
    let share = |of: &CountryPlan| {
        let (part, whole) = sizes(of);
        let country = of.country.as_deref().unwrap_or("unknown");
        format!("{country} {:.0} %", 100.0 * part as f64 / whole.max(1) as f64)
    };
    let countries = countries.iter().filter(|of| sizes(of).0 > 0);
    countries.take(MOST_COUNTRIES).map(share).collect::<Vec<_>>().join(", ")
}

/// The first of some names, and how many more there are.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} other{}", plural(more)),
    }
}

const MOST_COUNTRIES: usize = 5;
const MOST_NAMES: usize = 10;
