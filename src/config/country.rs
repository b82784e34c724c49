//! Which country codes are assigned, and what to write for those that are not.

use crate::geo::Country;

use super::suggestion::nearest;

/// The country of an assigned ISO 3166-1 alpha-2 code, in any case.
pub(super) fn assigned(text: &str) -> Option<Country> {
    Country::from_code(text).filter(|country| country.name().is_some())
}

/// What to write in place of `text`, which is no assigned code: the code, if it is a name.
pub(super) fn remedy(text: &str) -> String {
    if text.eq_ignore_ascii_case("UK") {
        return "the code of the United Kingdom is \"GB\"".to_owned();
    }
    let named = nearest(text, Country::all().map(|(_, name)| name)).filter(|_| text.len() > 3);
    match Country::all().find(|(_, name)| Some(*name) == named) {
        Some((code, name)) => format!("the code of {name} is \"{code}\""),
        None => "write an ISO 3166-1 code of two letters, such as \"IN\"".to_owned(),
    }
}
