//! `meridian explain`: the reasoning as text.

use std::fmt::Write;

use hyper::Method;

use crate::answer::explain::{
    ExplainedAz, ExplainedPlace, ExplainedRule, ExplainedWindow, FenceOf, FencedOut, Steering,
    Verdict,
};
use crate::answer::{self, Explanation, Generation, Question};
use crate::control::load::{self, Occasion};
use crate::route::Rehearsal;

use super::output::Failure;
use super::socket::environment;
use super::{Explain, Printed, check};

/// Asks the running server, or the files alone.
pub(super) fn explain(arguments: &Explain) -> Result<(), Failure> {
    let Explain { name, client, rtype, offline, printed: Printed { format, config } } = arguments;
    // What can't be asked is told before anybody is.
    let question = Question::from_text(name, rtype, *client).map_err(Failure::usage)?;
    let explanation: Explanation = if *offline {
        let loaded = load::load(&config.path()?, &environment(), None, Occasion::Asked).map_err(
            |report| {
                check::show(&report);
                Failure::Shown
            },
        )?;
        if loaded.report.has_errors() {
            check::show(&loaded.report);
        }
        let snapshot =
            loaded.snapshot(Generation(0), Rehearsal::calm(loaded.routing.clone()).routes());
        answer::explain(&snapshot, &question, None)
    } else {
        let query = [("name", name.as_str()), ("type", rtype), ("client", &client.to_string())];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        config.ask(Method::GET, &format!("/v1/explain?{query}"), None)?
    };
    format.show(&explanation, text)
}

/// The explanation as people read it.
fn text(explanation: &Explanation) -> String {
    let Explanation { name, rtype, client, generation, rcode, steering, .. } = explanation;
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{label:<10}{value}");
    };
    line("query", &format!("{name} {rtype} from {client}"));
    for steering in explanation.earlier.iter().chain(steering) {
        steered(&mut line, steering);
    }
    if steering.is_some() && explanation.answer.is_empty() {
        line("answer", "none: NODATA");
    }
    let records = explanation.answer.iter().map(|record| ("answer", record));
    let authority = explanation.authority.iter().map(|record| ("authority", record));
    for (label, record) in records.chain(authority) {
        line(label, record);
    }
    if let Some(Steering { ttl, ttl_is_short, .. }) = steering {
        let why = if *ttl_is_short { " (min_ttl: something is moving)" } else { "" };
        line("ttl", &format!("{ttl} s{why}"));
    }
    match explanation.scope {
        Some(scope) => line("scope", &format!("/{scope}")),
        None => line("scope", "none: the answer carries no client subnet"),
    }
    let origin = match generation {
        0 => "the files, every endpoint up".into(),
        generation => format!("generation {generation}"),
    };
    line("rcode", &format!("{rcode}, from {origin}"));
    text
}

fn steered(line: &mut impl FnMut(&str, &str), steering: &Steering) {
    let Steering {
        pool,
        policy,
        decided_by,
        place,
        rule,
        slot,
        azs,
        fenced_out,
        tier,
        all_down,
        windows,
        ..
    } = steering;
    line("client", decided_by);
    line("place", &placed(place));
    line("pool", &format!("{pool}, policy {policy}"));
    if let Some(rule) = rule {
        line("rule", &matched(rule));
    }
    if let Some(slot) = slot {
        line("slot", &format!("{slot} of 4096, by weight"));
    }
    let names = azs.iter().map(|az| &az.name).chain(fenced_out.iter().map(|az| &az.name));
    let width = names.map(String::len).max().unwrap_or(0);
    for (index, az) in azs.iter().enumerate() {
        line(if index == 0 { "azs" } else { "" }, &ordered(az, width));
    }
    for (index, outside) in fenced_out.iter().enumerate() {
        line(if index == 0 { "fence" } else { "" }, &fenced(outside, width));
    }
    match tier {
        1 => {}
        2 => line("tier", "2: no az is eligible; the first with an endpoint up answers"),
        3 => {
            let decides =
                format!("3: no az that may be given is up; all_down = {all_down} decides");
            line("tier", &decides);
        }
        _ => line("tier", "4: only drained azs are left"),
    }
    for ExplainedWindow { rtype, slot, first, last, of } in windows {
        line("window", &format!("{rtype} {first} to {last} of {of}, by slot {slot}"));
    }
}

