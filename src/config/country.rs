//! Which country codes are assigned, and what to write for those that are not.

use crate::geo::Country;

use super::suggestion::nearest;

/// The country of an assigned ISO 3166-1 alpha-2 code, in any case.
pub(super) fn assigned(text: &str) -> Option<Country> {
    let country = Country::from_code(text)?;
    let code = country.to_string();
    countries().any(|(assigned, _)| assigned == code).then_some(country)
}

/// What to write in place of `text`, which is no assigned code: the code, if it is a name.
pub(super) fn remedy(text: &str) -> String {
    if text.eq_ignore_ascii_case("UK") {
        return "the code of the United Kingdom is \"GB\"".to_owned();
    }
    let named = nearest(text, countries().map(|(_, name)| name)).filter(|_| text.len() > 3);
    match countries().find(|(_, name)| Some(*name) == named) {
        Some((code, name)) => format!("the code of {name} is \"{code}\""),
        None => "write an ISO 3166-1 code of two letters, such as \"IN\"".to_owned(),
    }
}

/// Codes and names.
fn countries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = include_str!("../../geoip/countries.csv").lines().skip(1);
    rows.filter_map(|row| {
        let mut fields = row.split(',');
        Some((fields.next()?, fields.nth(1)?))
    })
}