fn matched(rule: &ExplainedRule) -> String {
    let ExplainedRule { number, clients, set, group } = rule;
    let clients = clients.join(", ");
    let group = group.as_ref().map(|group| format!(" in group:{group}")).unwrap_or_default();
    if clients == *set {
        format!("number {number} ({clients})")
    } else {
        format!("number {number} ({clients}), by {set}{group}")
    }
}

fn placed(place: &ExplainedPlace) -> String {
    let ExplainedPlace { point, point_from, country, continent, subdivision, asn, network } = place;
    // A subdivision's code begins with its country's.
    let country = subdivision.as_ref().or(country.as_ref()).cloned();
    let asn = asn.map(|asn| format!("AS{asn}"));
    let codes = [country, continent.clone(), asn].into_iter().flatten();
    let codes = codes.collect::<Vec<_>>().join(", ");
    let Some((latitude, longitude)) = point else {
        return if codes.is_empty() {
            format!("unknown: no database has {network}")
        } else {
            format!("no coordinates ({codes}), as all of {network}")
        };
    };
    let from = point_from.as_deref().unwrap_or("nowhere");
    format!("{latitude:.2}, {longitude:.2} ({codes}) from {from}, as all of {network}")
}

fn ordered(az: &ExplainedAz, width: usize) -> String {
    let ExplainedAz { name, distance_km, bias, weight, state, overridden, kept, cause, verdict } =
        az;
    let distance = distance(*distance_km);
    let bias = if *bias == 1.0 { String::new() } else { format!(" x {bias}") };
    let weight = weight.map(|weight| format!(" weight {weight}")).unwrap_or_default();
    let verdict = match verdict {
        Verdict::Chosen => "chosen",
        Verdict::PassedOver => "passed over",
        Verdict::NotNeeded => "not needed",
    };
    let cause = cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
    let state = match overridden {
        Some(order) => format!("{order}; measured {state}"),
        None => state.clone(),
    };
    let kept = kept.as_ref().map(|kept| format!("; kept: {kept}")).unwrap_or_default();
    format!("{name:<width$}  {distance:>9}{bias}{weight}  {verdict:<11}  {state}{cause}{kept}")
}

fn fenced(FencedOut { name, distance_km, fence }: &FencedOut, width: usize) -> String {
    let whose = match fence {
        FenceOf::Pool => "the pool's",
        FenceOf::Rule => "the rule's",
    };
    let distance = distance(*distance_km);
    format!("{name:<width$}  {distance:>9}  never given: outside {whose} `allow`")
}

fn distance(km: Option<f64>) -> String {
    km.map_or_else(|| "?".into(), |km| format!("{km:.0} km"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_its_narrowest_code_and_its_autonomous_system() {
        let place = ExplainedPlace {
            point: Some((48.14, 11.58)),
            point_from: Some("city.mmdb".into()),
            country: Some("DE".into()),
            continent: Some("EU".into()),
            subdivision: Some("DE-BY".into()),
            asn: Some(64500),
            network: "1.0.0.0/24".into(),
        };
        let shown = "48.14, 11.58 (DE-BY, EU, AS64500) from city.mmdb, as all of 1.0.0.0/24";
        assert_eq!(placed(&place), shown);
    }

    #[test]
    fn a_place_without_coordinates_is_not_one_that_no_database_has() {
        let mut place = ExplainedPlace {
            point: None,
            point_from: None,
            country: None,
            continent: None,
            subdivision: None,
            asn: None,
            network: "192.0.2.0/24".into(),
        };
        assert_eq!(placed(&place), "unknown: no database has 192.0.2.0/24");
        place.continent = Some("EU".into());
        assert_eq!(placed(&place), "no coordinates (EU), as all of 192.0.2.0/24");
    }
}
